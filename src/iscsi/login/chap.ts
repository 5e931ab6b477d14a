/**
 * CHAP as iSCSI carries it (RFC 7143 §12.1.3, RFC 1994 §4.1), both roles, one-way and mutual, as pure state
 * machines over key=value pairs.
 *
 *     initiator                                   target
 *     CHAP_A=<list>                 ───────►
 *                                   ◄───────      CHAP_A=<one> CHAP_I CHAP_C
 *     CHAP_N CHAP_R [CHAP_I CHAP_C] ───────►      verifies
 *                                   ◄───────      [CHAP_N CHAP_R]
 *     verifies
 *
 * Always true: responses compare in constant time; an unknown name costs what a known one does; a challenge
 * that is the mirror of our own, and one secret for both directions, are refused, because with either an
 * attacker lets us answer our own question.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Random } from '../../base/ports/random.ts'
import type { ChapCredential } from '../../frontend/access.ts'
import { Secret } from '../../frontend/secret.ts'
import type { TextPair } from '../text/pairs.ts'
import { formatBinary, parseBinary, parseList, parseNumber } from '../text/values.ts'

/** IANA's PPP authentication algorithms that are offered, strongest first. */
const ALGORITHMS = { 'sha3-256': 8, sha256: 7, sha1: 6, md5: 5 } as const
export type ChapAlgorithm = keyof typeof ALGORITHMS
/** Without SHA-1, which adds nothing: every initiator has MD5, newer ones have SHA-256. */
export const CHAP_ALGORITHMS: readonly ChapAlgorithm[] = ['sha3-256', 'sha256', 'md5']

const CHALLENGE_BYTES_MAX = 1024
const RESPONSE_BYTES_MAX = 64
const NAME_BYTES_MAX = 255

export type ChapStep =
  | { readonly kind: 'continue'; readonly answers: readonly TextPair[] }
  | { readonly kind: 'done'; readonly answers: readonly TextPair[]; readonly user: string }
  /** `malformed`: the other side broke the protocol; otherwise it failed to prove itself. */
  | { readonly kind: 'failed'; readonly malformed: boolean; readonly reason: string }

const malformed = (reason: string): ChapStep => ({ kind: 'failed', malformed: true, reason })
const denied = (reason: string): ChapStep => ({ kind: 'failed', malformed: false, reason })

interface Challenge {
  readonly algorithm: ChapAlgorithm
  readonly identifier: number
  readonly bytes: Uint8Array
}

/** Stands in for the secret of a name that is not known. */
const NOBODY = Secret.fromText('no initiator has this name')

/** A target that wants to know who logs in. */
export class ChapTarget {
  readonly #credentials: readonly ChapCredential[]
  readonly #algorithms: readonly ChapAlgorithm[]
  readonly #random: Random
  #challenge: Challenge | undefined
  #ended = false

  constructor(options: {
    credentials: readonly ChapCredential[]
    random: Random
    algorithms?: readonly ChapAlgorithm[]
  }) {
    this.#credentials = options.credentials
    this.#random = options.random
    this.#algorithms = options.algorithms ?? CHAP_ALGORITHMS
  }

  /** Takes the CHAP pairs of one request. */
  step(pairs: ReadonlyMap<string, string>): ChapStep {
    if (this.#ended) return malformed('CHAP is over')
    const step = this.#challenge === undefined ? this.#begin(pairs) : this.#verify(pairs, this.#challenge)
    this.#ended = step.kind !== 'continue'
    return step
  }

  #begin(pairs: ReadonlyMap<string, string>): ChapStep {
    if (pairs.size === 0) return { kind: 'continue', answers: [] }
    const offered = parseList(pairs.get('CHAP_A') ?? '')
    if (offered === undefined || pairs.size > 1) return malformed('CHAP_A is expected')
    const algorithm = this.#algorithms.find((name) => offered.includes(String(ALGORITHMS[name])))
    if (algorithm === undefined) return denied('no common CHAP algorithm')
    const bytes = this.#random.bytes(hashBytes(algorithm))
    const challenge = { algorithm, identifier: this.#random.integer(256), bytes }
    this.#challenge = challenge
    return {
      kind: 'continue',
      answers: [
        { key: 'CHAP_A', value: String(ALGORITHMS[algorithm]) },
        { key: 'CHAP_I', value: String(challenge.identifier) },
        { key: 'CHAP_C', value: formatBinary(bytes) },
      ],
    }
  }

  #verify(pairs: ReadonlyMap<string, string>, challenge: Challenge): ChapStep {
    const user = pairs.get('CHAP_N')
    const response = parseBinary(pairs.get('CHAP_R') ?? '', RESPONSE_BYTES_MAX)
    if (user === undefined || response === undefined || Buffer.byteLength(user) > NAME_BYTES_MAX) {
      return malformed('CHAP_N and CHAP_R are expected')
    }
    const credential = this.#credentials.find((candidate) => candidate.user === user)
    const matches = sameBytes(response, respond(challenge, credential?.secret ?? NOBODY))
    if (!matches || credential === undefined) return denied('wrong name or secret')
    if (!pairs.has('CHAP_I') && !pairs.has('CHAP_C')) {
      return pairs.size === 2 ? { kind: 'done', answers: [], user } : malformed('unexpected keys with CHAP_R')
    }
    return this.#prove(pairs, challenge, credential)
  }

