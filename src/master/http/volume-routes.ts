/** Volumes: made, shown, changed, moved and deleted. What takes longer than an answer is a job. */
import { Type } from 'typebox'
import { isBlockError } from '../../base/errors.ts'
import type { MasterApi } from '../master-api.ts'
import type { AccessSealer } from './access.ts'
import { AccessBody, accessOf } from './access.ts'
import { AttachInfo, attachResource } from './attach-resource.ts'
import { Job, PreflightAnswer, preflightResource } from './cluster-resource.ts'
import type { RouteContext } from './context.ts'
import { nextCursor, pageOf } from './paging.ts'
import { ByVolume, CLOSED, Count, PAGING, ServerName, SizeBytes, Text } from './schemas.ts'
import type { TypedApp } from './typed-app.ts'
import {
  Access,
  accessResource,
  CreateBody,
  Finding,
  HealthState,
  limitsOf,
  Plan,
  Preset,
  planResource,
  QosBody,
  Resolved,
  resolvedResource,
  Volume,
  VolumeList,
  volumeResource,
  wishOf,
} from './volume-resource.ts'

const ListQuery = Type.Object(
  { ...PAGING, server: Type.Optional(ServerName), health_state: Type.Optional(HealthState) },
  CLOSED,
)
const Created = Type.Object({
  ...Volume.properties,
  job: Type.Union([Type.String({ description: 'Id of the job that makes it' }), Type.Null()]),
})
const PolicyBody = Type.Object({ preset: Preset }, CLOSED)
const PolicyChanged = Type.Object({
  ...Volume.properties,
  job: Type.Union([Type.String({ description: 'Id of the job that brings it there' }), Type.Null()]),
  warnings: Type.Array(Finding),
})
const DeleteQuery = Type.Object(
  {
    keep_snapshots: Type.Optional(
      Type.Boolean({
        description:
          'It is refused when the volume has any but bases of backups (`has_snapshots`), or is backed up just now (`in_use`)',
      }),
    ),
  },
  CLOSED,
)
const ExpandBody = Type.Object({ new_size_bytes: SizeBytes }, CLOSED)
const Reason = Type.String({ maxLength: 500, description: 'Why, for the log of events' })
const PromoteBody = Type.Object(
  {
    target_server: Type.Optional(ServerName),
    force: Type.Optional(
      Type.Boolean({ description: 'Even if acknowledged writes may be lost; see preflight' }),
    ),
    reason: Type.Optional(Reason),
  },
  CLOSED,
)
const Promoted = Type.Object({
  new_primary: Type.Union([Text, Type.Null()], {
    description: 'Id of the server that leads; null while its members are asked, and nobody was promoted yet',
  }),
  epoch: Count,
  volume: Volume,
})
const MoveBody = Type.Object(
  {
    to: Type.Optional(ServerName),
    from: Type.Optional(
      Type.String({ ...ServerName, description: 'Server whose replica moves; without it, the primary does' }),
    ),
  },
  CLOSED,
)

