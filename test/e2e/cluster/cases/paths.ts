/**
 * Every server answers for every volume: three servers and a master of their own, a volume with one path and one with a path
 * at each server that has a replica. Hosts ask every server, before and after planned moves, and while the primary's server
 * lies dead.
 */
import { join } from 'node:path'
import { parseHostPort } from '../../../../src/base/address.ts'
import { isBlockError } from '../../../../src/base/errors.ts'
import { parseSense } from '../../../../src/iscsi/initiator/sense.ts'
import type { InitiatorSession } from '../../../../src/iscsi/initiator/session.ts'
import { type Host, initiatorOf, login, send } from '../../target/support/host.ts'
import type { VolumeJson } from '../fixture/api.ts'
import { RealCluster, type Server } from '../fixture/real-cluster.ts'
import type { ClusterCase } from '../fixture/scene.ts'
import { expect } from '../fixture/scene.ts'

const SMALL = { size_bytes: 16 << 20, log_bytes: 4 << 20, replica_factor: 2 }
const READY = 'ready'
/** Logical unit not accessible, target port in standby state. */
const STANDBY = '2/4/b'
const CHANGE_MS_MAX = 5_000
const FAILOVER_MS_MAX = 15_000
const KEY = '1122334455667788'

const TEST_UNIT_READY = '00 00 00 00 00 00'
const REPORT_TARGET_PORT_GROUPS = 'a3 0a 00 00 00 00 00 00 01 00 00 00'
const REGISTER = '5f 00 00 0000 00000018 00'
const READ_KEYS = '5e 00 0000000000 0100'

export const PATHS: ClusterCase = {
  name: 'paths',
  summary: 'every server answers for every volume: redirects, standby paths, moves, a primary that dies',
  async run(scene) {
    const cluster = await RealCluster.start(join(scene.directory, 'cluster'), { servers: 3 })
    const { api, servers } = cluster
    try {
      for (const [name, multipath] of [
        ['single', false],
        ['multi', true],
      ] as const) {
        await api.call('POST', '/block/volume', { name, ...SMALL, multipath })
        await api.healthy(name)
      }
      await scene.check('every server lists both volumes, with the portals by which hosts reach them', () =>
        everywhere(cluster, async (server) => {
          await until(async () => {
            const found = await initiatorOf().discover(parseHostPort(server.line.iscsi, 'portal'))
            const told = found.map(({ targetName, portals }) => {
              const at = portals.map(({ address, portalGroupTag }) => `${address.port},${portalGroupTag}`)
              return `${targetName.split(':')[1]} ${at.sort().join(' ')}`
            })
            const own = parseHostPort(server.line.iscsi, 'portal').port
            const paths = pathsOf(cluster, await volumeOf(cluster, 'multi'))
            const wanted = [
              `multi ${paths
                .map(({ port, tag }) => `${port},${tag}`)
                .sort()
                .join(' ')}`,
              `single ${own},1`,
            ]
            return told.sort().join('; ') === wanted.join('; ') ? undefined : told.join('; ')
          })
        }),
      )
      await scene.check('a login to the volume with one path ends at its primary, wherever it began', () =>
        everywhere(cluster, (server) => endsAtPrimary(cluster, server)),
      )
      await scene.check('a path that does not serve takes logins, and says that it stands by', async () => {
        const { primary, other, third } = await rolesOf(cluster, 'multi')
        const [active, standby] = [await loginAt(primary, 'multi'), await loginAt(other, 'multi')]
        await hasState(active, READY)
        await hasState(standby, STANDBY)
        const groups = await groupsOf(active.session)
        expect(/:0/.test(groups) && /:2/.test(groups), groups)
        expect(groups === (await groupsOf(standby.session)), 'paths tell different groups')
        // a server without a replica sends to a path
        const sent = await loginAt(third, 'multi')
        await hasState(sent, READY)
        await Promise.all([active, standby, sent].map(({ session }) => session.logout()))
      })
      await scene.check('a reservation that is asked for on a standby path is in force', async () => {
        const { primary, other } = await rolesOf(cluster, 'multi')
        const [active, standby] = [await loginAt(primary, 'multi'), await loginAt(other, 'multi')]
        const list = `${'00'.repeat(8)}${KEY}${'00'.repeat(8)}`
        const { status } = await send(standby.session, REGISTER, { dataOut: Buffer.from(list, 'hex') })
        expect(status === 0, `REGISTER ends with status ${status}`)
        for (const { session } of [active, standby]) {
          const { dataIn } = await send(session, READ_KEYS, { dataInLengthBytes: 256 })
          const keys = Buffer.from(dataIn.subarray(8)).toString('hex')
          expect(keys === KEY, `keys: ${keys}`)
        }
        await Promise.all([active, standby].map(({ session }) => session.logout()))
      })
      await scene.check(
        'a planned move swaps the roles, and the path that stood by keeps its session',
        async () => {
          const { primary, other } = await rolesOf(cluster, 'multi')
          const [active, standby] = [await loginAt(primary, 'multi'), await loginAt(other, 'multi')]
          await hasState(standby, STANDBY)
          const before = await groupsOf(standby.session)
          await move(cluster, 'multi', other)
          await active.session.closed
          await hasState(standby, READY)
          await until(async () => {
            try {
              await standby.disk.write(0, 8, new Uint8Array(4096).fill(7), { fua: true })
              return undefined
            } catch (error) {
              // as every host does: the new epoch is beginning
              if (isBlockError(error, 'BUSY')) return error.message
              throw error
            }
          })
          const back = await loginAt(primary, 'multi')
          await hasState(back, STANDBY)
          await until(async () => {
            const after = await groupsOf(back.session)
            return after !== before && /:0/.test(after) && /:2/.test(after) ? undefined : after
          })
          await Promise.all([standby, back].map(({ session }) => session.logout()))
        },
      )
      await scene.check(
        'after a move of the volume with one path every server sends to the new primary',
        async () => {
          const { other } = await rolesOf(cluster, 'single')
          await move(cluster, 'single', other)
          await everywhere(cluster, (server) => endsAtPrimary(cluster, server))
        },
      )
      await scene.check(
        'a primary that is killed: logins are put off, and then end at the new one',
        async () => {
          const { primary } = await rolesOf(cluster, 'single')
          const survivors = servers.filter((server) => server !== primary)
          await primary.kill()
          const codes = new Set<string>()
          const beganMs = performance.now()
          await Promise.all(
            survivors.map((server) =>
              until(async () => {
                try {
                  const { session, disk } = await loginAt(server, 'single')
                  await disk.write(0, 8, new Uint8Array(4096).fill(9))
                  await session.logout()
                  return undefined
                } catch (error) {
                  if (!isBlockError(error)) throw error
                  codes.add(error.code)
                  return error.code
                }
              }, FAILOVER_MS_MAX),
            ),
          )
          scene.note(`served again after ${((performance.now() - beganMs) / 1000).toFixed(1)} s`)
          expect(codes.has('BUSY'), `hosts were told ${[...codes].join(', ')}, never to try again`)
          // to a server that is dead already they may be sent, for as long as nobody has noticed
          const strange = [...codes].filter((code) => code !== 'BUSY' && code !== 'DISCONNECTED')
          expect(strange.length === 0, `hosts were told ${strange.join(', ')}`)
        },
      )
    } finally {
      await cluster.destroy()
    }
  },
}

