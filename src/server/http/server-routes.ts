/** The routes of a block server, in the order in which `docs/http-api.md` describes them. */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { BlockError } from '../../base/errors.ts'
import { printable } from '../../base/names.ts'
import { parseUuid } from '../../base/uuid.ts'
import { addMetricsRoute, addPage } from '../../http/common-routes.ts'
import { PROBLEM_ANSWERS } from '../../http/problem.ts'
import type { MetricsRegistry } from '../../metrics/registry.ts'
import type { MasterConnection } from '../cluster/master-client.ts'
import { AssignBody, epochOf, messageOf, parseAuthorityUrl } from '../replica/assignment.ts'
import type { Assignment } from '../replica/replica-host.ts'
import type { ReplicaView } from '../replica/replica-view.ts'
import { replicaResource, ServerHealth, ServerStatus } from './replica-resources.ts'
import { type ServerView, serverResource } from './server-view.ts'
import { SERVER_PAGE } from './status-page.ts'

export interface ServerApi {
  readonly metrics: MetricsRegistry
  server(): ServerView
  replicas(): readonly ReplicaView[]
  /** Null for a server that has no master. */
  master(): MasterConnection | null
  /** As `ReplicaHost.assign`; CLOSED before the server serves and when it stops. */
  assign(assignment: Assignment): Promise<void>
}

export function addServerRoutes(app: FastifyInstance, api: ServerApi): void {
  const statusSchema = {
    summary: 'The server and its replicas',
    response: { 200: ServerStatus, ...PROBLEM_ANSWERS },
  }
  app.get('/status', { schema: statusSchema }, async () => {
    return {
      server: serverResource(api.server()),
      ...healthOf(api),
      master: api.master(),
      replicas: api.replicas().map(replicaResource),
    }
  })

  const healthSchema = {
    summary: 'Whether every replica is open; for probes. A master that is away is told and no failure',
    response: { 200: ServerHealth, 503: { ...ServerHealth, description: 'Something is not open' } },
  }
  app.get('/healthz', { schema: healthSchema, config: { public: true } }, async (_, reply) => {
    const health = healthOf(api)
    return reply.code(health.healthy ? 200 : 503).send({ ...health, master: api.master()?.state ?? null })
  })

  addMetricsRoute(app, api.metrics)

  const assignSchema = {
    summary: "A message of a volume's authority for this server's replica, which is made if need be",
    body: AssignBody,
    response: { 204: { ...Type.Null(), description: 'The replica has it' }, ...PROBLEM_ANSWERS },
  }
  app.post<{ Body: AssignBody }>('/assign', { schema: assignSchema }, async ({ body }, reply) => {
    await api.assign(assignmentOf(body))
    return reply.code(204).send(null)
  })

  addPage(app, SERVER_PAGE)
}

/** INVALID_ARGUMENT for what the schema cannot see. */
function assignmentOf({ volume, authority, create, message }: AssignBody): Assignment {
  const uuid = parseUuid(volume)
  if (uuid === undefined) {
    throw new BlockError('INVALID_ARGUMENT', `volume: '${printable(volume)}' is not a UUID`)
  }
  return {
    volume: uuid,
    authority: parseAuthorityUrl(authority),
    create:
      create === undefined
        ? undefined
        : {
            name: create.name,
            sizeBytes: create.sizeBytes,
            logicalBlockBytes: create.logicalBlockBytes ?? 512,
            logBytes: create.logBytes,
            madeIn: create.madeIn == null ? null : epochOf(create.madeIn),
          },
    message: messageOf(message),
  }
}

function healthOf(api: ServerApi): { healthy: boolean; reasons: string[] } {
  const { state } = api.server()
  const reasons = state === 'serving' ? [] : [`the server is ${state}`]
  for (const { name, outage, state: replica } of api.replicas()) {
    if (outage !== undefined) reasons.push(`replica of ${name}: ${outage}`)
    else if (replica !== 'open') reasons.push(`replica of ${name} is ${replica}`)
  }
  return { healthy: reasons.length === 0, reasons }
}