  /** The initiator wants to know us too. */
  #prove(pairs: ReadonlyMap<string, string>, ours: Challenge, credential: ChapCredential): ChapStep {
    const theirs = readChallenge(pairs, ours.algorithm)
    if (theirs === undefined || pairs.size !== 4) return malformed('CHAP_I and CHAP_C are expected')
    const { mutual } = credential
    if (mutual === undefined) return denied('no secret for mutual CHAP')
    if (sameBytes(theirs.bytes, ours.bytes)) return denied('the challenge is our own')
    if (mutual.secret.equals(credential.secret)) return denied('one secret for both directions')
    return {
      kind: 'done',
      user: credential.user,
      answers: [
        { key: 'CHAP_N', value: mutual.user },
        { key: 'CHAP_R', value: formatBinary(respond(theirs, mutual.secret)) },
      ],
    }
  }
}

/** An initiator that proves itself, and with `credential.mutual` asks the target for the same. */
export class ChapInitiator {
  readonly #credential: ChapCredential
  readonly #algorithms: readonly ChapAlgorithm[]
  readonly #random: Random
  #state: 'algorithm' | 'challenge' | 'response' | 'ended' = 'algorithm'
  #asked: Challenge | undefined

  constructor(options: {
    credential: ChapCredential
    random: Random
    algorithms?: readonly ChapAlgorithm[]
  }) {
    this.#credential = options.credential
    this.#random = options.random
    this.#algorithms = options.algorithms ?? CHAP_ALGORITHMS
  }

  /** Takes the CHAP pairs of one response; the first call takes none and gives the first request's. */
  step(pairs: ReadonlyMap<string, string>): ChapStep {
    const step = this.#step(pairs)
    if (step.kind !== 'continue') this.#state = 'ended'
    return step
  }

  #step(pairs: ReadonlyMap<string, string>): ChapStep {
    switch (this.#state) {
      case 'algorithm':
        this.#state = 'challenge'
        return {
          kind: 'continue',
          answers: [{ key: 'CHAP_A', value: this.#algorithms.map((name) => ALGORITHMS[name]).join(',') }],
        }
      case 'challenge':
        return this.#answer(pairs)
      case 'response':
        return this.#verify(pairs)
      case 'ended':
        return malformed('CHAP is over')
    }
  }

  #answer(pairs: ReadonlyMap<string, string>): ChapStep {
    const chosen = parseNumber(pairs.get('CHAP_A') ?? '')
    const algorithm = this.#algorithms.find((name) => ALGORITHMS[name] === chosen)
    if (algorithm === undefined) return malformed('CHAP_A is not one of those offered')
    const challenge = readChallenge(pairs, algorithm)
    if (challenge === undefined) return malformed('CHAP_I and CHAP_C are expected')
    const { user, secret, mutual } = this.#credential
    if (mutual?.secret.equals(secret) === true) return denied('one secret for both directions')
    const answers = [
      { key: 'CHAP_N', value: user },
      { key: 'CHAP_R', value: formatBinary(respond(challenge, secret)) },
    ]
    if (mutual === undefined) return { kind: 'done', answers, user }
    const bytes = this.#random.bytes(hashBytes(algorithm))
    if (sameBytes(bytes, challenge.bytes)) return denied('the challenge is our own')
    this.#asked = { algorithm, identifier: this.#random.integer(256), bytes }
    this.#state = 'response'
    answers.push({ key: 'CHAP_I', value: String(this.#asked.identifier) })
    answers.push({ key: 'CHAP_C', value: formatBinary(bytes) })
    return { kind: 'continue', answers }
  }

  #verify(pairs: ReadonlyMap<string, string>): ChapStep {
    const { mutual, user } = this.#credential
    const response = parseBinary(pairs.get('CHAP_R') ?? '', RESPONSE_BYTES_MAX)
    if (response === undefined || mutual === undefined || this.#asked === undefined) {
      return malformed('CHAP_N and CHAP_R are expected')
    }
    const matches = sameBytes(response, respond(this.#asked, mutual.secret))
    if (!matches || pairs.get('CHAP_N') !== mutual.user) return denied('the target did not prove itself')
    return { kind: 'done', answers: [], user }
  }
}

/** RFC 1994 §4.1: the hash over identifier, secret and challenge. */
function respond(challenge: Challenge, secret: Secret): Uint8Array {
  const hash = createHash(challenge.algorithm)
  hash.update(Uint8Array.of(challenge.identifier))
  secret.lend((bytes) => hash.update(bytes))
  return hash.update(challenge.bytes).digest()
}

function readChallenge(pairs: ReadonlyMap<string, string>, algorithm: ChapAlgorithm): Challenge | undefined {
  const identifier = parseNumber(pairs.get('CHAP_I') ?? '')
  const bytes = parseBinary(pairs.get('CHAP_C') ?? '', CHALLENGE_BYTES_MAX)
  if (identifier === undefined || identifier > 255 || bytes === undefined) return undefined
  return { algorithm, identifier, bytes }
}

/** Challenges are as long as the hash that they go into. */
const hashBytes = (algorithm: ChapAlgorithm): number =>
  algorithm === 'md5' ? 16 : algorithm === 'sha1' ? 20 : 32

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.byteLength === b.byteLength && timingSafeEqual(a, b)
