/**
 * Decides for each request who sent it and whether its route is for them. While the registry has no token for the API,
 * only this machine is served, and may do everything: a cluster on a developer's machine. From the first token on, every
 * request needs one, wherever it comes from.
 */
import type { FastifyRequest } from 'fastify'
import type { Clock } from '../../base/ports/clock.ts'
import { LoginLimiter, type LoginLimits } from '../../frontend/login-limiter.ts'
import { tooManyRequests } from '../../http/app.ts'
import { bearerToken, refuseForeignPages, unauthorized } from '../../http/guards.ts'
import { RequestRefusal } from '../../http/problem.ts'
import type { Caller } from '../master-api.ts'
import type { Role, TokenRecord } from '../records.ts'
import { mayAct, ROUTE_ROLES } from './roles.ts'
import type { Tokens } from './tokens.ts'

/** Requests of one token, wherever they come from. */
const TOKEN_RATE: LoginLimits = { burst: 1000, perSecond: 200, failureCost: 0, addressesMax: 1024 }
const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/

export class MasterGate {
  readonly #tokens: Tokens
  readonly #origins: readonly string[]
  readonly #rates: LoginLimiter
  readonly #actors = new WeakMap<FastifyRequest, string>()

  constructor(options: {
    readonly tokens: Tokens
    readonly corsOrigins: readonly string[]
    readonly clock: Clock
  }) {
    this.#tokens = options.tokens
    this.#origins = options.corsOrigins
    this.#rates = new LoginLimiter({ clock: options.clock, limits: TOKEN_RATE })
  }

  /** Throws 401 or 403, or 429 for a token that is used too often. */
  admit(request: FastifyRequest): void {
    if (!this.#tokens.isGuarded) {
      refuseStrangers(request)
      refuseForeignPages(request, this.#origins)
      this.#actors.set(request, 'local')
      return
    }
    const token = this.#identify(request)
    const { url } = request.routeOptions
    if (url !== undefined) refuseLowRole(token, roleOf(request.method, url))
    this.#actors.set(request, token.name)
  }

  /** Whether a request that was admitted would be so now: for answers that go on and on. */
  isStillAdmitted(request: FastifyRequest): boolean {
    try {
      this.admit(request)
      return true
    } catch (error) {
      if (error instanceof RequestRefusal) return false
      throw error
    }
  }

  /** Who sent an admitted request. */
  callerOf(request: FastifyRequest): Caller {
    return { actor: this.#actors.get(request) ?? 'unknown', requestId: request.id }
  }

  #identify(request: FastifyRequest): TokenRecord {
    const given = bearerToken(request)
    if (given === undefined) {
      throw unauthorized(
        'token_missing',
        "this needs a token: send 'Authorization: Bearer TOKEN'; an admin makes one with 'basalt cluster token create'",
      )
    }
    const found = this.#tokens.match(given)
    switch (found.kind) {
      case 'unknown':
        throw unauthorized(
          'token_unknown',
          'this token is not known, or was revoked; ask an admin for another',
        )
      case 'expired':
        throw unauthorized(
          'token_expired',
          `the token '${found.record.name}' has expired; ask an admin for another`,
        )
      case 'known':
        if (!this.#rates.admit(found.record.id)) throw tooManyRequests()
        return found.record
    }
  }
}

function refuseStrangers({ socket, headers }: FastifyRequest): void {
  const isForwarded = headers.forwarded !== undefined || headers['x-forwarded-for'] !== undefined
  if (!isForwarded && LOOPBACK.test(socket.remoteAddress ?? '')) return
  throw unauthorized(
    'no_tokens',
    "the cluster has no tokens yet, and without them only the master's own machine is served; make one there with 'basalt cluster token create'",
  )
}

function refuseLowRole(token: TokenRecord, least: Role | undefined): void {
  const { name, role } = token
  if (role === 'server') {
    throw new RequestRefusal(
      403,
      `the token '${name}' lets a block server join and nothing else; use another`,
      {
        reason: 'server_token',
      },
    )
  }
  if (least === undefined) {
    throw new RequestRefusal(403, 'no role may call this', { reason: 'role_too_low' })
  }
  if (mayAct(role, least)) return
  throw new RequestRefusal(
    403,
    `this needs the role ${least}, and the token '${name}' has the role ${role}; ask an admin for another`,
    { reason: 'role_too_low' },
  )
}

const roleOf = (method: string, url: string): Role | undefined =>
  ROUTE_ROLES[`${method === 'HEAD' ? 'GET' : method} ${url}`]
