/** Schedules, for people. */

import type { KeepRules, Schedule } from '../../client/wire/schedule.ts'
import type { Column } from '../table.ts'
import { formatPeriod, formatTime } from './times.ts'

type Facts = [name: string, value: string][]

const whenText = ({ every_seconds, at }: Schedule): string =>
  every_seconds === null ? `at ${at ?? '-'} (UTC)` : `every ${formatPeriod(every_seconds * 1000)}`

/** `last 24, daily 7`. */
const keepText = (keep: KeepRules): string =>
  Object.entries(keep)
    .map(([rule, count]) => `${rule} ${count}`)
    .join(', ') || 'none'

const lastText = ({ last }: Schedule): string => {
  if (last === null) return '-'
  if (last.ended_at === null) return `since ${formatTime(last.started_at)}, under way`
  const failed = last.failed === 0 ? '' : `, ${last.failed} failed`
  return `${formatTime(last.started_at)}, ${last.made} made${failed}`
}

export const SCHEDULE_COLUMNS: readonly Column<Schedule>[] = [
  { title: 'NAME', shrinks: true, value: (schedule) => schedule.name },
  { title: 'VOLUMES', shrinks: true, value: (schedule) => schedule.volumes.join(',') },
  { title: 'WHEN', value: whenText },
  { title: 'KEEPS', shrinks: true, value: (schedule) => keepText(schedule.keep) },
  { title: 'REPOSITORY', shrinks: true, value: (schedule) => schedule.backup?.repository ?? '-' },
  { title: 'STATE', value: (schedule) => (schedule.paused ? 'paused' : 'active') },
  { title: 'LAST', shrinks: true, value: lastText },
  { title: 'NEXT', isWide: true, value: ({ next_at }) => (next_at === null ? '-' : formatTime(next_at)) },
]

export const scheduleFacts = (schedule: Schedule): Facts => [
  ['name', schedule.name],
  ['volumes', schedule.volumes.join(', ')],
  ['now', schedule.matching.join(', ') || 'no volume'],
  ['when', whenText(schedule)],
  ['state', schedule.paused ? 'paused' : 'active'],
  ['snapshots', `kept: ${keepText(schedule.keep)}`],
  ...(schedule.backup === null
    ? []
    : ([
        ['backups', `to ${schedule.backup.repository}`],
        [
          'full',
          schedule.backup.full_every_seconds === null
            ? 'the first'
            : `every ${formatPeriod(schedule.backup.full_every_seconds * 1000)}`,
        ],
        ['', `kept: ${schedule.backup.keep === null ? 'all' : keepText(schedule.backup.keep)}`],
      ] satisfies Facts)),
  ['last run', lastText(schedule)],
  ...(schedule.last?.message === null || schedule.last === null
    ? []
    : ([['', schedule.last.message]] satisfies Facts)),
  ['next run', schedule.next_at === null ? '-' : formatTime(schedule.next_at)],
  ['created', formatTime(schedule.created_at)],
]
