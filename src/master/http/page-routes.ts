/** What is not the API: health for probes, metrics, and the web page. */
import { Type } from 'typebox'
import { addMetricsRoute, addPage } from '../../http/common-routes.ts'
import { readPage } from '../../http/page.ts'
import type { MetricsRegistry } from '../../metrics/registry.ts'
import type { MasterApi } from '../master-api.ts'
import type { TypedApp } from './typed-app.ts'

const Health = Type.Object({ healthy: Type.Boolean(), reasons: Type.Array(Type.String()) })
const PAGE = readPage(new URL('./master-page.html', import.meta.url))

export function addPageRoutes(
  app: TypedApp,
  { api, metrics }: { readonly api: MasterApi; readonly metrics: MetricsRegistry },
): void {
  app.get(
    '/healthz',
    {
      config: { public: true },
      schema: {
        summary: 'Whether this master can decide and record; for probes',
        response: { 200: Health, 503: { ...Health, description: 'It cannot' } },
      },
    },
    async (_, reply) => {
      const health = healthOf(api)
      reply.code(health.healthy ? 200 : 503)
      return health
    },
  )

  addMetricsRoute(app, metrics)
  addPage(app, PAGE, ['/', '/block', '/block/'])
}

/** Tells nothing of volumes and servers: probes have no token. */
function healthOf(api: MasterApi): { healthy: boolean; reasons: string[] } {
  const { lock } = api.cluster()
  const reasons =
    lock === null
      ? []
      : [`the cluster is locked (${lock.reason}): nothing is promoted until 'basalt cluster recover'`]
  return { healthy: reasons.length === 0, reasons }
}
