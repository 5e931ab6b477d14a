/**
 * What takes long at a target: backups, restores, exports and imports, over its admin API. A repository comes with each request,
 * with its secrets: a target stores none of them.
 */
import type { FastifyInstance } from 'fastify'
import { type Static, type TSchema, Type } from 'typebox'
import { VOLUME_NAME_PATTERN } from '../../http/patterns.ts'
import { PROBLEM_ANSWERS } from '../../http/problem.ts'
import type { TaskView } from '../../rpc/tasks.ts'
import type { TargetTask, TargetTasks } from '../tasks/target-tasks.ts'
import type { VolumeHost } from '../volume-host.ts'

const Count = Type.Integer({ minimum: 0 })
const CLOSED = { additionalProperties: false } as const
const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const Short = Type.String({ minLength: 1, maxLength: 1024 })
const secret = (maxLength = 1024) => Type.String({ minLength: 1, maxLength, writeOnly: true })

const encryption = nullable(
  Type.Object({ keyHex: Type.String({ pattern: '^[0-9a-f]{64}$', writeOnly: true }) }, CLOSED),
)
const Repository = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('s3'),
      endpoint: nullable(Short),
      region: Short,
      bucket: Short,
      prefix: Type.String({ maxLength: 512 }),
      accessKeyId: Short,
      secretAccessKey: secret(),
      sessionToken: nullable(secret(8192)),
      forcePathStyle: Type.Boolean(),
      encryption,
    },
    CLOSED,
  ),
  Type.Object({ kind: Type.Literal('directory'), path: Short, encryption }, CLOSED),
])
const Keep = Type.Object(
  {
    last: Type.Optional(Count),
    hourly: Type.Optional(Count),
    daily: Type.Optional(Count),
    weekly: Type.Optional(Count),
    monthly: Type.Optional(Count),
  },
  CLOSED,
)
const Id = Type.String({ pattern: '^[A-Za-z0-9._-]{1,128}$' })

const kind = <K extends TargetTask['kind'], P extends Record<string, TSchema>>(name: K, fields: P) =>
  Type.Object({ kind: Type.Literal(name), repository: Repository, ...fields }, CLOSED)
const Task = Type.Union([
  kind('backup', { full: Type.Boolean() }),
  kind('restoreBackup', { backup: Id, force: Type.Boolean() }),
  kind('verifyBackup', { backup: Id }),
  kind('deleteBackup', { backup: Id }),
  kind('listBackups', { backup: nullable(Id) }),
  kind('pruneBackups', { keep: Keep, dryRun: Type.Boolean() }),
  kind('checkRepository', {}),
  kind('exportImage', { artifact: Id }),
  kind('importImage', { artifact: Id, force: Type.Boolean() }),
])

const View = Type.Object({
  task: Type.String(),
  state: Type.Enum(['running', 'succeeded', 'failed', 'cancelled', 'unknown']),
  done: Count,
  total: Type.Integer({ minimum: 0, description: '0 while it is not known' }),
  unit: Type.Enum(['bytes', 'blocks', 'objects']),
  message: nullable(Type.String({ description: 'Why it failed, with the object or block; or what it does' })),
  code: nullable(Type.String({ description: 'Stable code of why it failed' })),
  result: Type.Unsafe<unknown>({ description: 'What came of it, by kind; null before its end' }),
})

const Volume = Type.Object({ name: Type.String({ pattern: VOLUME_NAME_PATTERN }) })
const ById = Type.Object({ task: Type.String({ pattern: '^[0-9a-f-]{36}$' }) })

const viewOf = ({ result, ...view }: TaskView): Static<typeof View> => ({
  ...view,
  result: result === null ? null : JSON.parse(result),
})

export function addTaskRoutes(
  app: FastifyInstance,
  { volumes, tasks }: { readonly volumes: VolumeHost; readonly tasks: () => TargetTasks },
): void {
  const startSchema = {
    summary: 'Begin a backup, a restore, or what else is done with a repository',
    params: Volume,
    body: Task,
    response: { 202: View, ...PROBLEM_ANSWERS },
  }
  app.post<{ Params: Static<typeof Volume>; Body: Static<typeof Task> }>(
    '/block/volumes/:name/tasks',
    { schema: startSchema },
    async ({ params, body }, reply) => {
      volumes.get(params.name)
      const view = viewOf(tasks().start(body))
      return reply.code(202).header('location', `/block/tasks/${view.task}`).send(view)
    },
  )

  const showSchema = {
    summary: 'How far a task is, and what came of it; for an hour after its end',
    params: ById,
    response: { 200: View, ...PROBLEM_ANSWERS },
  }
  app.get<{ Params: Static<typeof ById> }>('/block/tasks/:task', { schema: showSchema }, async ({ params }) =>
    viewOf(tasks().view(params.task)),
  )

  const cancelSchema = {
    summary: 'End a task as soon as it can',
    params: ById,
    response: { 200: View, ...PROBLEM_ANSWERS },
  }
  app.post<{ Params: Static<typeof ById> }>(
    '/block/tasks/:task/cancel',
    { schema: cancelSchema },
    async ({ params }) => viewOf(tasks().cancel(params.task)),
  )
}
