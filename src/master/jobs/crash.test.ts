/**
 * Every kind of job, with the master ended at every single commit, before it is durable and after: whatever is left, the
 * next life ends the job in the same state, with no replica that no record knows and no name taken for nothing.
 */
import { expect } from 'vitest'
import { crashAtEveryCommit, type Scenario } from '../../../test/support/master/at-every-commit.ts'
import { type JobWorld, newVolume, serverRecord } from '../../../test/support/master/job-world.ts'
import { GIB } from '../../base/units.ts'
import { withReplica } from './volume-edits.ts'

const THREE = ['s1', 's2', 's3']

const DATABASE = { preset: 'database', replicaFactor: 3, minInSync: 2 }
const GENERAL = { preset: 'general', replicaFactor: 2, minInSync: 1 }

const createJob = (world: JobWorld, mode?: 'best_effort'): void => {
  const volume = newVolume('v', THREE)
  const policy = {
    mode: { kind: 'best_effort' as const, maxLagEntries: 100, maxLagMs: 1000 },
    replicaFactor: 3,
  }
  world.put({ kind: 'volume', record: mode === undefined ? volume : { ...volume, policy } })
  world.addJob('j', { kind: 'create', volume: 'u-v', step: 'allocate', data: {} })
}
const servedBy = (world: JobWorld): string[] => {
  const volume = world.records.volume('u-v')
  expect(volume?.state).toBe('active')
  expect(volume?.lead.state).toBe('serving')
  expect(volume?.replicas.every((replica) => replica.state === 'ready')).toBe(true)
  const servers = volume!.replicas.map(({ server }) => server).sort()
  expect(volume!.lead.set.members.toSorted()).toEqual(servers)
  expect(world.servers.held()).toEqual(servers.map((server) => `${server}/u-v`))
  return servers
}
const nothingLeft = (world: JobWorld): void => {
  expect(world.records.volume('u-v')).toBeUndefined()
  expect(world.records.volumeNamed('v')).toBeUndefined()
  expect(world.servers.held()).toEqual([])
}

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'create',
    arrange: (world) => createJob(world),
    judge(world) {
      expect(world.job('j').state).toBe('succeeded')
      expect(servedBy(world)).toEqual(THREE)
    },
  },
  {
    name: 'create, and a server refuses: another takes its place',
    arrange(world) {
      createJob(world)
      world.servers.fault('allocate', 's2', 'refused', 'refused', 'refused', 'refused')
    },
    judge(world) {
      expect(world.job('j').state).toBe('succeeded')
      expect(servedBy(world)).toEqual(['s1', 's3', 's4'])
    },
  },
  {
    name: 'create, and answers are lost and come late',
    arrange(world) {
      createJob(world)
      world.servers.fault('allocate', 's1', 'answer lost')
      world.servers.fault('allocate', 's2', 'lost')
      world.servers.fault('allocate', 's3', 'late')
    },
    judge(world) {
      expect(world.job('j').state).toBe('succeeded')
      expect(servedBy(world)).toEqual(THREE)
    },
  },
  {
    name: 'create, and nobody is left to take the third replica: undone',
    servers: THREE,
    arrange(world) {
      createJob(world)
      world.servers.fault('allocate', 's3', 'refused', 'refused', 'refused', 'refused')
    },
    judge(world) {
      expect(world.job('j').state).toBe('failed')
      expect(world.job('j').message).toContain('the disk is full')
      nothingLeft(world)
    },
  },
  {
    name: 'create, undone while a server is still making its replica',
    servers: THREE,
    arrange(world) {
      createJob(world)
      world.servers.fault('allocate', 's2', 'refused', 'refused', 'refused', 'refused')
      world.servers.fault('allocate', 's3', 'late', 'late')
    },
    judge(world) {
      expect(world.job('j').state).toBe('failed')
      nothingLeft(world)
    },
  },
  {
    name: 'create, undone while a server is away: the name is free, the replica deleted later',
    servers: THREE,
    arrange(world) {
      createJob(world)
      world.servers.fault('allocate', 's2', 'refused', 'refused', 'refused', 'refused')
      world.servers.fault('allocate', 's3', 'answer lost')
      world.scheduler.schedule('away', 's3', 20, () => world.servers.setUp('s3', false))
      world.scheduler.schedule('back', 's3', 60_000, () => {
        expect(world.job('j').state).toBe('failed')
        expect(world.records.volumeNamed('v')).toBeUndefined()
        expect(world.orphans()).toEqual([])
        world.servers.setUp('s3', true)
      })
    },
    judge(world) {
      expect(world.job('j').state).toBe('failed')
      nothingLeft(world)
    },
  },
  {
    name: 'create in best effort goes on with two, and gets the third later',
    servers: THREE,
    arrange(world) {
      createJob(world, 'best_effort')
      world.servers.fault('allocate', 's3', 'refused')
    },
    judge(world) {
      expect(world.job('j').state).toBe('succeeded')
      expect(servedBy(world)).toEqual(THREE)
    },
  },
  {
    name: 'delete',
    arrange(world) {
      world.addVolume('v', THREE, { state: 'deleting' })
      world.addJob('j', { kind: 'delete', volume: 'u-v', step: 'retire', data: {} })
      world.servers.fault('remove', 's2', 'lost', 'answer lost')
    },
    judge(world) {
      expect(world.job('j').state).toBe('succeeded')
      nothingLeft(world)
    },
  },
  {
    name: 'delete, with a server away until later',
    arrange(world) {
      world.addVolume('v', THREE, { state: 'deleting' })
      world.addJob('j', { kind: 'delete', volume: 'u-v', step: 'retire', data: {} })
      world.servers.setUp('s3', false)
      world.scheduler.schedule('back', 's3', 30_000, () => world.servers.setUp('s3', true))
    },
    judge(world) {
      expect(world.job('j').state).toBe('succeeded')
      nothingLeft(world)
    },
  },
  {
    name: 'expand',
    arrange(world) {
      world.addVolume('v', THREE)
      world.addJob('j', { kind: 'expand', volume: 'u-v', step: 'queued', data: { sizeBytes: GIB } })
      world.servers.fault('expand', 's1', 'answer lost')
    },
    judge(world) {
      expect(world.job('j').state).toBe('succeeded')
      expect(world.records.volume('u-v')?.sizeBytes).toBe(GIB)
      expect(servedBy(world)).toEqual(THREE)
    },
  },
  {
    name: 'another preset adds a replica, and asks for two in sync when it is there',
    arrange(world) {
      world.addVolume('v', ['s1', 's2'])
      world.addJob('j', { kind: 'policy', volume: 'u-v', step: 'queued', data: { policy: DATABASE } })
    },
    judge(world) {
      expect(world.job('j').state).toBe('succeeded')
      expect(servedBy(world)).toHaveLength(3)
      expect(world.records.volume('u-v')).toMatchObject({
        preset: 'database',
        policy: { mode: { kind: 'sync_all', minInSync: 2 }, replicaFactor: 3 },
      })
    },
  },
  {
    name: 'another preset takes a replica away, while one of them is made elsewhere',
    arrange(world) {
      world.addVolume('v', THREE)
      world.addJob('j', { kind: 'policy', volume: 'u-v', step: 'queued', data: { policy: GENERAL } })
      world.addJob('k', { kind: 'move', volume: 'u-v', step: 'queued', data: { from: 's2', to: 's4' } })
      world.servers.fault('remove', 's4', 'lost', 'answer lost')
    },
    judge(world) {
      expect(world.job('j').state).toBe('succeeded')
      const left = servedBy(world)
      expect(left).toHaveLength(2)
      expect(left).toContain('s1')
      expect(world.records.volume('u-v')).toMatchObject({
        preset: 'general',
        policy: { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: 2 },
      })
    },
  },
  {
    name: 'another preset, with a server away: its replica is the one that goes',
    arrange(world) {
      world.addVolume('v', THREE)
      world.addJob('j', { kind: 'policy', volume: 'u-v', step: 'queued', data: { policy: GENERAL } })
      world.servers.setUp('s2', false)
      world.scheduler.schedule('back', 's2', 30_000, () => world.servers.setUp('s2', true))
    },
    judge(world) {
      expect(world.job('j').state).toBe('succeeded')
      expect(servedBy(world)).toEqual(['s1', 's3'])
    },
  },
  {
    name: 'move of a replica',
    arrange(world) {
      world.addVolume('v', THREE)
      world.addJob('j', { kind: 'move', volume: 'u-v', step: 'queued', data: { from: 's2', to: 's4' } })
    },
    judge(world) {
      expect(world.job('j').state).toBe('succeeded')
      expect(servedBy(world)).toEqual(['s1', 's3', 's4'])
    },
  },
  {
    name: 'move of the replica that leads',
    arrange(world) {
      world.addVolume('v', THREE)
      world.failMoves = 1
      world.addJob('j', { kind: 'move', volume: 'u-v', step: 'queued', data: { from: 's1', to: 's4' } })
    },
    judge(world) {
      expect(world.job('j').state).toBe('succeeded')
      expect(servedBy(world)).toEqual(['s2', 's3', 's4'])
      expect(world.records.volume('u-v')?.lead.primary).toBe('s4')
    },
  },
  {
    name: 'move to a server that refuses: undone',
    arrange(world) {
      world.addVolume('v', THREE)
      world.addJob('j', { kind: 'move', volume: 'u-v', step: 'queued', data: { from: 's2', to: 's4' } })
      world.servers.fault('allocate', 's4', 'refused', 'refused')
    },
    judge(world) {
      expect(world.job('j').state).toBe('failed')
      expect(servedBy(world)).toEqual(THREE)
    },
  },
  {
    name: 'move, cancelled while it is filled',
    arrange(world) {
      const volume = world.addVolume('v', THREE)
      world.put({ kind: 'volume', record: withReplica(volume, 's4', 'ready') })
      world.servers.servers.get('s4')!.replicas.set('u-v', { volume: 'u-v', sizeBytes: 1, epoch: 1 })
      const job = world.addJob('j', {
        kind: 'move',
        volume: 'u-v',
        step: 'undo',
        data: { from: 's2', to: 's4' },
      })
      world.put({ kind: 'job', record: { ...job, state: 'cancelling' } })
    },
    judge(world) {
      expect(world.job('j').state).toBe('cancelled')
      expect(servedBy(world)).toEqual(THREE)
    },
  },
  {
    name: 'hand-over of the lead',
    arrange(world) {
      world.addVolume('v', THREE)
      world.addJob('j', { kind: 'move', volume: 'u-v', step: 'queuedLead', data: { to: 's3', lead: true } })
    },
    judge(world) {
      expect(world.job('j').state).toBe('succeeded')
      expect(world.records.volume('u-v')?.lead.primary).toBe('s3')
    },
  },
  {
    name: 'replacement of a lost replica',
    arrange(world) {
      world.addVolume('v', THREE)
      world.servers.setUp('s2', false)
      world.servers.servers.get('s2')!.replicas.clear()
      world.addJob('j', { kind: 'replace', volume: 'u-v', step: 'queued', data: { from: 's2', to: 's4' } })
      world.scheduler.schedule('back', 's2', 20_000, () => world.servers.setUp('s2', true))
    },
    judge(world) {
      expect(world.job('j').state).toBe('succeeded')
      expect(servedBy(world)).toEqual(['s1', 's3', 's4'])
    },
  },
  {
    name: 'drain',
    arrange(world) {
      world.addVolume('v', THREE)
      world.addVolume('w', ['s2', 's1', 's3'])
      world.addVolume('x', ['s2'])
      world.put({ kind: 'server', record: { ...serverRecord('s1'), isCordoned: true, state: 'maintenance' } })
      world.addJob('j', { kind: 'drain', server: 's1', step: 'leads', data: {} })
    },
    judge(world) {
      expect(world.job('j').state).toBe('succeeded')
      expect(world.servers.servers.get('s1')!.replicas.size).toBe(0)
      for (const volume of world.records.volumes()) {
        expect(volume.replicas.map(({ server }) => server)).not.toContain('s1')
        expect(volume.lead.set.members.length).toBe(volume.policy.replicaFactor)
      }
    },
  },
  {
    name: 'rebalance',
    arrange(world) {
      world.addVolume('v', THREE)
      world.addVolume('w', THREE)
      const moves = [
        { kind: 'replica', volume: 'u-v', from: 's2', to: 's4', bytes: 10 },
        { kind: 'replica', volume: 'u-w', from: 's3', to: 's4', bytes: 20 },
      ]
      world.addJob('j', { kind: 'rebalance', step: 'moves', data: { moves } })
    },
    judge(world) {
      expect(world.job('j').state).toBe('succeeded')
      expect(world.job('j').progress).toEqual({ done: 30, total: 30, unit: 'bytes' })
      expect(world.servers.held()).toEqual(['s1/u-v', 's1/u-w', 's2/u-w', 's3/u-v', 's4/u-v', 's4/u-w'])
    },
  },
]

crashAtEveryCommit(SCENARIOS)
