/** Schedules over scripted servers, with the master ended at every commit of a run: nothing is made twice, and nothing is left out. */
import { describe, expect, it } from 'vitest'
import { crashAtEveryCommit } from '../../../test/support/master/at-every-commit.ts'
import { JobWorld } from '../../../test/support/master/job-world.ts'
import type { ScheduleRecord } from '../records.ts'

const THREE = ['s1', 's2', 's3']
const HOUR_MS = 3_600_000

const schedule = (different: Partial<ScheduleRecord> = {}): ScheduleRecord => ({
  name: 'hourly',
  volumes: ['d*'],
  when: { everyMs: HOUR_MS },
  keep: { last: 1 },
  backup: null,
  isPaused: false,
  createdAt: 0,
  last: null,
  ...different,
})
const STAMP = /^hourly-\d{8}-\d{6} ready$/

function world(different: Partial<ScheduleRecord> = {}): (world: JobWorld) => void {
  return (made) => {
    for (const name of ['db1', 'db2', 'other']) made.addVolume(name, THREE)
    const target = { kind: 'directory' as const, path: '/backups' }
    made.put({
      kind: 'repository',
      record: { name: 'r', target, sealedEncryptionKey: null, createdAt: 0 },
    })
    made.put({ kind: 'schedule', record: schedule(different) })
    for (const [n, owner] of [
      [1, 'hourly'],
      [2, null],
    ] as const) {
      const id = String(n).repeat(16)
      made.servers.volumes.createSnapshot({ volume: 'u-db1', epoch: 1, id, name: `old${n}` })
      made.put({
        kind: 'snapshot',
        record: {
          ...{ id, volume: 'u-db1', name: `old${n}`, state: 'ready', lsn: 100 + n, sizeBytes: 1 },
          ...{ createdAt: n, schedule: owner, isExposed: false, group: null, backup: null },
        },
      })
    }
  }
}
const snapshotsOf = (made: JobWorld, volume: string): string[] => {
  const recorded = made.records.snapshotsOf(volume).map(({ name, state }) => `${name} ${state}`)
  const log = made.servers.volumes.log(volume).snapshots.map(({ name }) => `${name} ready`)
  expect(recorded.toSorted()).toEqual(log.toSorted())
  return recorded
}

crashAtEveryCommit([
  {
    name: 'a run that makes snapshots',
    arrange: world(),
    judge(made) {
      const last = made.records.schedule('hourly')?.last
      expect(last).toMatchObject({ made: 2, failed: 0, message: null })
      expect(last?.endedAt).not.toBeNull()
      // what the rules do not keep is gone; what nobody's rules apply to stays
      expect(snapshotsOf(made, 'u-db1')).toEqual(['old2 ready', expect.stringMatching(STAMP)])
      expect(snapshotsOf(made, 'u-db2')).toEqual([expect.stringMatching(STAMP)])
      expect(snapshotsOf(made, 'u-other')).toEqual([])
    },
  },
  {
    name: 'a run that makes backups',
    arrange: world({ backup: { repository: 'r', fullEveryMs: HOUR_MS, keep: { daily: 3 } } }),
    judge(made) {
      expect(made.records.schedule('hourly')?.last).toMatchObject({ made: 2, failed: 0 })
      const kinds = made.records.jobs().map(({ kind, volume, state }) => `${kind} ${volume} ${state}`)
      expect(kinds.sort()).toEqual([
        'backup u-db1 succeeded',
        'backup u-db2 succeeded',
        'prune_backups null succeeded',
        'prune_backups null succeeded',
      ])
      const full = made.records.jobs().filter(({ kind, data }) => kind === 'backup' && data.full === true)
      expect(full).toHaveLength(2)
      expect(made.records.snapshotsOf('u-db2')).toMatchObject([
        { backup: { repository: 'r' }, state: 'ready' },
      ])
    },
  },
])

describe('a run', () => {
  it('of which one volume cannot be had makes the others, and says why', async () => {
    const made = new JobWorld()
    world()(made)
    made.addVolume('down', ['s4'])
    await made.start()
    made.servers.setUp('s4', false)
    await made.until('its end', () => made.records.schedule('hourly')?.last?.endedAt != null)
    expect(made.records.schedule('hourly')?.last).toMatchObject({ made: 2, failed: 1 })
    expect(made.records.schedule('hourly')?.last?.message).toMatch(/^down: /)
    expect(made.master.events({ limit: 100 }).map(({ kind }) => kind)).toContain('schedule.failed')
  })

  it('comes again when it is due, and once after a time without a master', async () => {
    const made = new JobWorld()
    world({ keep: { last: 10 } })(made)
    await made.start()
    const count = (): number => made.records.snapshotsOf('u-db2').length
    await made.until('the first', () => count() === 1)
    await made.scheduler.pass(HOUR_MS)
    expect(count()).toBe(2)
    made.kill()
    await made.scheduler.pass(5 * HOUR_MS)
    await made.restart()
    await made.until('the next', () => count() === 3)
    await made.scheduler.pass(HOUR_MS / 2)
    expect(count()).toBe(3)
  })
})
