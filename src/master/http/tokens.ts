/**
 * The registry's tokens: who may use the API in which role, and which block servers may join. What a token is and how it
 * is recognised is in src/master/security/tokens.ts. Each making and revoking is an event.
 */
import { BlockError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Random } from '../../base/ports/random.ts'
import type { RecordStore } from '../core/records-view.ts'
import type { Caller } from '../master-api.ts'
import type { TokenRecord } from '../records.ts'
import { matchToken, newToken, type TokenMatch } from '../security/tokens.ts'

/** Every request with a token is compared with all of them. */
const TOKENS_MAX = 1000

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

/** Tokens for people and programs; `server` tokens are counted apart, for they open nothing here. */
const isForApi = ({ role }: TokenRecord): boolean => role !== 'server'

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

  match(text: string): TokenMatch {
    return matchToken(this.list(), text, this.#clock.wallMs())
  }

  /** CONFLICT when the name is taken, there are too many, or the first one would lock its maker out. */
  create(caller: Caller, wish: TokenWish): Promise<MadeToken> {
    const { name, role, expiresInMs } = wish
    const nowMs = this.#clock.wallMs()
    const expiresAt = expiresInMs === null ? null : nowMs + expiresInMs
    const made = newToken(this.#random, { name, role, expiresAt }, nowMs)
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
