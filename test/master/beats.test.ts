/** What a beat without news may cost: nothing of the registry, and no more beside many volumes than beside few. */
import { describe, expect, it, vi } from 'vitest'
import { testVolume } from '../../src/master/core/test-support.ts'
import { firstLead } from '../../src/master/failover/lead-state.ts'
import { ClusterRig, type RigServer } from './cluster-rig.ts'

/** Replicas of the server whose beats are looked at. */
const OWN = 10
const METHODS = ['volume', 'volumes', 'volumesOn', 'volumeNamed', 'server', 'servers', 'job', 'jobs'] as const

/** `total` volumes that are served; the first server has ten of them, whatever `total` is. */
async function filled(rig: ClusterRig, total: number): Promise<RigServer> {
  const [first, ...others] = rig.servers
  if (first === undefined) throw new Error('the rig has servers')
  for (const server of rig.servers) await server.up()
  const records = Array.from({ length: total }, (_, n) => {
    const servers = n < OWN ? [first, ...others.slice(0, 1)] : others.slice(0, 2)
    const ids = servers.map(({ id }) => id)
    const record = testVolume(n, {
      replicas: ids.map((server, slot) => ({ server, state: 'ready' as const, slot })),
      lead: firstLead(ids, rig.random.u64()),
      policy: { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: ids.length },
      state: 'creating',
    })
    for (const server of servers) server.hold(record)
    return record
  })
  const writes = records.map((record) => ({ kind: 'volume', record }) as const)
  await rig.store.change(() => ({ writes, result: null }))
  for (const { uuid } of records) rig.runtime.leads.wake(uuid)
  await rig.until('service', () => records.every(({ uuid }) => rig.isServed(uuid)))
  // settings and the number of the registry are told, and stored
  await rig.wait(10_000)
  return first
}

describe('a beat without news', () => {
  it('writes nothing to the registry', () =>
    ClusterRig.play(async (rig) => {
      await filled(rig, 40)
      const { seq } = rig.store
      const grants = (): number =>
        rig.servers.flatMap(({ held }) => [...held.values()]).reduce((sum, held) => sum + held.grants, 0)
      const before = grants()
      await rig.wait(30_000)
      expect(grants() - before).toBeGreaterThan(40 * 30)
      expect(rig.store.seq).toBe(seq)
    }))

  it('asks for as many records beside 400 volumes as beside 20, and never for all of them', async () => {
    const found: Record<string, number>[] = []
    for (const total of [20, 400]) {
      await ClusterRig.play(async (rig) => {
        const server = await filled(rig, total)
        const spies = METHODS.map((method) => vi.spyOn(rig.store.view, method))
        server.beat(false)
        found.push(Object.fromEntries(METHODS.map((method, i) => [method, spies[i]?.mock.calls.length ?? 0])))
        for (const spy of spies) spy.mockRestore()
      })
    }
    const [few, many] = found
    expect(many).toEqual(few)
    expect(few).toMatchObject({ volumes: 0, servers: 0, jobs: 0 })
    expect(few?.volume).toBeLessThanOrEqual(6 * OWN)
  })
})
