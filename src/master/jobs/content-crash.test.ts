/** Jobs about the content of volumes, with the master ended at every single commit: snapshots, clones, restores, backups, scrubs. */
import { expect } from 'vitest'
import { crashAtEveryCommit, type Scenario } from '../../../test/support/master/at-every-commit.ts'
import { type JobWorld, newVolume } from '../../../test/support/master/job-world.ts'
import type { SnapshotRecord } from '../records.ts'
import { closedAccess } from './restore-backup.ts'

const THREE = ['s1', 's2', 's3']
const SNAP = '00000000000000a1'
const BASE = '00000000000000b2'
const JOB = '33333333-3333-4333-8333-333333333333'
const OWN = '8333333333333333'

const snapshot = (id: string, different: Partial<SnapshotRecord> = {}): SnapshotRecord => ({
  id,
  volume: 'u-v',
  name: `snap-${id}`,
  state: 'ready',
  lsn: 101,
  sizeBytes: 64 * 2 ** 20,
  createdAt: 0,
  schedule: null,
  isExposed: false,
  group: null,
  backup: null,
  ...different,
})

/** A snapshot that the log and the registry have. */
function addSnapshot(world: JobWorld, id = SNAP, different: Partial<SnapshotRecord> = {}): void {
  const record = snapshot(id, different)
  world.put({ kind: 'snapshot', record })
  world.servers.volumes.createSnapshot({ volume: record.volume, epoch: 1, id, name: record.name })
}
function addRepository(world: JobWorld): void {
  const target = { kind: 'directory' as const, path: '/backups' }
  const sealedEncryptionKey = `sealed:${'ab'.repeat(32)}`
  world.put({ kind: 'repository', record: { name: 'r', target, sealedEncryptionKey, createdAt: 0 } })
}
const snapshotIds = (world: JobWorld, volume = 'u-v'): string[] => {
  const recorded = world.records.snapshotsOf(volume)
  expect(recorded.every(({ state }) => state === 'ready')).toBe(true)
  const ids = recorded.map(({ id }) => id).sort()
  // both sides are the same
  expect(
    world.servers.volumes
      .log(volume)
      .snapshots.map(({ id }) => id)
      .sort(),
  ).toEqual(ids)
  return ids
}

