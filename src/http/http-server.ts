/**
 * The HTTP server of a daemon: bounds on what a request may be, guards before every route, problem details for every
 * failure, and a request id on every answer and log line. Which routes there are is the daemon's.
 */
import { randomUUID } from 'node:crypto'
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { type HostPort, isLoopback } from '../base/address.ts'
import { BlockError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { Secret } from '../frontend/secret.ts'
import { RequestRates, refuseForeignPages, requireToken } from './guards.ts'
import { collectMethods, describeRoutes, type OpenApiDocument } from './openapi.ts'
import { PROBLEM_MEDIA_TYPE, problemOf, RequestRefusal } from './problem.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Served without a token: it tells nothing of the volumes. */
    readonly public?: boolean
    /** Left out of the OpenAPI document: a page for people, or the document itself. */
    readonly undocumented?: boolean
  }
}

const LIMITS = {
  bodyBytes: 64 * 1024,
  headerBytes: 16 * 1024,
  connections: 256,
  /** For a request to arrive, headers and body. */
  requestMs: 10_000,
  idleMs: 120_000,
  rate: { requestsPerSecond: 100, burst: 500 },
} as const

/** What a client may call its own request: short, and harmless in a log. */
const REQUEST_ID = /^[\w.:-]{1,64}$/

export interface HttpServerOptions {
  readonly listen: HostPort
  /** The flag that said so, for errors. */
  readonly flag: string
  /** The flag that names the token's file. */
  readonly tokenFlag: string
  /** Title of the API in its description. */
  readonly title: string
  readonly addRoutes: (app: FastifyInstance, document: () => OpenApiDocument) => void
  /** Without one, everybody who reaches the address is served. */
  readonly token: Secret | undefined
  readonly version: string
  readonly clock: Clock
  readonly logger: Logger
}

export class HttpServer {
  readonly #app: FastifyInstance
  readonly address: HostPort

  private constructor(app: FastifyInstance, address: HostPort) {
    this.#app = app
    this.address = address
  }

  /** Listens; IN_USE when the address is taken, INVALID_ARGUMENT when it is not one of this machine. */
  static async open(options: HttpServerOptions): Promise<HttpServer> {
    const { listen, flag } = options
    const app = buildHttpApp(options)
    try {
      await app.listen({ host: listen.host, port: listen.port })
    } catch (cause) {
      await app.close()
      throw listenError(cause, listen, flag)
    }
    const bound = app.server.address()
    const port = typeof bound === 'object' && bound !== null ? bound.port : listen.port
    return new HttpServer(app, { host: listen.host, port })
  }

  /** Answers what is under way, then closes. */
  close(): Promise<void> {
    return this.#app.close()
  }
}

/** The application without its socket. */
export function buildHttpApp(options: HttpServerOptions): FastifyInstance {
  const { token, tokenFlag, clock, logger, listen } = options
  const app = Fastify({
    logger: false,
    bodyLimit: LIMITS.bodyBytes,
    requestTimeout: LIMITS.requestMs,
    connectionTimeout: LIMITS.idleMs,
    forceCloseConnections: 'idle',
    http: { maxHeaderSize: LIMITS.headerBytes, headersTimeout: LIMITS.requestMs },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
    requestIdHeader: false,
    genReqId: ({ headers }) => {
      const given = headers['x-request-id']
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
    },
    frameworkErrors: (error, request, reply) => sendProblem(error, request, reply),
  })
  app.server.maxConnections = LIMITS.connections
  app.removeContentTypeParser('text/plain')

  const rates = new RequestRates(LIMITS.rate, () => clock.monotonicMs())
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    reply.header('x-content-type-options', 'nosniff')
    reply.header('cache-control', 'no-store')
    rates.admit(request.ip)
    if (token === undefined && isLoopback(listen.host)) refuseForeignPages(request)
    if (token !== undefined && request.routeOptions.config.public !== true)
      requireToken(request, token, tokenFlag)
  })
  app.addHook('onResponse', async (request, reply) => {
    logger.debug('http.answered', {
      requestId: request.id,
      method: request.method,
      path: request.routeOptions.url ?? 'unknown',
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
    })
  })
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = sendProblem(error, request, reply)
    if (reply.statusCode === 500) logger.error('http.failed', { requestId: request.id }, error)
    return problem
  })

  const methodsOf = collectMethods(app)
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.replace(/\?.*$/, '')
    const methods = methodsOf(path)
    return sendProblem(
      methods.length === 0
        ? new RequestRefusal(404, 'there is nothing at this path')
        : new RequestRefusal(405, `use ${methods.join(' or ')}`, { allow: methods.join(', ') }),
      request,
      reply,
    )
  })
  const document = describeRoutes(app, options)
  options.addRoutes(app, document)
  return app
}

function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error, request.id)
  if (error instanceof RequestRefusal) reply.headers({ ...error.headers })
  if (problem.status === 503) reply.header('retry-after', '1')
  return reply
    .code(problem.status)
    .header('x-request-id', request.id)
    .type(PROBLEM_MEDIA_TYPE)
    .serializer(JSON.stringify)
    .send(problem)
}

function listenError(cause: unknown, { host, port }: HostPort, flag: string): BlockError {
  const { code } = cause as NodeJS.ErrnoException
  const where = `${flag} ${host}:${port}`
  if (code === 'EADDRINUSE') {
    return new BlockError('IN_USE', `${where}: another process listens there; give another port, or 0`, {
      cause,
    })
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new BlockError('INVALID_ARGUMENT', `${where}: this machine has no such address`, { cause })
  }
  if (code === 'EACCES') {
    return new BlockError('INVALID_ARGUMENT', `${where}: not allowed to listen on this port`, { cause })
  }
  return new BlockError('DISK', `${where}: cannot listen (${code})`, { cause })
}
