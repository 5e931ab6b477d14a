/**
 * Jobs that are cancelled at every moment of their course: either all is as it was before, or it was too late, that was
 * said, and all is as it was asked for. And what is kept of jobs, and whose turn it is.
 */
import { describe, expect, it } from 'vitest'
import { JobWorld, newVolume, servedVolume } from '../../../test/support/master/job-world.ts'
import { BlockError } from '../../base/errors.ts'
import { GIB } from '../../base/units.ts'
import type { JobRecord } from '../records.ts'
import { newJob } from './new-job.ts'
import { aheadOf, fillingLimit, isOver, REBUILDS_MAX } from './turns.ts'

const CALLER = { actor: 'anna', requestId: null }
const THREE = ['s1', 's2', 's3']

interface Course {
  readonly name: string
  arrange(world: JobWorld): void
  /** As it was before. */
  undone(world: JobWorld): void
  done(world: JobWorld): void
}

const holders = (world: JobWorld): string[] =>
  (world.records.volume('u-v')?.replicas ?? []).map(({ server }) => server).sort()

const COURSES: readonly Course[] = [
  {
    name: 'create',
    arrange(world) {
      world.put({ kind: 'volume', record: newVolume('v', THREE) })
      world.addJob('j', { kind: 'create', volume: 'u-v', step: 'allocate', data: {} })
    },
    undone: (world) => expect(world.records.volumes()).toEqual([]),
    done: (world) => expect(holders(world)).toEqual(THREE),
  },
  {
    name: 'expand',
    arrange(world) {
      world.addVolume('v', THREE)
      world.addJob('j', { kind: 'expand', volume: 'u-v', step: 'queued', data: { sizeBytes: GIB } })
    },
    undone: (world) => expect(world.records.volume('u-v')?.sizeBytes).toBeLessThan(GIB),
    done: (world) => expect(world.records.volume('u-v')?.sizeBytes).toBe(GIB),
  },
  {
    name: 'move of a replica',
    arrange(world) {
      world.addVolume('v', THREE)
      world.addJob('j', { kind: 'move', volume: 'u-v', step: 'queued', data: { from: 's2', to: 's4' } })
    },
    undone: (world) => expect(holders(world)).toEqual(THREE),
    done: (world) => expect(holders(world)).toEqual(['s1', 's3', 's4']),
  },
  {
    name: 'move of the replica that leads',
    arrange(world) {
      world.addVolume('v', THREE)
      world.addJob('j', { kind: 'move', volume: 'u-v', step: 'queued', data: { from: 's1', to: 's4' } })
    },
    undone: (world) => expect(holders(world)).toEqual(THREE),
    done: (world) => expect(holders(world)).toEqual(['s2', 's3', 's4']),
  },
  {
    name: 'another preset, with one replica more',
    arrange(world) {
      world.addVolume('v', ['s1', 's2'])
      const policy = { preset: 'database', replicaFactor: 3, minInSync: 2 }
      world.addJob('j', { kind: 'policy', volume: 'u-v', step: 'queued', data: { policy } })
    },
    undone(world) {
      expect(holders(world)).toHaveLength(2)
      expect(world.records.volume('u-v')).toMatchObject({
        preset: 'general',
        policy: { mode: { minInSync: 1 }, replicaFactor: 2 },
      })
    },
    done(world) {
      expect(holders(world)).toHaveLength(3)
      expect(world.records.volume('u-v')).toMatchObject({
        preset: 'database',
        policy: { mode: { minInSync: 2 }, replicaFactor: 3 },
      })
    },
  },
  {
    name: 'hand-over of the lead',
    arrange(world) {
      world.addVolume('v', THREE)
      world.addJob('j', { kind: 'move', volume: 'u-v', step: 'queuedLead', data: { to: 's3', lead: true } })
    },
    undone: (world) => expect(world.records.volume('u-v')?.lead.primary).toBe('s1'),
    done: (world) => expect(world.records.volume('u-v')?.lead.primary).toBe('s3'),
  },
  {
    name: 'delete',
    arrange(world) {
      world.addVolume('v', THREE, { state: 'deleting' })
      world.addJob('j', { kind: 'delete', volume: 'u-v', step: 'retire', data: {} })
    },
    undone: () => expect.fail('a deletion is never undone'),
    done: (world) => expect(world.records.volumes()).toEqual([]),
  },
]

