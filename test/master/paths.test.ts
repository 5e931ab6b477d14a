/** What servers are told of the paths of volumes, over a failover, a restart of the master, and changes of records. */
import { describe, expect, it } from 'vitest'
import type { VolumePaths } from '../../src/frontend/paths.ts'
import type { ToServer } from '../../src/master/links.ts'
import { ClusterRig, type RigServer } from './cluster-rig.ts'

const pathsHeard = ({ heard }: RigServer) =>
  heard.filter((one): one is Extract<ToServer, { kind: 'paths' }> => one.kind === 'paths')

/** What a server knows of volumes, and whether that is all there are. */
function tableOf(server: RigServer): {
  readonly isWhole: boolean
  readonly volumes: Map<string, VolumePaths>
} {
  let isWhole = false
  let volumes = new Map<string, VolumePaths>()
  for (const message of pathsHeard(server)) {
    if (message.isFirst) {
      volumes = new Map()
      isWhole = false
    }
    for (const volume of message.removed) volumes.delete(volume)
    for (const paths of message.volumes) volumes.set(paths.volume, paths)
    isWhole ||= message.isLast
  }
  return { isWhole, volumes }
}
const rolesAt = (server: RigServer, volume: string): string =>
  tableOf(server)
    .volumes.get(volume)
    ?.paths.map(({ role }) => role)
    .join(' ') ?? 'unknown'

