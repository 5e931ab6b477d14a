/** Metrics and health of a driver over HTTP, for collectors; its work is on the socket. */

import { Type } from 'typebox'
import type { HostPort } from '../../base/address.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import { addMetricsRoute } from '../../http/common-routes.ts'
import { HttpServer } from '../../http/http-server.ts'
import type { MetricsRegistry } from '../../metrics/registry.ts'
import type { Readiness } from '../identity.ts'

export interface CsiHttpOptions {
  readonly listen: HostPort
  readonly metrics: MetricsRegistry
  readonly readiness: () => Promise<Readiness>
  readonly version: string
  readonly clock: Clock
  readonly logger: Logger
}

const Health = Type.Object({ healthy: Type.Boolean(), reasons: Type.Array(Type.String()) })

/** Nobody needs a token: figures tell how much is called, not what of whom. */
export function openCsiHttp(options: CsiHttpOptions): Promise<HttpServer> {
  const { listen, metrics, readiness, version, clock, logger } = options
  return HttpServer.open({
    title: 'Basalt CSI driver',
    version,
    clock,
    logger,
    listen,
    flag: '--http',
    gate: () => undefined,
    addRoutes: (app) => {
      addMetricsRoute(app, metrics)
      const schema = {
        summary: 'Whether the driver can work; 503 when it cannot',
        response: { 200: Health, 503: Health },
      }
      app.get('/healthz', { schema }, async (_, reply) => {
        const state = await readiness()
        const isReady = state.kind === 'ready'
        return reply
          .code(isReady ? 200 : 503)
          .send({ healthy: isReady, reasons: state.kind === 'ready' ? [] : [state.reason] })
      })
    },
  })
}
