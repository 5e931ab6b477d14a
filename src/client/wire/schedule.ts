/** Schedules, as the master's API shows and takes them. */
import { type Static, Type } from 'typebox'
import type { ApiClient } from '../http/api-client.ts'
import { Count, Nullable, pathOf } from './common.ts'

/** How many to keep: the newest `last`, and the newest of each of so many hours, days, weeks and months. */
export const KeepRules = Type.Object({
  last: Type.Optional(Count),
  hourly: Type.Optional(Count),
  daily: Type.Optional(Count),
  weekly: Type.Optional(Count),
  monthly: Type.Optional(Count),
})
export type KeepRules = Static<typeof KeepRules>

export const Schedule = Type.Object({
  name: Type.String(),
  volumes: Type.Array(Type.String()),
  every_seconds: Nullable(Count),
  at: Nullable(Type.String()),
  keep: KeepRules,
  backup: Nullable(
    Type.Object({
      repository: Type.String(),
      full_every_seconds: Nullable(Count),
      keep: Nullable(KeepRules),
    }),
  ),
  paused: Type.Boolean(),
  created_at: Type.String(),
  next_at: Nullable(Type.String()),
  /** Volumes that it is for, now. */
  matching: Type.Array(Type.String()),
  last: Nullable(
    Type.Object({
      due_at: Type.String(),
      started_at: Type.String(),
      ended_at: Nullable(Type.String()),
      made: Count,
      failed: Count,
      message: Nullable(Type.String()),
    }),
  ),
})
export type Schedule = Static<typeof Schedule>

const ScheduleList = Type.Object({ schedules: Type.Array(Schedule) })

/** Replaces all that was set before. */
export interface ScheduleWish {
  readonly volumes: readonly string[]
  readonly every_seconds: number | null
  /** As in crontab(5), UTC. */
  readonly at: string | null
  readonly keep: KeepRules
  readonly backup: {
    readonly repository: string
    readonly full_every_seconds: number | null
    readonly keep: KeepRules | null
  } | null
  readonly paused: boolean
}

export const schedulePath = (name: string): string => pathOf('schedules', name)

export const fetchSchedules = async (api: ApiClient): Promise<Schedule[]> =>
  (await api.get('/block/schedules', ScheduleList)).schedules
