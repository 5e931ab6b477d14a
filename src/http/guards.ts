/**
 * What a request must pass before a route sees it: a rate for each address, the bearer token where one is
 * configured, and, where none is, signs that it was not sent by a web page that the operator happens to read
 * (DNS rebinding and cross-site posts to a port on loopback).
 */
import type { FastifyRequest } from 'fastify'
import { Secret } from '../frontend/secret.ts'
import { RequestRefusal } from './problem.ts'

const BEARER = 'Bearer '
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i

/** Throws 401 unless the request carries `token`, which came from `flag`. */
export function requireToken(request: FastifyRequest, token: Secret, flag: string): void {
  const { authorization } = request.headers
  const given = authorization?.startsWith(BEARER) ? authorization.slice(BEARER.length) : undefined
  if (given !== undefined && token.equals(Secret.fromText(given))) return
  throw new RequestRefusal(401, `this server wants a bearer token; see ${flag}`, {
    'www-authenticate': 'Bearer',
  })
}

/** Throws 403 for a request that a browser sent for a page from elsewhere. For servers on loopback without a token. */
export function refuseForeignPages(request: FastifyRequest): void {
  const { host, origin } = request.headers
  const site = request.headers['sec-fetch-site']
  if (host === undefined || !LOOPBACK_HOST.test(host)) {
    throw new RequestRefusal(403, 'this server listens on loopback and is to be called by that name')
  }
  const isForeign =
    (origin !== undefined && origin !== `http://${host}`) ||
    (site !== undefined && site !== 'same-origin' && site !== 'none')
  if (isForeign) throw new RequestRefusal(403, 'requests from pages of other sites are refused')
}

export interface RateLimit {
  readonly requestsPerSecond: number
  readonly burst: number
}

/** A token bucket for each address. Remembers a bounded number of them and forgets the one seen first. */
export class RequestRates {
  readonly #limit: RateLimit
  readonly #nowMs: () => number
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>()

  constructor(limit: RateLimit, nowMs: () => number) {
    this.#limit = limit
    this.#nowMs = nowMs
  }

  /** Counts one request of `address`; throws 429 when it has sent too many. */
  admit(address: string): void {
    const { requestsPerSecond, burst } = this.#limit
    const nowMs = this.#nowMs()
    const bucket = this.#buckets.get(address) ?? { tokens: burst, atMs: nowMs }
    bucket.tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) * requestsPerSecond) / 1000)
    bucket.atMs = nowMs
    this.#buckets.set(address, bucket)
    if (this.#buckets.size > ADDRESSES_MAX) this.#buckets.delete(this.#buckets.keys().next().value ?? '')
    if (bucket.tokens < 1) throw new RequestRefusal(429, 'too many requests', { 'retry-after': '1' })
    bucket.tokens--
  }
}

const ADDRESSES_MAX = 1024
