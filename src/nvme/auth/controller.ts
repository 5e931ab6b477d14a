/**
 * The controller's side of DH-HMAC-CHAP on one queue (NVM Express Base 2.0, DH-HMAC-CHAP Protocol), as a state machine:
 * payloads of Authentication Send go in, payloads of Authentication Receive come out. It holds no timers and no sockets.
 *
 *     idle ──Negotiate──▶ challenge due ──Receive──▶ reply wanted ──Reply──▶ success due ──Receive──▶ idle, authenticated
 *                                                                                └─ Receive, when the host asked for
 *                                                                    proof ─▶ confirmation wanted ─Success2─▶ idle, authenticated
 *     any message that does not fit, or a wrong proof ──▶ failure due ──Receive──▶ failed
 *
 * Always true: a queue is authenticated only by a right response to a challenge of this transaction; a queue that was
 * authenticated stays so while it authenticates again, and no longer when that fails; after a failure nothing helps but
 * a new connection. Why a response is wrong is told to nobody. A Negotiate begins anew from every state before that.
 */
import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../base/ports/clock.ts'
import type { Random } from '../../base/ports/random.ts'
import { final, STATUS } from '../status.ts'
import { type DhExchange, type GroupName, publicBytesOf } from './groups.ts'
import { controllerResponse, HASHES, type HashName, hostResponse, type ResponseInput } from './hash.ts'
import {
  type Challenge,
  decodeNegotiate,
  decodeReply,
  encodeChallenge,
  encodeFailure,
  encodeSuccess1,
  FAILURE,
  type FailureCode,
  failureOf,
  MESSAGE,
  MESSAGE_BYTES_MAX,
  messageOf,
  type Negotiate,
  type Reply,
  transactionOf,
} from './messages.ts'
import { type DhchapKey, transformKey } from './secret.ts'
import type { SequenceNumbers } from './sequence.ts'
import type { SharedExchanges } from './shared-exchanges.ts'

/** How often a peer may try. A reply takes milliseconds of the event loop. */
export interface AuthGate {
  /** Asked once for each transaction; false: it is refused without a look at it. */
  admit(): boolean
  /** The host did not prove itself. */
  failed(): void
}

export interface DhchapControllerOptions {
  /** As Connect has them, letter by letter: they are part of what is proved. */
  readonly hostNqn: string
  readonly subsystemNqn: string
  readonly hostKey: DhchapKey
  /** What the controller proves itself with to a host that asks; undefined: such a host is refused. */
  readonly controllerKey: DhchapKey | undefined
  readonly random: Random
  readonly sequence: SequenceNumbers
  readonly exchanges: SharedExchanges
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly gate: AuthGate
  /** In order of preference. */
  readonly hashes?: readonly HashName[]
  readonly groups?: readonly GroupName[]
  /** A transaction that takes longer fails; 30 s by default. */
  readonly timeLimitMs?: number
}

const HASH_PREFERENCE: readonly HashName[] = ['sha512', 'sha384', 'sha256']
/** The shortest is safe for decades and costs the event loop least; none at all only where the host has none. */
const GROUP_PREFERENCE: readonly GroupName[] = [
  'ffdhe2048',
  'ffdhe3072',
  'ffdhe4096',
  'ffdhe6144',
  'ffdhe8192',
  'null',
]
const TIME_LIMIT_MS = 30_000
/** Transactions that may begin before one succeeds. */
const NEGOTIATIONS_MAX = 8

/**
 * 'authenticated': with this command the host has proved itself. 'failed': the command is completed, and then the
 * connection ends.
 */
export type AuthVerdict = 'continue' | 'authenticated' | 'failed'

export interface AuthSendResult {
  /** Of the completion. A wrong proof is not an error of the command: the host learns of it by the next Receive. */
  readonly status: number
  readonly verdict: AuthVerdict
}

export interface AuthReceiveResult extends AuthSendResult {
  readonly payload: Uint8Array | undefined
}

/** A challenge that was or will be sent, and what its answer is checked with. */
interface Offer {
  readonly transaction: number
  readonly sinceMs: number
  readonly challenge: Challenge
  readonly exchange: DhExchange | undefined
}

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'challenge-due' | 'reply-wanted'; readonly offer: Offer }
  | { readonly kind: 'success-due'; readonly offer: Offer; readonly response: Uint8Array | undefined }
  | { readonly kind: 'confirmation-wanted'; readonly offer: Offer }
  | { readonly kind: 'failure-due'; readonly transaction: number; readonly code: FailureCode }
  | { readonly kind: 'failed' }

