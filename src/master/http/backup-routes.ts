/** Repositories and the backups in them. What is in a repository is asked of it by a server, at each request. */
import { type Static, Type } from 'typebox'
import { VOLUME_NAME_PATTERN } from '../../http/patterns.ts'
import type { BackupInfo } from '../../rpc/tasks.ts'
import type { AccessSealer } from './access.ts'
import { Job } from './cluster-resource.ts'
import type { RouteContext } from './context.ts'
import { nextCursor, pageOf } from './paging.ts'
import {
  ByRepository,
  CreateRepositoryBody,
  Repository,
  RepositoryList,
  repositoryOf,
  repositoryResource,
  SetRepositoryBody,
} from './repository-resource.ts'
import { Keep } from './schedule-routes.ts'
import {
  ByVolume,
  CLOSED,
  Count,
  NextCursor,
  nullable,
  PAGING,
  Text,
  Timestamp,
  timestamp,
  VolumeName,
} from './schemas.ts'
import { DERIVED_FIELDS, derivedWishOf } from './snapshot-resource.ts'
import type { TypedApp } from './typed-app.ts'
import { Volume, volumeResource } from './volume-resource.ts'

const ByBackup = Type.Object({
  ...ByRepository.properties,
  id: Type.String({ pattern: '^[A-Za-z0-9._-]{1,128}$', description: 'As the list shows it' }),
})
const BackupQuery = Type.Object({ ...PAGING, volume: Type.Optional(VolumeName) }, CLOSED)
/** One list is asked of the repository at a time. */
const PAGE_MAX = 200

const Backup = Type.Object({
  id: Text,
  volume_name: Text,
  volume_uuid: Text,
  created_at: Timestamp,
  snapshot_name: Text,
  size_bytes: Count,
  kind: Type.Enum(['full', 'incremental']),
  base: nullable(
    Type.String({ description: 'Backup that it is an increment of; it can be restored without' }),
  ),
  why_full: nullable(Type.String({ description: 'Why it is full though an increment was asked for' })),
  stored_bytes: Type.Integer({ minimum: 0, description: 'What it added to the repository' }),
  changed_bytes: Type.Integer({ minimum: 0, description: 'Of the volume, since the base' }),
  compression: Type.Enum(['zstd', 'none']),
  encrypted: Type.Boolean(),
  state: Type.Enum(['complete', 'unreadable']),
})
const BackupList = Type.Object({ backups: Type.Array(Backup), next_cursor: NextCursor })

const backupResource = (backup: BackupInfo): Static<typeof Backup> => ({
  id: backup.id,
  volume_name: backup.volumeName,
  volume_uuid: backup.volumeUuid,
  created_at: timestamp(backup.createdAtMs),
  snapshot_name: backup.snapshotName,
  size_bytes: backup.sizeBytes,
  kind: backup.kind,
  base: backup.base,
  why_full: backup.whyFull,
  stored_bytes: backup.storedBytes,
  changed_bytes: backup.changedBytes,
  compression: backup.compression,
  encrypted: backup.isEncrypted,
  state: backup.state,
})

const BackupBody = Type.Object(
  {
    repository: Type.String({ pattern: VOLUME_NAME_PATTERN }),
    full: Type.Optional(Type.Boolean({ description: 'All of it, even if an increment would do' })),
  },
  CLOSED,
)
const { name: volumeName, ...restoreFields } = DERIVED_FIELDS
const RestoreBody = Type.Object(
  {
    ...restoreFields,
    volume: Type.String({
      ...volumeName,
      description: 'A new one; or one that is there, whose content is replaced',
    }),
    force: Type.Optional(Type.Boolean({ description: 'Even while hosts are logged in' })),
  },
  CLOSED,
)
const Restored = Type.Object({ volume: Volume, job: Job })
const PruneBody = Type.Object(
  {
    volume: Type.Optional(VolumeName),
    keep: Keep,
    dry_run: Type.Optional(Type.Boolean({ description: 'Only say what would go: `result` of the job' })),
  },
  CLOSED,
)
const Checked = Type.Object({ server: Type.String({ description: 'Id of the server that tried it' }) })
const Gone = { ...Type.Null(), description: 'It is forgotten; what is in it stays' }

