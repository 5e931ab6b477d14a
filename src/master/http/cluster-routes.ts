/** The cluster as a whole, its servers, and jobs. */
import { Type } from 'typebox'
import {
  ClusterStatus,
  clusterResource,
  Job,
  JobList,
  JobState,
  RebalancePlan,
  rebalanceResource,
  Server,
  ServerList,
  serverResource,
} from './cluster-resource.ts'
import type { RouteContext } from './context.ts'
import { nextCursor, pageOf, slicePage } from './paging.ts'
import { ById, ByServer, CLOSED, PAGING } from './schemas.ts'
import type { TypedApp } from './typed-app.ts'

const ListQuery = Type.Object(PAGING, CLOSED)
const JobQuery = Type.Object({ ...PAGING, state: Type.Optional(JobState) }, CLOSED)
const Force = Type.Optional(Type.Boolean({ description: 'Even if it is refused without' }))
const ForceQuery = Type.Object({ force: Force }, CLOSED)
const RecoverBody = Type.Object({ force: Force }, CLOSED)
const RebalanceBody = Type.Object(
  { dry_run: Type.Boolean({ description: 'Only say what would move' }) },
  CLOSED,
)
const Removed = { ...Type.Null(), description: 'It is no longer part of the cluster' }

export function addClusterRoutes(app: TypedApp, { api, callerOf, sendJob }: RouteContext): void {
  app.get(
    '/block/status',
    { schema: { summary: 'The cluster as a whole', response: { 200: ClusterStatus } } },
    async () => clusterResource(api.cluster()),
  )

  app.post(
    '/block/rebalance',
    {
      schema: {
        summary: 'Move replicas until servers are evenly full; or say which would move',
        body: RebalanceBody,
        response: { 200: RebalancePlan, 202: Job },
      },
    },
    async (request, reply) => {
      if (request.body.dry_run) return rebalanceResource(api.planRebalance())
      return sendJob(reply, await api.rebalance(callerOf(request)))
    },
  )

  app.post(
    '/block/recover',
    {
      schema: {
        summary:
          "Take over what servers report after the registry was lost or restored, and lift the cluster's lock",
        body: RecoverBody,
        response: { 200: ClusterStatus },
      },
    },
    async (request) =>
      clusterResource(await api.recover(callerOf(request), { force: request.body.force === true })),
  )
}

export function addServerRoutes(app: TypedApp, { api, callerOf, sendJob }: RouteContext): void {
  app.get(
    '/block/servers',
    { schema: { summary: 'All servers, by name', querystring: ListQuery, response: { 200: ServerList } } },
    async ({ query }) => {
      const page = slicePage(api.servers(), ({ record }) => `${record.name}/${record.id}`, query)
      return { servers: page.items.map(serverResource), next_cursor: nextCursor(page.next) }
    },
  )

  app.get(
    '/block/server/:name',
    { schema: { summary: 'One server', params: ByServer, response: { 200: Server } } },
    async ({ params }) => serverResource(api.server(params.name)),
  )

  for (const [action, isCordoned, summary] of [
    ['cordon', true, 'Place no more replicas on a server'],
    ['uncordon', false, 'Place replicas on a server again'],
  ] as const) {
    app.post(
      `/block/server/:name/${action}`,
      { schema: { summary, params: ByServer, response: { 200: Server } } },
      async (request) =>
        serverResource(await api.setCordoned(callerOf(request), request.params.name, isCordoned)),
    )
  }

  app.post(
    '/block/server/:name/drain',
    {
      schema: {
        summary: 'Cordon a server and move everything off it while it is used',
        params: ByServer,
        response: { 202: Job },
      },
    },
    async (request, reply) => sendJob(reply, await api.drainServer(callerOf(request), request.params.name)),
  )

  app.delete(
    '/block/server/:name',
    {
      schema: {
        summary: 'Forget a server; forced, its replicas count as lost',
        params: ByServer,
        querystring: ForceQuery,
        response: { 204: Removed },
      },
    },
    async (request, reply) => {
      const { params, query } = request
      await api.removeServer(callerOf(request), params.name, { force: query.force === true })
      return reply.code(204).send(null)
    },
  )
}

export function addJobRoutes(app: TypedApp, { api, callerOf, showJob }: RouteContext): void {
  app.get(
    '/block/jobs',
    {
      schema: {
        summary: 'Jobs that run, and those that have ended',
        querystring: JobQuery,
        response: { 200: JobList },
      },
    },
    async ({ query }) => {
      const { state } = query
      const page = api.jobs({ ...pageOf(query), ...(state === undefined ? {} : { state }) })
      return { jobs: page.items.map(showJob), next_cursor: nextCursor(page.next) }
    },
  )

  app.get(
    '/block/job/:id',
    { schema: { summary: 'One job', params: ById, response: { 200: Job } } },
    async ({ params }) => showJob(api.job(params.id)),
  )

  app.post(
    '/block/job/:id/cancel',
    {
      schema: {
        summary: 'Have a job end where it leaves nothing half done',
        params: ById,
        response: { 200: Job },
      },
    },
    async (request) => showJob(await api.cancelJob(callerOf(request), request.params.id)),
  )
}