export function addVolumeRoutes(
  app: TypedApp,
  context: RouteContext & { readonly seal: AccessSealer },
): void {
  const { api, callerOf, sendJob } = context

  app.get(
    '/block/volumes',
    { schema: { summary: 'All volumes, by name', querystring: ListQuery, response: { 200: VolumeList } } },
    async ({ query }) => {
      const { server, health_state: health } = query
      const page = api.volumes({
        ...pageOf(query),
        ...(server === undefined ? {} : { server }),
        ...(health === undefined ? {} : { health }),
      })
      return { volumes: page.items.map(volumeResource), next_cursor: nextCursor(page.next) }
    },
  )

  app.post(
    '/block/volume',
    {
      schema: {
        summary: 'Make a volume; the same request again finds it made',
        body: CreateBody,
        response: { 200: Created, 201: Created },
      },
    },
    async (request, reply) => {
      const isThere = hasVolume(api, request.body.name)
      const { volume, job } = await api.createVolume(callerOf(request), wishOf(request.body))
      reply.code(isThere ? 200 : 201).header('location', `/block/volume/${volume.record.name}`)
      return { ...volumeResource(volume), job: job?.id ?? null }
    },
  )

  app.post(
    '/block/volume/resolve',
    {
      schema: {
        summary: 'What a request to make a volume comes to',
        body: CreateBody,
        response: { 200: Resolved },
      },
    },
    async ({ body }) => resolvedResource(api.resolveVolume(wishOf(body))),
  )

  app.post(
    '/block/volume/plan',
    {
      schema: {
        summary: 'Where a volume would be placed, and why not elsewhere',
        body: CreateBody,
        response: { 200: Plan },
      },
    },
    async ({ body }) => planResource(api.planVolume(wishOf(body))),
  )

  app.get(
    '/block/volume/:name',
    { schema: { summary: 'One volume', params: ByVolume, response: { 200: Volume } } },
    async ({ params }) => volumeResource(api.volume(params.name)),
  )

  app.delete(
    '/block/volume/:name',
    {
      schema: {
        summary: 'Delete a volume and all that is on it',
        params: ByVolume,
        querystring: DeleteQuery,
        response: { 202: Job },
      },
    },
    async (request, reply) => {
      const { params, query } = request
      const wish = { keepSnapshots: query.keep_snapshots === true }
      return sendJob(reply, await api.deleteVolume(callerOf(request), params.name, wish))
    },
  )

  app.post(
    '/block/volume/:name/expand',
    {
      schema: {
        summary: 'Make a volume larger while it is used',
        params: ByVolume,
        body: ExpandBody,
        response: { 202: Job },
      },
    },
    async (request, reply) => {
      const { params, body } = request
      return sendJob(reply, await api.expandVolume(callerOf(request), params.name, body.new_size_bytes))
    },
  )

  app.get(
    '/block/volume/:name/preflight',
    {
      schema: {
        summary: 'Whether another replica could be promoted, and what that would cost',
        params: ByVolume,
        response: { 200: PreflightAnswer },
      },
    },
    async ({ params }) => preflightResource(api.preflight(params.name)),
  )

  app.post(
    '/block/volume/:name/promote',
    {
      schema: {
        summary:
          'Make a replica the primary, by a planned move while it is served; refused as unsafe when acknowledged writes may be lost, unless forced',
        params: ByVolume,
        body: PromoteBody,
        response: { 200: Promoted },
      },
    },
    async (request) => {
      const { target_server: server, force = false, reason = '' } = request.body
      const volume = await api.promoteVolume(callerOf(request), request.params.name, {
        ...(server === undefined ? {} : { server }),
        force,
        reason,
      })
      const { state, primary, epoch } = volume.record.lead
      const leads = state === 'serving' ? primary : null
      return { new_primary: leads, epoch: epoch.number, volume: volumeResource(volume) }
    },
  )

  app.post(
    '/block/volume/:name/move',
    {
      schema: {
        summary: "Hand the primary's role over, or move a replica to another server",
        params: ByVolume,
        body: MoveBody,
        response: { 202: Job },
      },
    },
    async (request, reply) => {
      const { to, from } = request.body
      const wish = { ...(to === undefined ? {} : { to }), ...(from === undefined ? {} : { from }) }
      return sendJob(reply, await api.moveVolume(callerOf(request), request.params.name, wish))
    },
  )

  app.get(
    '/block/volume/:name/attach-info',
    {
      schema: {
        summary: 'How a host comes to use it: names, portals of every path, and the lines to run on the host',
        params: ByVolume,
        response: { 200: AttachInfo },
      },
    },
    async ({ params }) => attachResource(api.attachInfo(params.name)),
  )

  app.get(
    '/block/volume/:name/access',
    { schema: { summary: 'Who may log in, without secrets', params: ByVolume, response: { 200: Access } } },
    async ({ params }) => accessResource(api.volume(params.name).record.access),
  )

  app.put(
    '/block/volume/:name/access',
    {
      schema: {
        summary: 'Who may log in: replaces what was set before; secrets are kept sealed and never shown',
        params: ByVolume,
        body: AccessBody,
        response: { 200: Volume },
      },
    },
    async (request) => {
      const access = accessOf(request.body, context.seal)
      return volumeResource(await api.setAccess(callerOf(request), request.params.name, access))
    },
  )

  app.put(
    '/block/volume/:name/policy',
    {
      schema: {
        summary:
          'Another preset: number of replicas, and how many have to be in sync; 200 when nothing differs',
        params: ByVolume,
        body: PolicyBody,
        response: { 200: PolicyChanged, 202: PolicyChanged },
      },
    },
    async (request, reply) => {
      const { params, body } = request
      const { volume, job, warnings } = await api.setPreset(callerOf(request), params.name, body.preset)
      if (job !== null) reply.code(202).header('location', `/block/job/${job.id}`)
      return { ...volumeResource(volume), job: job?.id ?? null, warnings: [...warnings] }
    },
  )

  app.put(
    '/block/volume/:name/qos',
    {
      schema: {
        summary: 'Limits on operations and bytes a second',
        params: ByVolume,
        body: QosBody,
        response: { 200: Volume },
      },
    },
    async (request) => {
      const { params, body } = request
      return volumeResource(await api.setQos(callerOf(request), params.name, limitsOf(body)))
    },
  )
}

function hasVolume(api: MasterApi, name: string): boolean {
  try {
    api.volume(name)
    return true
  } catch (error) {
    if (isBlockError(error, 'NOT_FOUND')) return false
    throw error
  }
}