const iqnOf = (name: string): string => `iqn.2026-11.io.basalt:${name}`

const loginAt = (server: Server, name: string): Promise<Host> =>
  login({ iscsi: server.line.iscsi, iqn: iqnOf(name) })

async function everywhere({ servers }: RealCluster, body: (server: Server) => Promise<void>): Promise<void> {
  for (const server of servers) await body(server)
}

async function volumeOf({ api }: RealCluster, name: string): Promise<VolumeJson> {
  const volume = await api.volume(name)
  if (volume === undefined) throw new Error(`there is no volume ${name}`)
  return volume
}

/** Ports and portal group tags of the paths; slots are given in the order of the replicas. */
const pathsOf = (cluster: RealCluster, { replicas }: VolumeJson) =>
  replicas.map(({ server }, slot) => ({
    port: parseHostPort(cluster.serverOf(server).line.iscsi, 'portal').port,
    tag: slot * 16 + 1,
  }))

/** The primary, the server with the other replica, and the one with none. */
async function rolesOf(
  cluster: RealCluster,
  name: string,
): Promise<{ readonly primary: Server; readonly other: Server; readonly third: Server }> {
  const { replicas } = await cluster.api.healthy(name)
  const serverOf = (isPrimary: boolean): Server => {
    const replica = replicas.find(({ role }) => (role === 'primary') === isPrimary)
    return cluster.serverOf(replica?.server ?? '')
  }
  const third = cluster.servers.find(({ id }) => replicas.every(({ server }) => server !== id))
  if (third === undefined) throw new Error('there is no server without a replica')
  return { primary: serverOf(true), other: serverOf(false), third }
}

async function move({ api }: RealCluster, name: string, to: Server): Promise<void> {
  const job = await api.call<{ id: string }>('POST', `/block/volume/${name}/move`, { to: to.id })
  const { state, message } = await api.ended(job.id)
  expect(state === 'succeeded', `the move ended as ${state}: ${message}`)
}

/** A host that asks `server` for the volume with one path reads and writes it at its primary. */
async function endsAtPrimary(cluster: RealCluster, server: Server): Promise<void> {
  await until(async () => {
    const { primary } = await rolesOf(cluster, 'single')
    const { session, disk } = await loginAt(server, 'single')
    await disk.write(0, 8, new Uint8Array(4096).fill(1))
    const replica = (await primary.status()).replicas.find(({ name }) => name === 'single')
    await session.logout()
    return replica?.iscsi.sessions === 1 ? undefined : `${replica?.iscsi.sessions} sessions at the primary`
  })
}

async function hasState({ session }: Host, wanted: string): Promise<void> {
  await until(async () => {
    const sense = parseSense((await send(session, TEST_UNIT_READY)).sense)
    const state = sense === undefined ? READY : [sense.key, sense.asc, sense.ascq].map(hex).join('/')
    return state === wanted ? undefined : state
  })
}

/** Id and state of each group of ports. */
async function groupsOf(session: InitiatorSession): Promise<string> {
  const { dataIn } = await send(session, REPORT_TARGET_PORT_GROUPS, { dataInLengthBytes: 256 })
  const data = Buffer.from(dataIn)
  const groups: string[] = []
  for (let at = 4; at < 4 + data.readUInt32BE(0); at += 8 + 4 * data.readUInt8(at + 7)) {
    groups.push(`${data.readUInt16BE(at + 2)}:${data.readUInt8(at) & 0x0f}`)
  }
  return groups.join(' ')
}

const hex = (value: number): string => value.toString(16)

/** Until `wrong` says nothing: what servers are told comes a moment after it is so. */
async function until(wrong: () => Promise<string | undefined>, limitMs = CHANGE_MS_MAX): Promise<void> {
  const endMs = performance.now() + limitMs
  for (;;) {
    const found = await wrong()
    if (found === undefined) return
    if (performance.now() > endMs) throw new Error(`still after ${limitMs} ms: ${found}`)
    await new Promise((resolve) => {
      setTimeout(resolve, 20)
    })
  }
}
