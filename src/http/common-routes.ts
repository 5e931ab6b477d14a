/** Routes that every daemon has beside those of its own: metrics for a collector, and a page for people. */
import type { FastifyInstance } from 'fastify'
import type { MetricsRegistry } from '../metrics/registry.ts'
import { type Page, sendPage } from './page.ts'
import { METRICS_ANSWER } from './problem.ts'

export function addMetricsRoute(app: FastifyInstance, metrics: MetricsRegistry): void {
  const schema = {
    summary: 'Metrics in the text format of Prometheus',
    response: { 200: METRICS_ANSWER },
  }
  app.get('/metrics', { schema }, async (_, reply) => {
    const text = await metrics.render()
    return reply.type(metrics.contentType).send(text)
  })
}

/** `/ui` without a token: the page asks for what it shows. The addresses in `from` lead to it. */
export function addPage(app: FastifyInstance, page: Page, from: readonly string[] = ['/']): void {
  const open = { config: { public: true }, schema: { hide: true } }
  app.get('/ui', open, (_, reply) => sendPage(reply, page))
  for (const url of from) app.get(url, open, (_, reply) => reply.redirect('/ui'))
}