describe('the paths of volumes', () => {
  it('are told to every server, also to one without a replica', () =>
    ClusterRig.play(async (rig) => {
      const [a, b, c] = rig.servers as [RigServer, RigServer, RigServer]
      const uuid = await rig.served({
        replicas: [
          { server: a.id, state: 'ready', slot: 0 },
          { server: b.id, state: 'ready', slot: 5 },
        ],
        isMultipath: true,
      })
      await rig.wait(1000)
      for (const server of rig.servers) {
        expect(tableOf(server).isWhole).toBe(true)
        expect(tableOf(server).volumes.get(uuid)).toMatchObject({
          name: 'vol-000001',
          isMultipath: true,
          paths: [
            { server: a.id, slot: 0, role: 'active', iscsi: ['h:3'], nvme: [] },
            { server: b.id, slot: 5, role: 'standby' },
          ],
        })
      }
      expect(c.held.has(uuid)).toBe(true)
    }))

  it('say within a few ms that nobody leads, and who leads next', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      await rig.wait(1000)
      const [a, b] = rig.servers as [RigServer, RigServer]
      const told = pathsHeard(b).length
      a.down()
      await rig.wait(5)
      expect(rolesAt(b, uuid)).toBe('unavailable transitioning transitioning')
      await rig.until('the failover', () => rig.isServed(uuid))
      await rig.wait(5)
      const primary = rig.servers.findIndex(({ id }) => id === rig.record(uuid).lead.primary)
      const roles = ['unavailable', 'standby', 'standby']
      roles[primary] = 'active'
      expect(rolesAt(b, uuid)).toBe(roles.join(' '))
      // one for the loss, one for the new primary: what comes in one turn goes together
      expect(pathsHeard(b).length - told).toBe(2)
      await a.up()
      await rig.wait(20)
      roles[0] = 'standby'
      for (const server of rig.servers) expect(rolesAt(server, uuid)).toBe(roles.join(' '))
    }))

  it('say that nobody leads as soon as a planned move has stopped the primary', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      await rig.wait(1000)
      const [a, b, c] = rig.servers as [RigServer, RigServer, RigServer]
      const from = pathsHeard(c).length
      expect(await rig.runtime.leads.move(uuid, b.id)).toEqual({ kind: 'moved' })
      await rig.wait(5)
      const seen = pathsHeard(c)
        .slice(from)
        .map(({ volumes }) => volumes[0]?.paths.map(({ role }) => role).join(' '))
      expect(seen).toEqual(['transitioning transitioning transitioning', 'standby active standby'])
      expect(rolesAt(a, uuid)).toBe('standby active standby')
    }))

  it('cost nothing while nothing happens', () =>
    ClusterRig.play(async (rig) => {
      await rig.served()
      await rig.wait(5000)
      const told = rig.servers.map((server) => pathsHeard(server).length)
      await rig.wait(20_000)
      expect(rig.servers.map((server) => pathsHeard(server).length)).toEqual(told)
    }))

  it('follow the record: access, size, replicas, and the end of the volume', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      const [, b] = rig.servers as [RigServer, RigServer]
      const write = async (change: object): Promise<void> => {
        const record = { ...rig.record(uuid), ...change }
        await rig.store.change(() => ({ writes: [{ kind: 'volume', record }], result: null }))
        await rig.wait(5)
      }
      const told = (): VolumePaths | undefined => tableOf(b).volumes.get(uuid)
      const { access, replicas, sizeBytes } = rig.record(uuid)
      await write({ access: { ...access, initiators: ['iqn.2026-11.org.example:h'], hosts: [] } })
      expect(told()).toMatchObject({ initiators: ['iqn.2026-11.org.example:h'], hosts: [] })
      await write({ sizeBytes: 2 * sizeBytes, replicas: replicas.slice(0, 2) })
      expect(told()?.sizeBytes).toBe(2 * sizeBytes)
      expect(told()?.paths.map(({ slot }) => slot)).toEqual([0, 1])
      await write({ state: 'deleting' })
      expect(told()).toBeUndefined()
    }))

  it('are told whole again after a restart of the master, with who leads', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      await rig.wait(1000)
      const [, b] = rig.servers as [RigServer, RigServer]
      b.heard.length = 0
      await rig.restart()
      for (const server of rig.servers.slice(0, 2)) server.beat(true)
      await rig.wait(50)
      // one server has not said yet what it leads
      expect(pathsHeard(b)).toEqual([])
      rig.servers[2]?.beat(true)
      await rig.wait(50)
      expect(tableOf(b).isWhole).toBe(true)
      expect(rolesAt(b, uuid)).toBe('active standby standby')
      expect(pathsHeard(b).length).toBe(1)
    }))

  it('are told although a server stays away, with that path unavailable', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      const [, b, c] = rig.servers as [RigServer, RigServer, RigServer]
      c.down()
      await rig.wait(1000)
      b.heard.length = 0
      await rig.restart()
      for (const server of rig.servers.slice(0, 2)) server.beat(true)
      await rig.wait(1500)
      expect(pathsHeard(b)).toEqual([])
      await rig.wait(1500)
      expect(rolesAt(b, uuid)).toBe('active standby unavailable')
    }))

  it('are not told of a registry that is in doubt, until it is recovered', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      await rig.wait(1000)
      const [a, b] = rig.servers as [RigServer, RigServer]
      const lock = { reason: 'seq', detail: 'old', since: 0 } as const
      const record = { ...rig.store.view.cluster, lock }
      await rig.store.change(() => ({ writes: [{ kind: 'cluster', record }], result: null }))
      const told = pathsHeard(b).length
      a.down()
      await rig.wait(5000)
      expect(pathsHeard(b).length).toBe(told)
      await a.up()
      await rig.wait(1000)
      await rig.runtime.recover({ force: false, actor: 'anna' })
      await rig.until('service', () => rig.isServed(uuid))
      await rig.wait(50)
      expect(tableOf(a).isWhole).toBe(true)
      for (const server of rig.servers) expect(rolesAt(server, uuid)).toMatch(/active/)
    }))

  it('wait while the master is not certain that it leads, and none of the changes is left out', () =>
    ClusterRig.play(async (rig) => {
      const [a, b, c] = rig.servers as [RigServer, RigServer, RigServer]
      const uuid = await rig.served()
      await rig.wait(1000)
      expect(rolesAt(a, uuid)).toBe('active standby standby')
      rig.leadershipMs = 0
      const before = a.heard.length
      c.down()
      await rig.wait(8000)
      // nor anything else: no grant, no seal
      expect(a.heard).toHaveLength(before)
      expect(rig.record(uuid).lead.epoch.number).toBe(1)
      rig.leadershipMs = 3000
      await rig.wait(1000)
      for (const server of [a, b]) expect(rolesAt(server, uuid)).toBe('active standby unavailable')
    }))
})