const IDLE: State = { kind: 'idle' }
const CONTINUE: AuthSendResult = { status: STATUS.SUCCESS, verdict: 'continue' }

export class DhchapController {
  readonly #o: DhchapControllerOptions
  #state: State = IDLE
  #isAuthenticated = false
  #failure: FailureCode | undefined
  #negotiations = 0

  constructor(options: DhchapControllerOptions) {
    this.#o = options
  }

  /** Whether commands of this queue may be carried out. */
  get isAuthenticated(): boolean {
    return this.#isAuthenticated
  }

  /** Why it failed, for the log. */
  get failure(): FailureCode | undefined {
    return this.#failure
  }

  /** When the transaction under way is too old, by the clock; undefined: none is under way. For the target's own timer. */
  get deadlineMs(): number | undefined {
    return 'offer' in this.#state
      ? this.#state.offer.sinceMs + (this.#o.timeLimitMs ?? TIME_LIMIT_MS)
      : undefined
  }

  /** Authentication Send with this payload, which is lent for the call. */
  send(payload: Uint8Array): AuthSendResult {
    const state = this.#state
    if (state.kind === 'failed') return { status: final(STATUS.COMMAND_SEQUENCE_ERROR), verdict: 'failed' }
    if (state.kind === 'failure-due') return CONTINUE
    const message = messageOf(payload)
    if (message === undefined || payload.byteLength > MESSAGE_BYTES_MAX) {
      return this.#refuse(0, FAILURE.INCORRECT_PAYLOAD)
    }
    const transaction = transactionOf(payload)
    if (message === MESSAGE.NEGOTIATE) return this.#negotiate(transaction, payload)
    if (!('offer' in state)) return this.#refuse(transaction, FAILURE.INCORRECT_MESSAGE)
    const { offer } = state
    if (transaction !== offer.transaction) return this.#refuse(offer.transaction, FAILURE.INCORRECT_PAYLOAD)
    if (this.#isLate(offer)) return this.#refuse(transaction, FAILURE.FAILED)
    if (message === MESSAGE.FAILURE2) return this.#hostFailed(payload)
    if (message === MESSAGE.REPLY && state.kind === 'reply-wanted') return this.#reply(offer, payload)
    if (message === MESSAGE.SUCCESS2 && state.kind === 'confirmation-wanted') return this.#succeed()
    return this.#refuse(transaction, FAILURE.INCORRECT_MESSAGE)
  }

  /** Authentication Receive of at most `lengthMax` bytes (its AL). Out of turn it is refused, and changes nothing. */
  receive(lengthMax: number): AuthReceiveResult {
    const state = this.#state
    const payload = this.#due(state)
    if (payload === undefined) {
      const verdict = state.kind === 'failed' ? 'failed' : 'continue'
      return { status: final(STATUS.COMMAND_SEQUENCE_ERROR), verdict, payload: undefined }
    }
    if (lengthMax < payload.byteLength) {
      return { status: final(STATUS.INVALID_FIELD), verdict: 'continue', payload: undefined }
    }
    return { ...this.#sent(state), payload }
  }

  /** What the state has for the host. */
  #due(state: State): Uint8Array | undefined {
    switch (state.kind) {
      case 'idle':
      case 'reply-wanted':
      case 'confirmation-wanted':
      case 'failed':
        return undefined
      case 'challenge-due':
        return encodeChallenge(state.offer.transaction, state.offer.challenge)
      case 'success-due': {
        const { offer, response } = state
        const hashBytes = HASHES[offer.challenge.hash].lengthBytes
        return encodeSuccess1(offer.transaction, { hashBytes, response })
      }
      case 'failure-due':
        return encodeFailure(MESSAGE.FAILURE1, state.transaction, state.code)
    }
  }

  /** After what was due has been given. */
  #sent(state: State): AuthSendResult {
    if (state.kind === 'challenge-due') this.#state = { kind: 'reply-wanted', offer: state.offer }
    if (state.kind === 'failure-due') {
      this.#state = { kind: 'failed' }
      return { status: STATUS.SUCCESS, verdict: 'failed' }
    }
    if (state.kind !== 'success-due') return CONTINUE
    if (state.response === undefined) return this.#succeed()
    this.#state = { kind: 'confirmation-wanted', offer: state.offer }
    return CONTINUE
  }

