/**
 * The hash functions of DH-HMAC-CHAP and what is computed with them (NVM Express Base 2.0, DH-HMAC-CHAP Protocol):
 *
 *     Kt = HMAC_HH(K, NQN || "NVMe-over-Fabrics")       the key of a host or a controller, or K itself when HH is 00
 *     Ca = HMAC(H(KS), C)                               a challenge, augmented by the session key; C itself without DH
 *     R1 = HMAC(Kt, Ca1 || S1 || T || SC_C || "HostHost" || NQNh || 00h || NQNc)
 *     R2 = HMAC(Kt, Ca2 || S2 || T || SC_C || "Controller" || NQNc || 00h || NQNh)
 */
import { createHash, createHmac } from 'node:crypto'

/** Identifiers in messages and in secrets. */
export const HASHES = {
  sha256: { id: 1, lengthBytes: 32 },
  sha384: { id: 2, lengthBytes: 48 },
  sha512: { id: 3, lengthBytes: 64 },
} as const

export type HashName = keyof typeof HASHES

export const HASH_NAMES = Object.keys(HASHES) as readonly HashName[]

export const hashOfId = (id: number): HashName | undefined =>
  HASH_NAMES.find((name) => HASHES[name].id === id)

export const hmac = (
  hash: HashName,
  key: Uint8Array,
  ...parts: readonly (Uint8Array | string)[]
): Uint8Array => {
  const state = createHmac(hash, key)
  for (const part of parts) state.update(part)
  return state.digest()
}

/** `sessionKey` undefined: the null group, where the challenge stays as it is. */
const augment = (hash: HashName, challenge: Uint8Array, sessionKey: Uint8Array | undefined): Uint8Array =>
  sessionKey === undefined ? challenge : hmac(hash, createHash(hash).update(sessionKey).digest(), challenge)

/** What both sides agree on, and what each of the two responses is computed from. */
export interface ResponseInput {
  readonly hash: HashName
  /** Of the side that proves itself, transformed. */
  readonly key: Uint8Array
  readonly challenge: Uint8Array
  readonly sessionKey: Uint8Array | undefined
  readonly sequence: number
  readonly transaction: number
  /** As Connect has them. */
  readonly hostNqn: string
  readonly subsystemNqn: string
}

/** SC_C: secure channel concatenation is not asked for. */
const NO_CONCATENATION = 0

/** R1, by which the host proves itself. */
export function hostResponse(input: ResponseInput): Uint8Array {
  return response(input, 'HostHost', input.hostNqn, input.subsystemNqn)
}

/** R2, by which the controller proves itself. */
export function controllerResponse(input: ResponseInput): Uint8Array {
  return response(input, 'Controller', input.subsystemNqn, input.hostNqn)
}

function response(input: ResponseInput, role: string, prover: string, verifier: string): Uint8Array {
  const numbers = new Uint8Array(7)
  const view = new DataView(numbers.buffer)
  view.setUint32(0, input.sequence, true)
  view.setUint16(4, input.transaction, true)
  numbers[6] = NO_CONCATENATION
  const challenge = augment(input.hash, input.challenge, input.sessionKey)
  return hmac(input.hash, input.key, challenge, numbers, role, prover, Uint8Array.of(0), verifier)
}
