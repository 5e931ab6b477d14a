/** Schedules: snapshots and backups that the master makes by itself. */
import { type Static, Type } from 'typebox'
import { VOLUME_NAME_PATTERN } from '../../http/patterns.ts'
import type { NewSchedule, ScheduleView } from '../snapshot-api.ts'
import type { RouteContext } from './context.ts'
import { CLOSED, Count, nullable, Text, Timestamp, timestamp } from './schemas.ts'
import type { TypedApp } from './typed-app.ts'

const Name = Type.String({ pattern: VOLUME_NAME_PATTERN, description: 'Unique among schedules' })
const ByName = Type.Object({ name: Name })
const SECOND_MS = 1000
const SECONDS_MAX = 366 * 24 * 3600

const rule = (what: string) =>
  Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000, description: `Kept: ${what}` }))
export const Keep = Type.Object(
  {
    last: rule('the newest so many'),
    hourly: rule('the newest of each of the newest so many hours'),
    daily: rule('of so many days (UTC)'),
    weekly: rule('of so many weeks (from Monday)'),
    monthly: rule('of so many months'),
  },
  { ...CLOSED, description: 'What any rule keeps is kept, by volume; no rule keeps nothing' },
)

const seconds = (description: string) => Type.Integer({ minimum: 60, maximum: SECONDS_MAX, description })
const FIELDS = {
  volumes: Type.Array(Type.String({ pattern: '^[a-z0-9.*-]{1,63}$' }), {
    minItems: 1,
    maxItems: 1000,
    description: 'Names; `*` stands for any characters',
  }),
  every_seconds: Type.Optional(
    nullable(seconds('So long after it was due last, counted from 1970; this or `at`')),
  ),
  at: Type.Optional(
    nullable(
      Type.String({
        minLength: 9,
        maxLength: 200,
        description: 'Minute, hour, day, month, weekday as in crontab(5), UTC; this or `every_seconds`',
      }),
    ),
  ),
  keep: Type.Optional(Keep),
  backup: Type.Optional(
    nullable(
      Type.Object(
        {
          repository: Type.String({ pattern: VOLUME_NAME_PATTERN }),
          full_every_seconds: Type.Optional(
            nullable(seconds('A full backup when the last full one is older; null: increments for ever')),
          ),
          keep: Type.Optional(nullable(Keep)),
        },
        { ...CLOSED, description: 'Backups instead of snapshots alone' },
      ),
    ),
  ),
  paused: Type.Optional(Type.Boolean()),
}
const CreateBody = Type.Object({ name: Name, ...FIELDS }, CLOSED)
const SetBody = Type.Object(FIELDS, CLOSED)

const Schedule = Type.Object({
  name: Text,
  volumes: Type.Array(Text),
  every_seconds: nullable(Type.Number()),
  at: nullable(Text),
  keep: Keep,
  backup: nullable(
    Type.Object({ repository: Text, full_every_seconds: nullable(Type.Number()), keep: nullable(Keep) }),
  ),
  paused: Type.Boolean(),
  created_at: Timestamp,
  next_at: nullable(Timestamp),
  matching: Type.Array(Text, { description: 'Volumes that it is for, now' }),
  last: nullable(
    Type.Object({
      due_at: Timestamp,
      started_at: Timestamp,
      ended_at: nullable(Timestamp),
      made: Count,
      failed: Count,
      message: nullable(Text),
    }),
  ),
})
const ScheduleList = Type.Object({ schedules: Type.Array(Schedule) })
const Gone = { ...Type.Null(), description: 'It is deleted; what it made stays' }

/** INVALID_ARGUMENT for times that make no sense is the master's. */
function scheduleOf(name: string, body: Static<typeof SetBody>): NewSchedule {
  const { backup, every_seconds: every, at } = body
  const fullEvery = backup?.full_every_seconds ?? null
  return {
    name,
    volumes: body.volumes,
    // both or none is refused where times are understood
    when: {
      ...(every == null ? {} : { everyMs: every * SECOND_MS }),
      ...(at == null ? {} : { at }),
    } as NewSchedule['when'],
    keep: body.keep ?? {},
    backup:
      backup == null
        ? null
        : {
            repository: backup.repository,
            fullEveryMs: fullEvery === null ? null : fullEvery * SECOND_MS,
            keep: backup.keep ?? null,
          },
    isPaused: body.paused === true,
  }
}

function scheduleResource({ record, nextAt, matching }: ScheduleView): Static<typeof Schedule> {
  const { name, volumes, when, keep, backup, isPaused, createdAt, last } = record
  return {
    name,
    volumes: [...volumes],
    every_seconds: 'everyMs' in when ? when.everyMs / SECOND_MS : null,
    at: 'at' in when ? when.at : null,
    keep,
    backup: backup && {
      repository: backup.repository,
      full_every_seconds: backup.fullEveryMs === null ? null : backup.fullEveryMs / SECOND_MS,
      keep: backup.keep,
    },
    paused: isPaused,
    created_at: timestamp(createdAt),
    next_at: nextAt === null ? null : timestamp(nextAt),
    matching: [...matching],
    last: last && {
      due_at: timestamp(last.dueAt),
      started_at: timestamp(last.startedAt),
      ended_at: last.endedAt === null ? null : timestamp(last.endedAt),
      made: last.made,
      failed: last.failed,
      message: last.message,
    },
  }
}

export function addScheduleRoutes(app: TypedApp, { api, callerOf }: RouteContext): void {
  app.get(
    '/block/schedules',
    { schema: { summary: 'All schedules, by name', response: { 200: ScheduleList } } },
    async () => ({ schedules: api.schedules().map(scheduleResource) }),
  )

  app.post(
    '/block/schedules',
    { schema: { summary: 'Make a schedule', body: CreateBody, response: { 201: Schedule } } },
    async (request, reply) => {
      const { name, ...fields } = request.body
      const made = await api.createSchedule(callerOf(request), scheduleOf(name, fields))
      reply.code(201).header('location', `/block/schedules/${name}`)
      return scheduleResource(made)
    },
  )

  app.get(
    '/block/schedules/:name',
    { schema: { summary: 'One schedule', params: ByName, response: { 200: Schedule } } },
    async ({ params }) => scheduleResource(api.schedule(params.name)),
  )

  app.put(
    '/block/schedules/:name',
    {
      schema: {
        summary: 'Replace a schedule; when it ran last stays',
        params: ByName,
        body: SetBody,
        response: { 200: Schedule },
      },
    },
    async (request) =>
      scheduleResource(
        await api.setSchedule(callerOf(request), scheduleOf(request.params.name, request.body)),
      ),
  )

  app.delete(
    '/block/schedules/:name',
    { schema: { summary: 'Delete a schedule', params: ByName, response: { 204: Gone } } },
    async (request, reply) => {
      await api.deleteSchedule(callerOf(request), request.params.name)
      return reply.code(204).send(null)
    },
  )
}
