/** What is not the API: health for probes, metrics, and the web page. */
import { Type } from 'typebox'
import { readPage, sendPage } from '../../http/page.ts'
import { METRICS_ANSWER } from '../../http/problem.ts'
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

  app.get(
    '/metrics',
    { schema: { summary: 'Metrics in the text format of Prometheus', response: { 200: METRICS_ANSWER } } },
    async (_, reply) => {
      const text = await metrics.render()
      reply.type(metrics.contentType)
      return text
    },
  )

  const page = { config: { public: true }, schema: { hide: true } }
  app.get('/ui', page, (_, reply) => sendPage(reply, PAGE))
  for (const url of ['/', '/block', '/block/']) app.get(url, page, (_, reply) => reply.redirect('/ui'))
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
