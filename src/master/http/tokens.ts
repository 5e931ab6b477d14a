/**
 * Bearer tokens: who may use the API in which role, and which block servers may join. The registry has the SHA-256 of a
 * token and not the token, which is shown once, when it is made; 256 random bits need no salt. Each making and revoking
 * is an event.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { BlockError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Random } from '../../base/ports/random.ts'
import { formatUuid, randomUuid } from '../../base/uuid.ts'
import type { RecordStore } from '../core/records-view.ts'
import type { Caller } from '../master-api.ts'
import type { TokenRecord } from '../records.ts'

/** So that a token is known for one where it should not be, such as in a repository. */
const PREFIX = 'basalt_'
const TOKEN_BYTES = 32
const TOKEN_CHARACTERS_MAX = 256
/** Every request with a token is compared with all of them. */
const TOKENS_MAX = 1000

export type Authentication =
  | { readonly kind: 'known'; readonly token: TokenRecord }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'expired'; readonly token: TokenRecord }

export interface TokenWish {
  readonly name: string
  readonly role: TokenRecord['role']
  /** From now; null: it does not expire. */
  readonly expiresInMs: number | null
}

export interface MadeToken {
  readonly record: TokenRecord
  /** The only time that it is to be had. */
  readonly token: string
}

/** A token and its record, not yet recorded anywhere: for `basalt cluster init`, and for `Tokens`. */
export function makeToken(
  ports: { readonly random: Random; readonly clock: Pick<Clock, 'wallMs'> },
  { name, role, expiresInMs }: TokenWish,
): MadeToken {
  const token = PREFIX + Buffer.from(ports.random.bytes(TOKEN_BYTES)).toString('base64url')
  const createdAt = ports.clock.wallMs()
  const record: TokenRecord = {
    id: formatUuid(randomUuid(ports.random)),
    name,
    role,
    sha256: hashOf(token).toString('hex'),
    createdAt,
    expiresAt: expiresInMs === null ? null : createdAt + expiresInMs,
  }
  return { record, token }
}

/** Whose token `text` is, in a time that tells nothing of the tokens that there are. */
export function authenticate(tokens: readonly TokenRecord[], text: string, nowMs: number): Authentication {
  if (text.length > TOKEN_CHARACTERS_MAX) return { kind: 'unknown' }
  const hash = hashOf(text)
  let found: TokenRecord | undefined
  for (const token of tokens) {
    const known = Buffer.from(token.sha256, 'hex')
    if (known.length === hash.length && timingSafeEqual(known, hash)) found = token
  }
  if (found === undefined) return { kind: 'unknown' }
  const isExpired = found.expiresAt !== null && found.expiresAt <= nowMs
  return { kind: isExpired ? 'expired' : 'known', token: found }
}

const hashOf = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest()

/** Tokens for people and programs; `server` tokens are counted apart, for they open nothing here. */
export const isForApi = ({ role }: TokenRecord): boolean => role !== 'server'

export class Tokens {
  readonly #store: RecordStore
  readonly #clock: Clock
  readonly #random: Random

  constructor(options: { readonly store: RecordStore; readonly clock: Clock; readonly random: Random }) {
    this.#store = options.store
    this.#clock = options.clock
    this.#random = options.random
  }

  list(): readonly TokenRecord[] {
    return this.#store.view.tokens()
  }

  /** Whether the API asks for a token at all. Expired ones count: time does not open it. */
  get isGuarded(): boolean {
    return this.list().some(isForApi)
  }

  authenticate(text: string): Authentication {
    return authenticate(this.list(), text, this.#clock.wallMs())
  }

  /** CONFLICT when the name is taken, there are too many, or the first one would lock its maker out. */
  create(caller: Caller, wish: TokenWish): Promise<MadeToken> {
    const made = makeToken({ random: this.#random, clock: this.#clock }, wish)
    const { name, role } = wish
    return this.#store.change((records) => {
      const tokens = records.tokens()
      if (tokens.some((token) => token.name === name)) {
        throw refused(
          'name_taken',
          `there is a token named '${name}' already; revoke it first, or take another name`,
        )
      }
      if (tokens.length >= TOKENS_MAX) {
        throw refused(
          'too_many_tokens',
          `there are ${TOKENS_MAX} tokens already; revoke some that nobody uses`,
        )
      }
      if (isForApi(made.record) && role !== 'admin' && !tokens.some(isForApi)) {
        throw refused(
          'first_token_is_admin',
          'the first token is to have the role admin, for from then on every request needs one',
        )
      }
      return {
        writes: [{ kind: 'token', record: made.record }],
        events: [eventOf(caller, 'token.created', `token '${name}' with the role ${role} was made`)],
        result: made,
      }
    })
  }

  /** NOT_FOUND; CONFLICT for the last admin that has not expired: nobody could make another. */
  revoke(caller: Caller, id: string): Promise<void> {
    const nowMs = this.#clock.wallMs()
    return this.#store.change((records) => {
      const token = records.tokens().find((other) => other.id === id || other.name === id)
      if (token === undefined) throw new BlockError('NOT_FOUND', `there is no token '${id}'`)
      const isAdmin = ({ role, expiresAt }: TokenRecord): boolean =>
        role === 'admin' && (expiresAt === null || expiresAt > nowMs)
      if (isAdmin(token) && !records.tokens().some((other) => other.id !== token.id && isAdmin(other))) {
        throw refused('last_admin', 'this is the last token of an admin; make another one first')
      }
      return {
        writes: [{ kind: 'removeToken', id: token.id }],
        events: [eventOf(caller, 'token.revoked', `token '${token.name}' was revoked`)],
        result: undefined,
      }
    })
  }
}

const refused = (reason: string, message: string): BlockError =>
  new BlockError('CONFLICT', message, { facts: { reason } })

const eventOf = ({ actor, requestId }: Caller, kind: string, message: string) =>
  ({ severity: 'info', kind, actor, message, requestId }) as const
