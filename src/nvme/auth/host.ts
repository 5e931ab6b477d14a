/**
 * The host's side of DH-HMAC-CHAP on one queue (NVM Express Base 2.0, DH-HMAC-CHAP Protocol), as a state machine: what
 * comes by Authentication Receive goes in, and each step says what to send, and whether to receive then.
 *
 *     begin ─▶ Negotiate, receive ──Challenge──▶ Reply, receive ──Success1──▶ done, after Success2 if it asked for proof
 *     AUTH_Failure1 ──▶ failed     what does not fit, or a wrong proof of the controller ──▶ Failure2, failed
 *
 * Always true: with a key of the controller it is done only by a right response to the host's own challenge.
 */
import { timingSafeEqual } from 'node:crypto'
import { assert } from '../../base/assert.ts'
import type { Random } from '../../base/ports/random.ts'
import { DhExchange, GROUP_NAMES, type GroupName, publicBytesOf } from './groups.ts'
import { controllerResponse, HASH_NAMES, HASHES, type HashName, hostResponse } from './hash.ts'
import {
  decodeChallenge,
  decodeSuccess1,
  encodeFailure,
  encodeNegotiate,
  encodeReply,
  encodeSuccess2,
  FAILURE,
  type FailureCode,
  failureOf,
  MESSAGE,
  messageOf,
  transactionOf,
} from './messages.ts'
import { type DhchapKey, transformKey } from './secret.ts'
import type { SequenceNumbers } from './sequence.ts'

export interface DhchapHostOptions {
  /** As Connect has them. */
  readonly hostNqn: string
  readonly subsystemNqn: string
  readonly hostKey: DhchapKey
  /** What the controller has to prove itself with; undefined: it is not asked to. */
  readonly controllerKey: DhchapKey | undefined
  readonly random: Random
  readonly sequence: SequenceNumbers
  /** What is offered, in order of preference; all by default. */
  readonly hashes?: readonly HashName[]
  readonly groups?: readonly GroupName[]
}

/** `send` first, where it is there; then what `next` says. */
export type HostStep =
  | { readonly next: 'receive'; readonly send: Uint8Array }
  | { readonly next: 'done'; readonly send: Uint8Array | undefined }
  | {
      readonly next: 'failed'
      readonly send: Uint8Array | undefined
      /** Who gave up, and why: a reason code explanation, as it came where the controller did. */
      readonly by: 'host' | 'controller'
      readonly code: number
    }

type State =
  | { readonly kind: 'idle' | 'ended' }
  | { readonly kind: 'challenge-wanted' }
  /** `proof`: what R2 has to be. */
  | { readonly kind: 'success-wanted'; readonly hashBytes: number; readonly proof: Uint8Array | undefined }

export class DhchapHost {
  readonly #o: DhchapHostOptions
  readonly #transaction: number
  readonly #hashes: readonly HashName[]
  readonly #groups: readonly GroupName[]
  #state: State = { kind: 'idle' }

  /** One for each transaction: to authenticate again, make another. */
  constructor(options: DhchapHostOptions) {
    this.#o = options
    this.#transaction = options.random.integer(0x10000)
    this.#hashes = options.hashes ?? HASH_NAMES
    this.#groups = options.groups ?? GROUP_NAMES
  }

  begin(): HostStep {
    assert(this.#state.kind === 'idle', 'a transaction begins once')
    this.#state = { kind: 'challenge-wanted' }
    const offer = { hashes: this.#hashes, groups: this.#groups }
    return { next: 'receive', send: encodeNegotiate(this.#transaction, offer) }
  }

  /** What Authentication Receive gave, which is lent for the call. */
  received(payload: Uint8Array): HostStep {
    const message = messageOf(payload)
    if (message === undefined) return this.#fail(FAILURE.INCORRECT_PAYLOAD)
    if (message === MESSAGE.FAILURE1) {
      this.#state = { kind: 'ended' }
      return { next: 'failed', send: undefined, by: 'controller', code: failureOf(payload) }
    }
    if (transactionOf(payload) !== this.#transaction) return this.#fail(FAILURE.INCORRECT_PAYLOAD)
    const state = this.#state
    if (message === MESSAGE.CHALLENGE && state.kind === 'challenge-wanted') return this.#challenged(payload)
    if (message === MESSAGE.SUCCESS1 && state.kind === 'success-wanted')
      return this.#succeeded(state, payload)
    return this.#fail(FAILURE.INCORRECT_MESSAGE)
  }

  #challenged(payload: Uint8Array): HostStep {
    const challenge = decodeChallenge(payload)
    if (typeof challenge === 'number') return this.#fail(challenge)
    const { hash, group, publicValue } = challenge
    if (!this.#hashes.includes(hash)) return this.#fail(FAILURE.HASH_UNUSABLE)
    if (!this.#groups.includes(group)) return this.#fail(FAILURE.GROUP_UNUSABLE)
    if (publicValue.byteLength !== publicBytesOf(group)) return this.#fail(FAILURE.INCORRECT_PAYLOAD)
    const { random, hostNqn, subsystemNqn, hostKey } = this.#o
    const exchange = group === 'null' ? undefined : new DhExchange(group, random)
    const sessionKey = exchange?.sessionKey(publicValue)
    if (exchange !== undefined && sessionKey === undefined) return this.#fail(FAILURE.INCORRECT_PAYLOAD)
    const common = { hash, sessionKey, transaction: this.#transaction, hostNqn, subsystemNqn }
    const response = hostResponse({
      ...common,
      key: transformKey(hostKey, hostNqn),
      challenge: challenge.challenge,
      sequence: challenge.sequence,
    })
    const asked = this.#ask(hash, common)
    this.#state = { kind: 'success-wanted', hashBytes: HASHES[hash].lengthBytes, proof: asked?.proof }
    const send = encodeReply(this.#transaction, {
      response,
      challenge: asked,
      publicValue: exchange?.publicValue ?? new Uint8Array(0),
    })
    return { next: 'receive', send }
  }

  /** The host's own challenge, and the proof that it wants. */
  #ask(
    hash: HashName,
    common: Omit<Parameters<typeof controllerResponse>[0], 'key' | 'challenge' | 'sequence'>,
  ): { value: Uint8Array; sequence: number; proof: Uint8Array } | undefined {
    const { controllerKey, random, sequence, subsystemNqn } = this.#o
    if (controllerKey === undefined) return undefined
    const value = Uint8Array.from(random.bytes(HASHES[hash].lengthBytes))
    const number = sequence.next()
    const key = transformKey(controllerKey, subsystemNqn)
    const proof = controllerResponse({ ...common, key, challenge: value, sequence: number })
    return { value, sequence: number, proof }
  }

  #succeeded(state: Extract<State, { kind: 'success-wanted' }>, payload: Uint8Array): HostStep {
    const success = decodeSuccess1(payload, state.hashBytes)
    if (typeof success === 'number') return this.#fail(success)
    const { proof } = state
    if (proof !== undefined) {
      const isProved = success.response !== undefined && timingSafeEqual(proof, success.response)
      if (!isProved) return this.#fail(FAILURE.FAILED)
    }
    this.#state = { kind: 'ended' }
    return { next: 'done', send: proof === undefined ? undefined : encodeSuccess2(this.#transaction) }
  }

  #fail(code: FailureCode): HostStep {
    this.#state = { kind: 'ended' }
    const send = encodeFailure(MESSAGE.FAILURE2, this.#transaction, code)
    return { next: 'failed', send, by: 'host', code }
  }
}
