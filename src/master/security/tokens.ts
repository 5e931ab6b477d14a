/**
 * Bearer tokens. One is 256 random bits, shown once, when it is made; the registry has its SHA-256, which is enough to
 * recognise it and of no use to who reads the registry: there is nothing to guess in 256 random bits, so a slow hash
 * would protect nothing more.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Random } from '../../base/ports/random.ts'
import { formatUuid, randomUuid } from '../../base/uuid.ts'
import type { TokenRecord } from '../records.ts'

/** Marks a token as ours for people and for programs that look for secrets where none should be. */
const TOKEN_PREFIX = 'basalt_'
const TOKEN_BYTES = 32
const TOKEN = /^basalt_[A-Za-z0-9_-]{43}$/

/** A new token and the record to be kept of it. `expiresAt`: milliseconds since 1970, null for never. */
export function newToken(
  random: Random,
  wish: Pick<TokenRecord, 'name' | 'role' | 'expiresAt'>,
  wallMs: number,
): { readonly token: string; readonly record: TokenRecord } {
  const token = TOKEN_PREFIX + Buffer.from(random.bytes(TOKEN_BYTES)).toString('base64url')
  const { name, role, expiresAt } = wish
  const id = formatUuid(randomUuid(random))
  const record = { id, name, role, sha256: hashOf(token).toString('hex'), createdAt: wallMs, expiresAt }
  return { token, record }
}

export type TokenMatch =
  | { readonly kind: 'known'; readonly record: TokenRecord }
  /** It was good until `record.expiresAt`. */
  | { readonly kind: 'expired'; readonly record: TokenRecord }
  | { readonly kind: 'unknown' }

/** Whose token `text` is at `wallMs`. The time that it takes depends on how many tokens there are, not on `text`. */
export function matchToken(tokens: readonly TokenRecord[], text: string, wallMs: number): TokenMatch {
  if (!TOKEN.test(text)) return { kind: 'unknown' }
  const hash = hashOf(text)
  let found: TokenRecord | undefined
  for (const record of tokens) {
    const known = Buffer.from(record.sha256, 'hex')
    if (known.byteLength === hash.byteLength && timingSafeEqual(known, hash)) found = record
  }
  if (found === undefined) return { kind: 'unknown' }
  const isExpired = found.expiresAt !== null && wallMs >= found.expiresAt
  return { kind: isExpired ? 'expired' : 'known', record: found }
}

const hashOf = (token: string): Buffer => createHash('sha256').update(token, 'utf8').digest()
