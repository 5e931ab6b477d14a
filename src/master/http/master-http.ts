/**
 * The HTTP side of a master: the API under `/block`, its description, metrics, health, and the web page. It decides
 * nothing: what is asked goes to `MasterApi` with the name of who asks.
 */
import type { FastifyInstance } from 'fastify'
import type { HostPort } from '../../base/address.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Random } from '../../base/ports/random.ts'
import type { HttpAppOptions } from '../../http/app.ts'
import { HttpServer } from '../../http/http-server.ts'
import type { MetricsRegistry } from '../../metrics/registry.ts'
import type { RecordStore } from '../core/records-view.ts'
import type { MasterApi } from '../master-api.ts'
import type { AccessSealer } from './access.ts'
import { addBackupRoutes, addRepositoryRoutes } from './backup-routes.ts'
import { addClusterRoutes, addJobRoutes, addServerRoutes } from './cluster-routes.ts'
import { routeContext } from './context.ts'
import { addEventRoutes } from './event-routes.ts'
import { MasterGate } from './gate.ts'
import { addPageRoutes } from './page-routes.ts'
import { addPublicationRoutes } from './publication-routes.ts'
import { addScheduleRoutes } from './schedule-routes.ts'
import { addSnapshotRoutes } from './snapshot-routes.ts'
import { addTokenRoutes } from './token-routes.ts'
import { Tokens } from './tokens.ts'
import { typedApp } from './typed-app.ts'
import { addVolumeRoutes } from './volume-routes.ts'

export interface MasterHttpOptions {
  readonly api: MasterApi
  /** Where the tokens are. */
  readonly store: RecordStore
  readonly seal: AccessSealer
  readonly metrics: MetricsRegistry
  readonly version: string
  readonly corsOrigins?: readonly string[]
  readonly tls?: NonNullable<HttpAppOptions['tls']>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Listens; errors as of `HttpServer.open`. */
export function openMasterHttp(
  options: MasterHttpOptions & { readonly listen: HostPort; readonly flag: string },
): Promise<HttpServer> {
  const { listen, flag } = options
  return HttpServer.open({ ...masterAppOptions(options), listen, flag })
}

/** The application, for `openMasterHttp` and for tests without a socket. */
export function masterAppOptions(options: MasterHttpOptions): HttpAppOptions {
  const { api, store, clock, random, corsOrigins = [], tls } = options
  const tokens = new Tokens({ store, clock, random })
  const gate = new MasterGate({ tokens, corsOrigins, clock })
  return {
    title: 'Basalt master API',
    version: options.version,
    gate: (request) => gate.admit(request),
    addRoutes: (app: FastifyInstance) => {
      const typed = typedApp(app)
      const context = routeContext(api, (request) => gate.callerOf(request))
      addVolumeRoutes(typed, { ...context, seal: options.seal })
      addPublicationRoutes(typed, { ...context, seal: options.seal })
      addSnapshotRoutes(typed, context)
      addScheduleRoutes(typed, context)
      addRepositoryRoutes(typed, { ...context, seal: options.seal })
      addBackupRoutes(typed, context)
      addServerRoutes(typed, context)
      addClusterRoutes(typed, context)
      addJobRoutes(typed, context)
      addEventRoutes(typed, { api, gate, clock })
      addTokenRoutes(typed, { ...context, tokens })
      addPageRoutes(typed, { api, metrics: options.metrics })
    },
    corsOrigins,
    hasDocsPage: true,
    ...(tls === undefined ? {} : { tls }),
    clock,
    logger: options.logger,
  }
}