function backup(world: JobWorld): void {
  world.addVolume('v', THREE)
  addRepository(world)
  addSnapshot(world, BASE, { backup: { repository: 'r', id: 'b0', fullAt: 5 } })
  const data = { repository: 'r', full: false, snapshot: OWN }
  world.addJob(JOB, { kind: 'backup', volume: 'u-v', step: 'queued', data })
}
function clone(world: JobWorld): void {
  world.addVolume('v', THREE)
  addSnapshot(world)
  const origin = { volume: 'u-v', snapshot: SNAP, sizeBytes: 64 * 2 ** 20 }
  const volume = newVolume('c', THREE)
  world.put({ kind: 'volume', record: { ...volume, origin, access: closedAccess(volume.access) } })
  world.addJob(JOB, { kind: 'clone', volume: 'u-c', step: 'allocate', data: {} })
}
function restoreBackup(world: JobWorld): void {
  addRepository(world)
  const access = { initiators: ['iqn.2026-11.org.example:h'], chap: null, hosts: null, dhchap: [] }
  world.addVolume('v', THREE, { access })
  world.addJob(JOB, {
    ...{ kind: 'restore_backup', volume: 'u-v', step: 'queued' },
    data: { repository: 'r', backup: 'b1', isNew: false },
  })
}
const state = (world: JobWorld): string => world.job(JOB).state
const volume = (world: JobWorld, name: string) => world.records.volume(`u-${name}`)

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'restore',
    arrange(world) {
      world.addVolume('v', THREE)
      addSnapshot(world)
      world.servers.fault('restoreSnapshot', 's1', 'answer lost')
      const data = { snapshot: SNAP, name: 'snap' }
      world.addJob(JOB, { kind: 'restore', volume: 'u-v', step: 'queued', data })
    },
    judge(world) {
      expect(state(world)).toBe('succeeded')
      // hosts may have written after it
      expect(world.servers.volumes.log('u-v').restored).toEqual([SNAP])
    },
  },
  {
    name: 'restore, and the primary is gone before it answers: nobody knows',
    arrange(world) {
      world.addVolume('v', THREE)
      addSnapshot(world)
      const faults = Array.from({ length: 8 }, () => 'answer lost' as const)
      world.servers.fault('restoreSnapshot', 's1', ...faults)
      world.scheduler.schedule('down', 's1', 2000, () => world.servers.setUp('s1', false))
      world.scheduler.schedule('up', 's1', 60_000, () => world.servers.setUp('s1', true))
      const data = { snapshot: SNAP, name: 'snap' }
      world.addJob(JOB, { kind: 'restore', volume: 'u-v', step: 'queued', data })
    },
    judge(world) {
      expect(state(world)).toBe('failed')
      expect(world.job(JOB).message).toContain('is not known')
      expect(world.servers.volumes.log('u-v').restored).toEqual([SNAP])
    },
  },
  {
    name: 'clone',
    arrange: clone,
    judge(world) {
      expect(state(world)).toBe('succeeded')
      expect(volume(world, 'c')).toMatchObject({
        ...{ state: 'active', origin: null },
        access: { initiators: null, hosts: null },
      })
      expect(world.servers.volumes.log('u-c').filledFrom).toMatchObject({ volume: 'u-v', snapshot: SNAP })
    },
  },
  {
    name: 'clone, and both primaries go while it is filled',
    arrange(world) {
      clone(world)
      world.servers.volumes.failures.set('hydrate', [
        { code: 'ACCESS_DENIED', message: 'the ticket is not known' },
        { code: 'DISCONNECTED', message: 'the other server went away' },
      ])
      world.scheduler.schedule('down', 's1', 4000, () => world.servers.setUp('s1', false))
      world.scheduler.schedule('up', 's1', 30_000, () => world.servers.setUp('s1', true))
    },
    judge(world) {
      expect(state(world)).toBe('succeeded')
      expect(volume(world, 'c')).toMatchObject({ state: 'active', origin: null })
    },
  },
  {
    name: 'clone, cancelled before hosts may use it',
    arrange(world) {
      clone(world)
      const job = world.addJob(JOB, { kind: 'clone', volume: 'u-c', step: 'undo', data: {} })
      world.put({ kind: 'job', record: { ...job, state: 'cancelling' } })
    },
    judge(world) {
      expect(state(world)).toBe('cancelled')
      expect(volume(world, 'c')).toBeUndefined()
      expect(snapshotIds(world)).toEqual([SNAP])
    },
  },
  {
    name: 'backup: its snapshot is the base of the next, and the base before goes',
    arrange: backup,
    judge(world) {
      expect(state(world)).toBe('succeeded')
      expect(snapshotIds(world)).toEqual([OWN])
      const own = world.records.snapshot('u-v', OWN)
      expect(own?.backup).toEqual({ repository: 'r', id: JOB, fullAt: own?.createdAt })
      const [spec] = world.servers.volumes.specs
      expect(spec).toMatchObject({ repository: { encryption: { keyHex: 'ab'.repeat(32) } } })
    },
  },
  {
    name: 'backup, and its primary goes while it is sent',
    arrange(world) {
      backup(world)
      world.servers.fault('createSnapshot', 's1', 'answer lost')
      world.scheduler.schedule('down', 's1', 8000, () => world.servers.setUp('s1', false))
      world.scheduler.schedule('up', 's1', 30_000, () => world.servers.setUp('s1', true))
    },
    judge(world) {
      expect(state(world)).toBe('succeeded')
      expect(snapshotIds(world)).toEqual([OWN])
    },
  },
  {
    name: 'backup that fails: the base before stays',
    arrange(world) {
      backup(world)
      const refused = { code: 'ACCESS_DENIED', message: 'the credentials are refused' }
      world.servers.volumes.failures.set('backup', Array(9).fill(refused))
    },
    judge(world) {
      expect(state(world)).toBe('failed')
      expect(world.job(JOB).message).toContain('the credentials are refused')
      expect(snapshotIds(world)).toEqual([BASE])
    },
  },
  {
    name: 'backup, cancelled while it is sent',
    arrange(world) {
      backup(world)
      addSnapshot(world, OWN, { backup: { repository: 'r', id: null, fullAt: null } })
      const data = { repository: 'r', full: false, snapshot: OWN, at: 's1' }
      const job = world.addJob(JOB, { kind: 'backup', volume: 'u-v', step: 'stop', data })
      world.put({ kind: 'job', record: { ...job, state: 'cancelling' } })
    },
    judge(world) {
      expect(state(world)).toBe('cancelled')
      expect(snapshotIds(world)).toEqual([BASE])
    },
  },
  {
    name: 'backup restored into a volume that is there',
    arrange: restoreBackup,
    judge(world) {
      expect(state(world)).toBe('succeeded')
      expect(volume(world, 'v')?.access).toMatchObject({
        ...{ initiators: ['iqn.2026-11.org.example:h'], hosts: null },
      })
    },
  },
  {
    name: 'backup restored into a volume that is there, and is damaged: hosts stay out',
    arrange(world) {
      restoreBackup(world)
      world.servers.volumes.failures.set(
        'restoreBackup',
        Array(9).fill({ code: 'CORRUPT', message: 'pack p1 is damaged' }),
      )
    },
    judge(world) {
      expect(state(world)).toBe('failed')
      expect(world.job(JOB).message).toContain('pack p1 is damaged')
      expect(volume(world, 'v')?.access).toMatchObject({ initiators: [], hosts: [] })
    },
  },
  {
    name: 'backup restored into a new volume',
    arrange(world) {
      addRepository(world)
      const made = newVolume('c', THREE)
      world.put({ kind: 'volume', record: { ...made, access: closedAccess(made.access) } })
      const data = { repository: 'r', backup: 'b1', isNew: true }
      world.addJob(JOB, { kind: 'restore_backup', volume: 'u-c', step: 'allocate', data })
    },
    judge(world) {
      expect(state(world)).toBe('succeeded')
      expect(volume(world, 'c')).toMatchObject({ state: 'active', access: { initiators: null, hosts: null } })
    },
  },
  {
    name: 'backup restored into a new volume, and is damaged: undone',
    arrange(world) {
      addRepository(world)
      world.put({ kind: 'volume', record: newVolume('c', THREE) })
      const data = { repository: 'r', backup: 'b1', isNew: true }
      world.addJob(JOB, { kind: 'restore_backup', volume: 'u-c', step: 'allocate', data })
      world.servers.volumes.failures.set(
        'restoreBackup',
        Array(9).fill({ code: 'CORRUPT', message: 'pack p1 is damaged' }),
      )
    },
    judge(world) {
      expect(state(world)).toBe('failed')
      expect(world.job(JOB).message).toContain('pack p1 is damaged')
      expect(volume(world, 'c')).toBeUndefined()
    },
  },
  {
    name: 'scrub, and its primary goes',
    arrange(world) {
      world.addVolume('v', THREE)
      world.addJob(JOB, { kind: 'scrub', volume: 'u-v', step: 'run', data: { repair: true } })
      world.scheduler.schedule('down', 's1', 2000, () => world.servers.setUp('s1', false))
      world.scheduler.schedule('up', 's1', 30_000, () => world.servers.setUp('s1', true))
    },
    judge(world) {
      expect(state(world)).toBe('succeeded')
      expect(world.job(JOB).data.result).toMatchObject({ errors: 2, repaired: 2 })
    },
  },
  {
    name: 'scrub that cannot look at a replica',
    arrange(world) {
      world.addVolume('v', THREE)
      world.servers.volumes.missedByScrubs.push('s3 went away')
      world.addJob(JOB, { kind: 'scrub', volume: 'u-v', step: 'run', data: { repair: true } })
    },
    judge(world) {
      expect(state(world)).toBe('failed')
      expect(world.job(JOB).message).toBe(
        '2 blocks of v were bad; 2 were repaired; not everything could be looked at: s3 went away',
      )
      expect(world.job(JOB).data.result).toMatchObject({ errors: 2, repaired: 2, missed: ['s3 went away'] })
    },
  },
  {
    name: 'prune, and the server that does it goes',
    arrange(world) {
      addRepository(world)
      const data = { repository: 'r', of: null, keep: { last: 1 }, dryRun: false }
      world.addJob(JOB, { kind: 'prune_backups', step: 'run', data })
      world.scheduler.schedule('down', 's1', 1500, () => world.servers.setUp('s1', false))
    },
    judge(world) {
      expect(state(world)).toBe('succeeded')
      expect(world.job(JOB).data.result).toMatchObject({ deleted: ['old'] })
      expect(world.servers.volumes.begun).toContain('pruneBackups s2')
    },
  },
]

crashAtEveryCommit(SCENARIOS)