  #negotiate(transaction: number, payload: Uint8Array): AuthSendResult {
    const isTooOften = ++this.#negotiations > NEGOTIATIONS_MAX
    if (isTooOften || !this.#o.gate.admit()) return this.#refuse(transaction, FAILURE.FAILED)
    const wanted = decodeNegotiate(payload)
    if (typeof wanted === 'number') return this.#refuse(transaction, wanted)
    const chosen = this.#choose(wanted)
    if (typeof chosen === 'number') return this.#refuse(transaction, chosen)
    const { hash, group } = chosen
    const { random, sequence, clock, exchanges } = this.#o
    const exchange = group === 'null' ? undefined : exchanges.of(group)
    const challenge: Challenge = {
      hash,
      group,
      sequence: sequence.next(),
      challenge: Uint8Array.from(random.bytes(HASHES[hash].lengthBytes)),
      publicValue: exchange?.publicValue ?? new Uint8Array(0),
    }
    this.#state = {
      kind: 'challenge-due',
      offer: { transaction, sinceMs: clock.monotonicMs(), challenge, exchange },
    }
    return CONTINUE
  }

  #choose({ hashes, groups }: Negotiate): { hash: HashName; group: GroupName } | FailureCode {
    const hash = (this.#o.hashes ?? HASH_PREFERENCE).find((one) => hashes.includes(one))
    if (hash === undefined) return FAILURE.HASH_UNUSABLE
    const group = (this.#o.groups ?? GROUP_PREFERENCE).find((one) => groups.includes(one))
    return group === undefined ? FAILURE.GROUP_UNUSABLE : { hash, group }
  }

  #reply(offer: Offer, payload: Uint8Array): AuthSendResult {
    const { hostKey, controllerKey, hostNqn, subsystemNqn } = this.#o
    const { challenge, exchange, transaction } = offer
    const { hash, group } = challenge
    const reply = decodeReply(payload, {
      hashBytes: HASHES[hash].lengthBytes,
      publicBytes: publicBytesOf(group),
    })
    if (typeof reply === 'number') return this.#refuse(transaction, reply)
    const sessionKey = exchange?.sessionKey(reply.publicValue)
    if (exchange !== undefined && sessionKey === undefined) {
      return this.#refuse(transaction, FAILURE.INCORRECT_PAYLOAD)
    }
    const common = { hash, sessionKey, transaction, hostNqn, subsystemNqn }
    const expected = hostResponse({
      ...common,
      key: transformKey(hostKey, hostNqn),
      challenge: challenge.challenge,
      sequence: challenge.sequence,
    })
    if (!timingSafeEqual(expected, reply.response)) return this.#refuseProof(transaction)
    const response = this.#prove(challenge, reply, common, controllerKey)
    if (response === 'impossible') return this.#refuseProof(transaction)
    this.#state = { kind: 'success-due', offer, response }
    return CONTINUE
  }

  /** R2 when the host asks for it. A host that gives back the challenge it got is not answered. */
  #prove(
    { challenge }: Challenge,
    { challenge: asked }: Reply,
    common: Omit<ResponseInput, 'key' | 'challenge' | 'sequence'>,
    key: DhchapKey | undefined,
  ): Uint8Array | undefined | 'impossible' {
    if (asked === undefined) return undefined
    if (key === undefined || Buffer.compare(asked.value, challenge) === 0) return 'impossible'
    return controllerResponse({
      ...common,
      key: transformKey(key, this.#o.subsystemNqn),
      challenge: asked.value,
      sequence: asked.sequence,
    })
  }

  #succeed(): AuthSendResult {
    this.#state = IDLE
    this.#isAuthenticated = true
    this.#negotiations = 0
    return { status: STATUS.SUCCESS, verdict: 'authenticated' }
  }

  /** AUTH_Failure2: the host gives up. There is nothing to be told any more. */
  #hostFailed(payload: Uint8Array): AuthSendResult {
    this.#isAuthenticated = false
    const code = failureOf(payload)
    this.#failure = Object.values(FAILURE).find((one) => one === code) ?? FAILURE.FAILED
    this.#state = { kind: 'failed' }
    return { status: STATUS.SUCCESS, verdict: 'failed' }
  }

  #isLate({ sinceMs }: Offer): boolean {
    return this.#o.clock.monotonicMs() - sinceMs > (this.#o.timeLimitMs ?? TIME_LIMIT_MS)
  }

  #refuseProof(transaction: number): AuthSendResult {
    this.#o.gate.failed()
    return this.#refuse(transaction, FAILURE.FAILED)
  }

  #refuse(transaction: number, code: FailureCode): AuthSendResult {
    this.#isAuthenticated = false
    this.#failure = code
    this.#state = { kind: 'failure-due', transaction, code }
    return CONTINUE
  }
}
