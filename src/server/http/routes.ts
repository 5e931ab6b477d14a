/** The routes of the admin API, in the order in which `docs/http-api.md` describes them. */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { isBlockError } from '../../base/errors.ts'
import type { SpaceReport } from '../../blockvol/api.ts'
import { addMetricsRoute, addPage } from '../../http/common-routes.ts'
import { VOLUME_NAME_PATTERN } from '../../http/patterns.ts'
import { PROBLEM_ANSWERS } from '../../http/problem.ts'
import type { MetricsRegistry } from '../../metrics/registry.ts'
import type { VolumeHost, VolumeView } from '../volume-host.ts'
import {
  Checkpoint,
  Health,
  Scrub,
  Space,
  Status,
  scrubResource,
  Volume,
  VolumeList,
  volumeResource,
} from './resources.ts'
import { type ServerView, serverResource } from './server-view.ts'
import { STATUS_PAGE } from './status-page.ts'

export interface AdminApi {
  readonly volumes: VolumeHost
  readonly metrics: MetricsRegistry
  server(): ServerView
}

const Named = Type.Object({
  name: Type.String({ pattern: VOLUME_NAME_PATTERN, description: 'Name of the volume' }),
})
interface ByName {
  Params: { name: string }
}

export function addRoutes(app: FastifyInstance, api: AdminApi): void {
  const { volumes, metrics } = api

  const spaceOf = async (name: string): Promise<SpaceReport | undefined> => {
    try {
      return await volumes.space(name)
    } catch (error) {
      // A volume that is not open has no report; the rest of its resource is still true.
      if (isBlockError(error)) return undefined
      throw error
    }
  }
  const resourceOf = async (view: VolumeView): Promise<Volume> =>
    volumeResource(view, await spaceOf(view.name))
  const allVolumes = (): Promise<Volume[]> => Promise.all(volumes.list().map(resourceOf))

  const statusSchema = {
    summary: 'The server and its volumes',
    response: { 200: Status, ...PROBLEM_ANSWERS },
  }
  app.get('/status', { schema: statusSchema }, async () => {
    return {
      server: serverResource(api.server()),
      ...healthOf(api),
      volumes: await allVolumes(),
    }
  })

  const healthSchema = {
    summary: 'Whether every volume is served; for probes',
    response: { 200: Health, 503: { ...Health, description: 'Something is not served' } },
  }
  app.get('/healthz', { schema: healthSchema, config: { public: true } }, async (_, reply) => {
    const health = healthOf(api)
    return reply.code(health.healthy ? 200 : 503).send(health)
  })

  addMetricsRoute(app, metrics)

  const listSchema = { summary: 'All volumes', response: { 200: VolumeList, ...PROBLEM_ANSWERS } }
  app.get('/block/volumes', { schema: listSchema }, async () => ({ volumes: await allVolumes() }))

  const showSchema = { summary: 'One volume', params: Named, response: { 200: Volume, ...PROBLEM_ANSWERS } }
  app.get<ByName>('/block/volumes/:name', { schema: showSchema }, ({ params }) =>
    resourceOf(volumes.get(params.name)),
  )

  const spaceSchema = {
    summary: 'Space that a volume takes on the disk',
    params: Named,
    response: { 200: Space, ...PROBLEM_ANSWERS },
  }
  app.get<ByName>('/block/volumes/:name/space', { schema: spaceSchema }, ({ params }) =>
    volumes.space(params.name),
  )

  const checkpointSchema = {
    summary: 'Bring the log into the extents; answers when it is done',
    params: Named,
    response: { 200: Checkpoint, ...PROBLEM_ANSWERS },
  }
  app.post<ByName>('/block/volumes/:name/checkpoint', { schema: checkpointSchema }, async ({ params }) => ({
    checkpointLsn: await volumes.checkpoint(params.name),
  }))

  const scrubSchema = {
    summary: 'How far scrubbing is',
    params: Named,
    response: { 200: Scrub, ...PROBLEM_ANSWERS },
  }
  app.get<ByName>('/block/volumes/:name/scrub', { schema: scrubSchema }, async ({ params }) =>
    scrubResource(volumes.get(params.name).status.scrub),
  )

  const startSchema = {
    summary: 'Start a scrub unless one is running; answers at once',
    params: Named,
    response: { 202: Scrub, ...PROBLEM_ANSWERS },
  }
  app.post<ByName>('/block/volumes/:name/scrub', { schema: startSchema }, async ({ params }, reply) =>
    reply.code(202).send(scrubResource(volumes.startScrub(params.name))),
  )

  addPage(app, STATUS_PAGE)
}

function healthOf(api: AdminApi): { healthy: boolean; reasons: string[] } {
  const { state } = api.server()
  const reasons = state === 'serving' ? [] : [`the server is ${state}`]
  for (const { name, outage, status } of api.volumes.list()) {
    if (outage !== undefined) reasons.push(`volume ${name}: ${outage}`)
    else if (status.health === 'poisoned') reasons.push(`volume ${name} is poisoned and acknowledges nothing`)
  }
  return { healthy: reasons.length === 0, reasons }
}
