/** What counts as grown when the answer of the primary is lost. */
import { describe, expect, it } from 'vitest'
import { JobWorld } from '../../../test/support/master/job-world.ts'
import { GIB } from '../../base/units.ts'
import type { ReplicaBeat } from '../links.ts'
import { DEFAULT_PLACEMENT } from '../placement/settings.ts'
import { EXPAND } from './expand.ts'
import type { Decision } from './machine.ts'
import { placementPlanner } from './placement-planner.ts'

/** What is decided when the primary answered in time that it did not commit, and now says this of itself. */
async function decided(says: Partial<NonNullable<ReplicaBeat['open']>>): Promise<Decision> {
  const world = new JobWorld()
  world.addVolume('v', ['s1', 's2', 's3'])
  await world.start()
  const job = world.addJob('j', { kind: 'expand', volume: 'u-v', step: 'grow', data: { sizeBytes: GIB } })
  const { live } = world.running.cluster!
  const decision = EXPAND.steps.grow!.decide({
    records: world.records,
    live: {
      server: (id) => live.server(id),
      subscribe: () => () => undefined,
      replica(volume, server) {
        const beat = live.replica(volume, server)!
        return { ...beat, sizeBytes: GIB, open: { ...beat.open!, ...says } }
      },
    },
    planner: placementPlanner(DEFAULT_PLACEMENT, 0),
    job,
    bootMs: 0,
    startedMs: 0,
    wallMs: 0,
    whyNotServed: () => null,
    call: () => ({ kind: 'failed', failures: 1, code: 'BUSY', task: null, message: 'no commit in time' }),
  })
  world.kill()
  return decision
}

describe('a volume whose primary did not answer that it has grown', () => {
  it('has grown when the primary has its size and has committed all that it has', async () => {
    expect(await decided({ appended: 7, committed: 7 })).toMatchObject({ end: 'succeeded' })
  })

  it('has not while the entry may be lost in a failover', async () => {
    const decision = await decided({ appended: 7, committed: 6 })
    expect(decision.end).toBeUndefined()
    expect(decision.writes).toBeUndefined()
    expect(decision.calls).toHaveLength(1)
  })

  it('has not by the word of a server that does not lead', async () => {
    expect((await decided({ appended: 7, committed: 7, leads: null })).end).toBeUndefined()
  })
})
