/**
 * Who is served: whoever has the bearer token where one is configured, and, where none is, requests without signs that
 * they were sent by a web page that the operator happens to read (DNS rebinding and cross-site posts to a port on
 * loopback).
 */
import type { FastifyRequest } from 'fastify'
import { isLoopback } from '../base/address.ts'
import { Secret } from '../frontend/secret.ts'
import { RequestRefusal } from './problem.ts'

const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i

export interface TokenGateOptions {
  /** Without one, everybody who reaches the address is served. */
  readonly token: Secret | undefined
  /** The flag that names the token's file, for the sentence that refuses. */
  readonly tokenFlag: string
  /** Where the server listens. */
  readonly host: string
}

/** The gate of a daemon with one token. */
export function tokenGate({ token, tokenFlag, host }: TokenGateOptions): (request: FastifyRequest) => void {
  return (request) => {
    if (token === undefined) {
      if (isLoopback(host)) refuseForeignPages(request)
      return
    }
    const given = bearerToken(request)
    if (given !== undefined && token.equals(Secret.fromText(given))) return
    throw unauthorized('token_wrong', `this server wants a bearer token; see ${tokenFlag}`)
  }
}

/** What stands behind `Bearer` (RFC 6750 §2.1); undefined without it. */
export function bearerToken({ headers: { authorization } }: FastifyRequest): string | undefined {
  const scheme = authorization?.slice(0, BEARER.length)
  return scheme?.toLowerCase() === BEARER ? authorization?.slice(BEARER.length) : undefined
}
const BEARER = 'bearer '

export const unauthorized = (reason: string, text: string): RequestRefusal =>
  new RequestRefusal(401, text, { reason, headers: { 'www-authenticate': 'Bearer' } })

/**
 * Throws 403 for a request that a browser sent for a page from elsewhere. For servers on loopback without a token.
 * `origins` are those whose pages may.
 */
export function refuseForeignPages(request: FastifyRequest, origins: readonly string[] = []): void {
  const { host, origin } = request.headers
  const site = request.headers['sec-fetch-site']
  if (host === undefined || !LOOPBACK_HOST.test(host)) {
    const text = 'this server listens on loopback and is to be called by that name'
    throw new RequestRefusal(403, text, { reason: 'foreign_host' })
  }
  if (origin !== undefined && origins.includes(origin)) return
  const isForeign =
    (origin !== undefined && origin !== `${request.protocol}://${host}`) ||
    (site !== undefined && site !== 'same-origin' && site !== 'none')
  if (isForeign) {
    throw new RequestRefusal(403, 'requests from pages of other sites are refused', {
      reason: 'foreign_page',
    })
  }
}
