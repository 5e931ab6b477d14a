/**
 * A promotion that waits is void when what it was about is not there any more: the volume was deleted, or made again under
 * the same name, or its epoch moved. What it waits for, and what was refused, is told.
 */
import { describe, expect, it } from 'vitest'
import { ClusterRig, type RigServer } from './cluster-rig.ts'

const promotions = (rig: ClusterRig, volume: string): number =>
  rig.store.events({ limit: 1000, volume }).filter(({ kind }) => kind.startsWith('volume.promoted')).length

/** A volume whose promotion waits: its primary was lost, and its last grant runs. */
async function waiting(rig: ClusterRig): Promise<string> {
  const uuid = await rig.served()
  await rig.wait(1000)
  rig.servers[0]?.down()
  await rig.wait(100)
  const holder = rig.servers[0]?.id
  await rig.runtime.leads.promote(uuid, { server: null, force: true, actor: 'anna' })
  // the others answer at once
  await rig.wait(50)
  expect(rig.runtime.leads.status(uuid)).toMatchObject({
    phase: 'sealing',
    waits: [{ reason: 'grant_running', servers: [holder] }],
  })
  return uuid
}

describe('a promotion that waits', () => {
  it('comes to pass when nothing came between', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await waiting(rig)
      await rig.until('the promotion', () => rig.isServed(uuid))
      expect(promotions(rig, uuid)).toBe(2)
    }))

  it('is void when the volume is being deleted', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await waiting(rig)
      const record = { ...rig.record(uuid), state: 'deleting' as const }
      await rig.store.change(() => ({ writes: [{ kind: 'volume', record }], result: null }))
      rig.runtime.leads.wake(uuid)
      await rig.wait(20_000)
      expect(promotions(rig, uuid)).toBe(1)
      expect(rig.record(uuid).lead.state).toBe('sealing')
      expect(rig.runtime.leads.status(uuid).waits).toMatchObject([{ reason: 'being_deleted' }])
    }))

  it('is void for a volume that has the name of one that is gone', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await waiting(rig)
      const { name } = rig.record(uuid)
      await rig.store.change(() => ({ writes: [{ kind: 'removeVolume', uuid }], result: null }))
      // its first primary is away: only the old volume's timer could promote anybody
      const again = await rig.volume(2, { name })
      await rig.wait(4000)
      expect(promotions(rig, uuid)).toBe(1)
      expect(rig.store.view.volume(uuid)).toBeUndefined()
      expect(promotions(rig, again)).toBe(0)
      expect(rig.record(again).lead.epoch.number).toBe(1)
      expect(() => rig.runtime.leads.status(uuid)).toThrow()
      await rig.until('its own promotion', () => rig.isServed(again))
      expect(promotions(rig, again)).toBe(1)
    }))

  it('is void when the epoch moved: answers and force of the old one count for nothing', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await waiting(rig)
      const { lead } = rig.record(uuid)
      for (const server of rig.servers.slice(1)) server.isUp = false
      const epoch = { number: lead.epoch.number + 7, id: '777' }
      const record = { ...rig.record(uuid), lead: { ...lead, epoch } }
      await rig.store.change(() => ({ writes: [{ kind: 'volume', record }], result: null }))
      await rig.wait(20_000)
      expect(promotions(rig, uuid)).toBe(1)
      expect(rig.record(uuid).lead.epoch).toEqual(epoch)
      // the force was for the epoch that is gone
      const reasons = rig.runtime.leads.status(uuid).waits.map(({ reason }) => reason)
      expect(reasons).toEqual(['answers_missing'])
    }))
})

describe('what was asked of a lead and refused', () => {
  it('is told until somebody serves in a new epoch', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      const [, b, c] = rig.servers as [RigServer, RigServer, RigServer]
      const { leads } = rig.runtime
      expect(leads.status(uuid).refusal).toBeNull()
      c.down()
      await rig.wait(10)
      await expect(leads.move(uuid, c.id)).rejects.toMatchObject({ facts: { reason: 'not_connected' } })
      expect(leads.status(uuid)).toMatchObject({
        phase: 'serving',
        refusal: { what: 'move', reason: 'not_connected', message: expect.stringContaining('server-3') },
      })
      expect(await leads.move(uuid, b.id)).toEqual({ kind: 'moved' })
      expect(leads.status(uuid).refusal).toBeNull()
    }))
})