describe.each(COURSES)('$name', (course) => {
  it('is undone, or is too late to cancel, at every moment', async () => {
    const outcomes = new Set<string>()
    for (let atMs = 0; atMs < 1000; atMs += 7) {
      const world = new JobWorld()
      course.arrange(world)
      await world.start()
      await world.scheduler.pass(atMs)
      if (isOver(world.job('j'))) break
      try {
        await world.scheduler.until(world.master.cancelJob(CALLER, 'j'), { what: 'the answer' })
      } catch (error) {
        expect(error).toBeInstanceOf(BlockError)
        expect(error).toMatchObject({ code: 'CONFLICT', facts: { reason: 'too_late' } })
      }
      await world.calm()
      const { state } = world.job('j')
      outcomes.add(state)
      expect(['cancelled', 'succeeded'], `after ${atMs} ms`).toContain(state)
      if (state === 'cancelled') course.undone(world)
      else course.done(world)
      expect(world.orphans()).toEqual([])
      expect(world.missing()).toEqual([])
      world.kill()
    }
    expect(outcomes.size).toBeGreaterThan(0)
  })
})

const job = (id: string, wish: Partial<JobRecord>): JobRecord => ({
  ...newJob(id, 0, { kind: 'move', actor: 'test', volume: 'u-v', step: 'queued', data: { to: 's4' } }),
  ...wish,
})

describe('turns', () => {
  it('go by age among those that wait, and what has begun goes first', () => {
    const old = job('old', {})
    const young = job('young', {})
    expect(aheadOf([old, young], young)?.id).toBe('old')
    expect(aheadOf([old, young], old)).toBeUndefined()
    const begun = { ...young, step: 'allocate' }
    expect(aheadOf([old, begun], old)?.id).toBe('young')
    expect(aheadOf([old, { ...begun, state: 'failed' }], old)).toBeUndefined()
    expect(aheadOf([old, { ...begun, volume: 'u-w' }], old)).toBeUndefined()
  })

  it('let a volume grow while a replica of it is filled', () => {
    const grows = job('grows', { kind: 'expand' })
    expect(aheadOf([job('fills', { step: 'sync' }), grows], grows)).toBeUndefined()
    expect(aheadOf([job('makes', { step: 'allocate' }), grows], grows)?.id).toBe('makes')
  })

  it('fill so many replicas at a time, in the cluster and on one server', () => {
    const filling = (n: number, to: string): JobRecord[] =>
      Array.from({ length: n }, (_, i) => job(`j${i}`, { volume: `u-${i}`, step: 'sync', data: { to } }))
    expect(fillingLimit(filling(1, 's4'), 's4')).toBeNull()
    expect(fillingLimit(filling(2, 's4'), 's4')).toMatch(/on that server/)
    expect(fillingLimit(filling(REBUILDS_MAX, 's4'), 's5')).toMatch(/are being filled already/)
  })
})

describe('jobs that have ended', () => {
  it('are kept up to a thousand, and those that a running job counts as long as it runs', async () => {
    const world = new JobWorld()
    world.put({ kind: 'volume', record: servedVolume('v', THREE) })
    const parent = world.addJob('parent', { kind: 'rebalance', step: 'moves', data: { moves: [] } })
    for (let i = 0; i < 1000; i++) {
      const record = job(`ended-${String(i).padStart(4, '0')}`, { state: 'succeeded', createdAt: i + 1 })
      world.put({ kind: 'job', record: i === 0 ? { ...record, data: { parent: parent.id } } : record })
    }
    world.put({ kind: 'job', record: { ...parent, step: 'ending', state: 'cancelling' } })
    await world.start()
    await world.calm()
    expect(world.records.jobs()).toHaveLength(1000)
    expect(world.records.job('parent')?.state).toBe('cancelled')
  })
})
