/**
 * When schedules are due, and what is to be done then. Pure: from the records and the wall clock. What was missed while no master
 * ran is caught up once: only the last time that has passed counts.
 */
import { BlockError } from '../../base/errors.ts'
import type { RecordsView } from '../core/records-view.ts'
import { isOver } from '../jobs/turns.ts'
import type { JobRecord, ScheduleRecord, SnapshotRecord, VolumeRecord } from '../records.ts'
import { keptOf } from '../snapshots/keep.ts'
import { userOf } from '../snapshots/requests.ts'
import { lastTime, nextTime, parseCrontab } from './crontab.ts'

/** A run that is older is not caught up: its time has been replaced by the next. */
const EVERY_MS_MIN = 60_000

/** INVALID_ARGUMENT (`schedule_time`, `schedule_at`) for a time that makes no sense. */
export function checkWhen(when: ScheduleRecord['when']): void {
  const { everyMs, at } = when as { readonly everyMs?: number; readonly at?: string }
  if ((everyMs === undefined) === (at === undefined)) throw wrong('give either how often or at what times')
  if (at !== undefined) {
    if (nextTime(parseCrontab(at), 0) === null) throw wrong(`no date ever fits '${at}'`)
  } else if (everyMs !== undefined && (everyMs < EVERY_MS_MIN || everyMs % 1000 !== 0)) {
    throw wrong('a schedule runs once a minute at most, and at whole seconds')
  }
}

const wrong = (message: string): BlockError =>
  new BlockError('INVALID_ARGUMENT', message, { facts: { reason: 'schedule_time' } })

/** The last time up to `nowMs` at which it was to run; null: never. */
export function lastDue({ when }: Pick<ScheduleRecord, 'when'>, nowMs: number): number | null {
  if ('everyMs' in when) return Math.floor(nowMs / when.everyMs) * when.everyMs
  return lastTime(parseCrontab(when.at), nowMs)
}

export function nextDue({ when, isPaused }: ScheduleRecord, nowMs: number): number | null {
  if (isPaused) return null
  if ('everyMs' in when) return (Math.floor(nowMs / when.everyMs) + 1) * when.everyMs
  return nextTime(parseCrontab(when.at), nowMs)
}

/**
 * The time for which a run is to begin now; null: none. Never for a time before the schedule was made, never twice for one time,
 * never while a run is under way. A clock that was set back begins nothing until the times rise again.
 */
export function dueNow(schedule: ScheduleRecord, nowMs: number): number | null {
  const { isPaused, last, createdAt } = schedule
  if (isPaused || last?.endedAt === null) return null
  const dueAt = lastDue(schedule, nowMs)
  return dueAt === null || dueAt <= Math.max(last?.dueAt ?? 0, createdAt) ? null : dueAt
}

/** How long a run is due that has not ended; 0 while it is on time, and while the schedule is paused. */
export function lateMs(schedule: ScheduleRecord, nowMs: number): number {
  const { isPaused, last, createdAt } = schedule
  if (isPaused) return 0
  const dueAt = last?.endedAt === null ? last.dueAt : nextDue(schedule, last?.dueAt ?? createdAt)
  return dueAt === null ? 0 : Math.max(0, nowMs - dueAt)
}

/** Volumes that it is for: those that are served and whole. */
export function matching(
  records: RecordsView,
  { volumes }: Pick<ScheduleRecord, 'volumes'>,
): readonly VolumeRecord[] {
  const patterns = volumes.map(patternOf)
  return records
    .volumes()
    .filter(
      ({ name, state, origin }) =>
        state === 'active' && origin === null && patterns.some((one) => one.test(name)),
    )
}

const patternOf = (glob: string): RegExp =>
  new RegExp(
    `^${glob
      .split('*')
      .map((part) => part.replace(/[.-]/g, '\\$&'))
      .join('.*')}$`,
  )

/** Of a run: the same at each try, so that what is there already is seen. `20261121-0300` behind the schedule's name. */
export function snapshotName({ name }: Pick<ScheduleRecord, 'name'>, dueAt: number): string {
  const [date = '', time = ''] = new Date(dueAt).toISOString().split('T')
  const stamp = `${date.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}`
  return `${name.slice(0, 47).replace(/[.-]+$/, '')}-${stamp}`
}

/** Snapshots of the schedule that none of its rules keeps; what somebody uses, or hosts may log in to, stays for now. */
export function surplus(records: RecordsView, schedule: ScheduleRecord): readonly SnapshotRecord[] {
  return records.snapshotVolumes().flatMap((volume) => {
    const own = records
      .snapshotsOf(volume)
      .filter((snapshot) => snapshot.schedule === schedule.name && snapshot.state === 'ready')
    const kept = keptOf(
      own.map(({ id, createdAt }) => ({ id, atMs: createdAt })),
      schedule.keep,
    )
    return own.filter(
      (snapshot) => !kept.has(snapshot.id) && !snapshot.isExposed && userOf(records, snapshot) === null,
    )
  })
}

/** Of a backup that is asked for by a schedule: whether all of the volume is to be sent. Without a base the server does so by itself. */
export function wantsFull(
  snapshots: readonly SnapshotRecord[],
  { backup }: Pick<ScheduleRecord, 'backup'>,
  nowMs: number,
): boolean {
  if (backup?.fullEveryMs == null) return false
  const bases = snapshots.filter(
    (one) => one.backup?.repository === backup.repository && one.backup.id !== null,
  )
  const last = Math.max(0, ...bases.map((one) => one.backup?.fullAt ?? 0))
  return nowMs - last >= backup.fullEveryMs
}

/** The jobs of one run of a schedule. */
export const jobsOfRun = (records: RecordsView, name: string, dueAt: number): readonly JobRecord[] =>
  records.jobs().filter(({ data }) => data.schedule === name && data.dueAt === dueAt)

export const areOver = (jobs: readonly JobRecord[]): boolean => jobs.every(isOver)