export function addRepositoryRoutes(
  app: TypedApp,
  { api, callerOf, seal }: RouteContext & { readonly seal: AccessSealer },
): void {
  app.get(
    '/block/repositories',
    { schema: { summary: 'All repositories, by name', response: { 200: RepositoryList } } },
    async () => ({ repositories: api.repositories().map(repositoryResource) }),
  )

  app.post(
    '/block/repositories',
    {
      schema: {
        summary: 'Name a place for backups; secrets are kept sealed and never shown',
        body: CreateRepositoryBody,
        response: { 201: Repository },
      },
    },
    async (request, reply) => {
      const { name, ...fields } = request.body
      const made = await api.createRepository(callerOf(request), repositoryOf(name, fields, seal))
      reply.code(201).header('location', `/block/repositories/${name}`)
      return repositoryResource(made)
    },
  )

  app.get(
    '/block/repositories/:name',
    { schema: { summary: 'One repository', params: ByRepository, response: { 200: Repository } } },
    async ({ params }) => repositoryResource(api.repository(params.name)),
  )

  app.put(
    '/block/repositories/:name',
    {
      schema: {
        summary: 'Replace a repository, secrets too',
        params: ByRepository,
        body: SetRepositoryBody,
        response: { 200: Repository },
      },
    },
    async (request) => {
      const repository = repositoryOf(request.params.name, request.body, seal)
      return repositoryResource(await api.setRepository(callerOf(request), repository))
    },
  )

  app.delete(
    '/block/repositories/:name',
    { schema: { summary: 'Forget a repository', params: ByRepository, response: { 204: Gone } } },
    async (request, reply) => {
      await api.deleteRepository(callerOf(request), request.params.name)
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/block/repositories/:name/check',
    {
      schema: {
        summary: 'Have a server write, read and delete an object there',
        params: ByRepository,
        response: { 200: Checked },
      },
    },
    async (request) => await api.checkRepository(callerOf(request), request.params.name),
  )
}

export function addBackupRoutes(app: TypedApp, { api, callerOf, sendJob, showJob }: RouteContext): void {
  app.post(
    '/block/volume/:name/backups',
    {
      schema: {
        summary: 'Back a volume up: all of it the first time, then what changed',
        params: ByVolume,
        body: BackupBody,
        response: { 202: Job },
      },
    },
    async (request, reply) => {
      const { repository, full = false } = request.body
      const wish = { repository, full }
      return sendJob(reply, await api.backupVolume(callerOf(request), request.params.name, wish))
    },
  )

  app.get(
    '/block/repositories/:name/backups',
    {
      schema: {
        summary: 'Backups in a repository, newest first',
        params: ByRepository,
        querystring: BackupQuery,
        response: { 200: BackupList },
      },
    },
    async ({ params, query }) => {
      const { limit, ...rest } = pageOf(query)
      const page = await api.backups(params.name, {
        ...rest,
        limit: Math.min(limit, PAGE_MAX),
        ...(query.volume === undefined ? {} : { volume: query.volume }),
      })
      return { backups: page.items.map(backupResource), next_cursor: nextCursor(page.next) }
    },
  )

  app.get(
    '/block/repositories/:name/backups/:id',
    { schema: { summary: 'One backup', params: ByBackup, response: { 200: Backup } } },
    async ({ params }) => backupResource(await api.backup(params.name, params.id)),
  )

  app.post(
    '/block/repositories/:name/backups/:id/restore',
    {
      schema: {
        summary: 'Make a volume of a backup, or make one that is there what it was',
        params: ByBackup,
        body: RestoreBody,
        response: { 202: Restored },
      },
    },
    async (request, reply) => {
      const { params, body } = request
      const { volume: name, force = false, ...fields } = body
      const wish = derivedWishOf({ ...fields, name })
      const asked = await api.restoreBackup(callerOf(request), params.name, params.id, { force, wish })
      reply.code(202).header('location', `/block/job/${asked.job.id}`)
      return { volume: volumeResource(asked.volume), job: showJob(asked.job) }
    },
  )

  app.post(
    '/block/repositories/:name/backups/:id/verify',
    {
      schema: {
        summary: 'Read every object of a backup, and check every block',
        params: ByBackup,
        response: { 202: Job },
      },
    },
    async (request, reply) =>
      sendJob(reply, await api.verifyBackup(callerOf(request), request.params.name, request.params.id)),
  )

  app.delete(
    '/block/repositories/:name/backups/:id',
    { schema: { summary: 'Delete a backup', params: ByBackup, response: { 202: Job } } },
    async (request, reply) =>
      sendJob(reply, await api.deleteBackup(callerOf(request), request.params.name, request.params.id)),
  )

  app.post(
    '/block/repositories/:name/prune',
    {
      schema: {
        summary: 'Delete the backups that no rule keeps',
        params: ByRepository,
        body: PruneBody,
        response: { 202: Job },
      },
    },
    async (request, reply) => {
      const { volume, keep, dry_run: dryRun = false } = request.body
      const wish = { keep, dryRun, ...(volume === undefined ? {} : { volume }) }
      return sendJob(reply, await api.pruneBackups(callerOf(request), request.params.name, wish))
    },
  )
}
