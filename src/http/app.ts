/**
 * What daemons share of HTTP: bounds on what a request may be, a gate before every route, problem details for every
 * failure, a request id on every answer and log line, and the description of the routes at `/openapi.json`, which is
 * made of their schemas and so cannot say anything else than what is checked and answered.
 */
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import cors from '@fastify/cors'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import type { Logger } from '../base/log.ts'
import type { Clock } from '../base/ports/clock.ts'
import { LoginLimiter, type LoginLimits } from '../frontend/login-limiter.ts'
import { collectMethods } from './allowed-methods.ts'
import { parseJsonBodies } from './json-body.ts'
import { PROBLEM_MEDIA_TYPE, problemOf, RequestRefusal } from './problem.ts'
import { convertQuery } from './query.ts'
import { schemaError } from './schema-error.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Served without passing the gate: it tells nothing that is worth a secret. */
    readonly public?: boolean
  }
}

const LIMITS = {
  bodyBytes: 64 * 1024,
  headerBytes: 16 * 1024,
  connections: 256,
  /** For a request to arrive, headers and body. */
  requestMs: 10_000,
  idleMs: 120_000,
  /** Longer than any name, so that the schemas refuse what is too long, in a sentence. */
  parameterCharacters: 4096,
} as const

/** Requests of an address. A failed authentication costs more, so that a token is not to be guessed. */
const ADDRESS_RATE: LoginLimits = { burst: 500, perSecond: 100, failureCost: 24, addressesMax: 4096 }

/** What a client may call its own request: short, and harmless in a log. */
const REQUEST_ID = /^[\w.:-]{1,64}$/

/** The pages of `/docs` come from this server, scripts and all; Swagger UI sets styles of its own. */
const DOCS_POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

export interface HttpAppOptions {
  /** Title of the API in its description. */
  readonly title: string
  readonly version: string
  readonly addRoutes: (app: FastifyInstance) => void
  /** Throws a `RequestRefusal` for requests that are not to be served. Called before each route that is not public. */
  readonly gate: (request: FastifyRequest) => void
  /** HTTPS with this key and certificate (PEM); else plain HTTP. */
  readonly tls?: { readonly key: string | Buffer; readonly cert: string | Buffer }
  /** Origins whose pages may call the API from a browser, as `https://HOST[:PORT]`. None unless given. */
  readonly corsOrigins?: readonly string[]
  /** Serves a page at `/docs` that shows the description. */
  readonly hasDocsPage?: boolean
  readonly clock: Clock
  readonly logger: Logger
}

/** The application without its socket. */
export async function buildHttpApp(options: HttpAppOptions): Promise<FastifyInstance> {
  const { clock, logger, gate, corsOrigins = [] } = options
  const app = Fastify({
    logger: false,
    bodyLimit: LIMITS.bodyBytes,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: LIMITS.parameterCharacters },
    serverFactory: (handler) => {
      const bounds = {
        maxHeaderSize: LIMITS.headerBytes,
        headersTimeout: LIMITS.requestMs,
        requestTimeout: LIMITS.requestMs,
      }
      const { tls } = options
      const server =
        tls === undefined ? createServer(bounds, handler) : createTlsServer({ ...bounds, ...tls }, handler)
      server.setTimeout(LIMITS.idleMs)
      server.maxConnections = LIMITS.connections
      return server
    },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
    schemaErrorFormatter: schemaError,
    requestIdHeader: false,
    genReqId: ({ headers }) => {
      const given = headers['x-request-id']
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
    },
    frameworkErrors: (error, request, reply) => sendProblem(error, request, reply),
  })
  parseJsonBodies(app)
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = sendProblem(error, request, reply)
    if (reply.statusCode === 500) logger.error('http.failed', { requestId: request.id }, error)
    return problem
  })

  const rates = new LoginLimiter({ clock, limits: ADDRESS_RATE })
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    reply.header('x-content-type-options', 'nosniff')
    reply.header('cache-control', 'no-store')
    if (!rates.admit(request.ip)) throw tooManyRequests()
  })
  if (corsOrigins.length > 0) {
    await app.register(cors, { origin: [...corsOrigins], methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'] })
  }
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.public === true) return
    try {
      gate(request)
    } catch (error) {
      if (error instanceof RequestRefusal && error.status === 401) rates.failed(request.ip)
      throw error
    }
  })
  app.addHook('preValidation', convertQuery)
  app.addHook('onResponse', async (request, reply) => {
    logger.debug('http.answered', {
      requestId: request.id,
      method: request.method,
      path: request.routeOptions.url ?? 'unknown',
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
    })
  })

  refuseOtherMethods(app)
  await addDescription(app, options)
  options.addRoutes(app)
  return app
}

/** The answer to more requests than a limit lets through. */
export const tooManyRequests = (): RequestRefusal =>
  new RequestRefusal(429, 'too many requests; wait a second, and send fewer', {
    reason: 'too_many_requests',
    headers: { 'retry-after': '1' },
  })

function refuseOtherMethods(app: FastifyInstance): void {
  const methodsOf = collectMethods(app)
  app.setNotFoundHandler((request, reply) => {
    const methods = methodsOf(request.url.replace(/\?.*$/, ''))
    const refusal =
      methods.length === 0
        ? new RequestRefusal(404, 'there is nothing at this path; /openapi.json lists what there is', {
            reason: 'no_such_path',
          })
        : new RequestRefusal(405, `use ${methods.join(' or ')}`, {
            reason: 'method_not_allowed',
            headers: { allow: methods.join(', ') },
          })
    return sendProblem(refusal, request, reply)
  })
}

async function addDescription(app: FastifyInstance, options: HttpAppOptions): Promise<void> {
  const { title, version, hasDocsPage = false } = options
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, version },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
  })
  if (hasDocsPage) {
    app.addHook('onRoute', (route) => {
      if (route.url === '/docs' || route.url.startsWith('/docs/')) {
        route.config = { ...route.config, public: true }
      }
    })
    await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: DOCS_POLICY })
  }
  app.get('/openapi.json', { config: { public: true }, schema: { hide: true } }, async () => app.swagger())
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
