/**
 * Messages of DH-HMAC-CHAP, as Authentication Send and Receive carry them (NVM Express Base 2.0, DH-HMAC-CHAP Protocol
 * and Authentication Messages). Little-endian. Every message begins with
 *
 *     0  1  AUTH_TYPE   00h common, 01h DH-HMAC-CHAP
 *     1  1  AUTH_ID
 *     4  2  T_ID        transaction
 *
 * Decoders check all lengths against what came and return a reason code when they do not fit; reserved fields, and what
 * comes behind a message, are ignored.
 */
import { viewOf } from '../../base/binary.ts'
import { GROUPS, type GroupName, groupOfId } from './groups.ts'
import { HASHES, type HashName, hashOfId } from './hash.ts'

/** AUTH_TYPE and AUTH_ID of a message in one number. */
export const MESSAGE = {
  NEGOTIATE: 0x0000,
  CHALLENGE: 0x0101,
  REPLY: 0x0102,
  SUCCESS1: 0x0103,
  SUCCESS2: 0x0104,
  FAILURE2: 0x00f0,
  FAILURE1: 0x00f1,
} as const

/** Reason code explanations of AUTH_Failure; its reason code is always 01h, authentication failure. */
export const FAILURE = {
  FAILED: 0x01,
  PROTOCOL_UNUSABLE: 0x02,
  CONCATENATION_MISMATCH: 0x03,
  HASH_UNUSABLE: 0x04,
  GROUP_UNUSABLE: 0x05,
  INCORRECT_PAYLOAD: 0x06,
  INCORRECT_MESSAGE: 0x07,
} as const

export type FailureCode = (typeof FAILURE)[keyof typeof FAILURE]

const REASON_FAILED = 0x01
const HEADER_BYTES = 8
const LONG_HEADER_BYTES = 16
const DESCRIPTOR_BYTES = 64
/** Of DH-HMAC-CHAP among authentication protocols. */
const PROTOCOL_DHCHAP = 0x01
const IDS_MAX = 30
const HASH_IDS_AT = 4
const GROUP_IDS_AT = 34

/** Longer than the longest message: a reply with SHA-512 and a group of 8192 bits has 1168 bytes. */
export const MESSAGE_BYTES_MAX = 4096

/** AUTH_TYPE and AUTH_ID, or undefined for what is too short for any message. */
export const messageOf = (bytes: Uint8Array): number | undefined =>
  bytes.byteLength < HEADER_BYTES ? undefined : ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)

export const transactionOf = (bytes: Uint8Array): number => viewOf(bytes).getUint16(4, true)

function begin(message: number, transaction: number, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes)
  bytes[0] = message >>> 8
  bytes[1] = message & 0xff
  viewOf(bytes).setUint16(4, transaction, true)
  return bytes
}

/**
 *     6  1  SC_C   0: no secure channel concatenation
 *     7  1  NAPD   number of descriptors, 64 bytes each: protocol, halen at 2, dhlen at 3, hashes at 4, groups at 34
 */
export interface Negotiate {
  /** In the host's order of preference; ids that are not known are left out. */
  readonly hashes: readonly HashName[]
  readonly groups: readonly GroupName[]
}

export function encodeNegotiate(transaction: number, { hashes, groups }: Negotiate): Uint8Array {
  const bytes = begin(MESSAGE.NEGOTIATE, transaction, HEADER_BYTES + DESCRIPTOR_BYTES)
  bytes[7] = 1
  const descriptor = bytes.subarray(HEADER_BYTES)
  descriptor[0] = PROTOCOL_DHCHAP
  descriptor[2] = hashes.length
  descriptor[3] = groups.length
  for (const [i, hash] of hashes.entries()) descriptor[HASH_IDS_AT + i] = HASHES[hash].id
  for (const [i, group] of groups.entries()) descriptor[GROUP_IDS_AT + i] = GROUPS[group].id
  return bytes
}

export function decodeNegotiate(bytes: Uint8Array): Negotiate | FailureCode {
  const count = bytes[7] ?? 0
  if (count === 0 || bytes.byteLength < HEADER_BYTES + count * DESCRIPTOR_BYTES) {
    return FAILURE.INCORRECT_PAYLOAD
  }
  const wantsConcatenation = bytes[6] !== 0
  if (wantsConcatenation) return FAILURE.CONCATENATION_MISMATCH
  for (let i = 0; i < count; i++) {
    const descriptor = bytes.subarray(HEADER_BYTES + i * DESCRIPTOR_BYTES)
    if (descriptor[0] === PROTOCOL_DHCHAP) return decodeDescriptor(descriptor)
  }
  return FAILURE.PROTOCOL_UNUSABLE
}

function decodeDescriptor(descriptor: Uint8Array): Negotiate | FailureCode {
  const hashCount = descriptor[2] ?? 0
  const groupCount = descriptor[3] ?? 0
  const isSound = hashCount >= 1 && hashCount <= IDS_MAX && groupCount >= 1 && groupCount <= IDS_MAX
  if (!isSound) return FAILURE.INCORRECT_PAYLOAD
  const hashes = [...descriptor.subarray(HASH_IDS_AT, HASH_IDS_AT + hashCount)].map(hashOfId)
  const groups = [...descriptor.subarray(GROUP_IDS_AT, GROUP_IDS_AT + groupCount)].map(groupOfId)
  return {
    hashes: hashes.filter((hash) => hash !== undefined),
    groups: groups.filter((group) => group !== undefined),
  }
}

/**
 *      6  1  HL, 8 1 HashID, 9 1 DHgID, 10 2 DHVLEN, 12 4 SEQNUM
 *     16 HL  C1, then DHVLEN bytes of the controller's public value
 */
export interface Challenge {
  readonly hash: HashName
  readonly group: GroupName
  readonly sequence: number
  readonly challenge: Uint8Array
  readonly publicValue: Uint8Array
}

export function encodeChallenge(transaction: number, message: Challenge): Uint8Array {
  const { challenge, publicValue } = message
  const lengthBytes = LONG_HEADER_BYTES + challenge.byteLength + publicValue.byteLength
  const bytes = begin(MESSAGE.CHALLENGE, transaction, lengthBytes)
  const view = viewOf(bytes)
  bytes[6] = challenge.byteLength
  bytes[8] = HASHES[message.hash].id
  bytes[9] = GROUPS[message.group].id
  view.setUint16(10, publicValue.byteLength, true)
  view.setUint32(12, message.sequence, true)
  bytes.set(challenge, LONG_HEADER_BYTES)
  bytes.set(publicValue, LONG_HEADER_BYTES + challenge.byteLength)
  return bytes
}

export function decodeChallenge(bytes: Uint8Array): Challenge | FailureCode {
  if (bytes.byteLength < LONG_HEADER_BYTES) return FAILURE.INCORRECT_PAYLOAD
  const view = viewOf(bytes)
  const hashBytes = bytes[6] ?? 0
  const publicBytes = view.getUint16(10, true)
  const end = LONG_HEADER_BYTES + hashBytes + publicBytes
  if (bytes.byteLength < end) return FAILURE.INCORRECT_PAYLOAD
  const hash = hashOfId(bytes[8] ?? 0)
  if (hash === undefined || HASHES[hash].lengthBytes !== hashBytes) return FAILURE.HASH_UNUSABLE
  const group = groupOfId(bytes[9] ?? 0)
  if (group === undefined) return FAILURE.GROUP_UNUSABLE
  return {
    hash,
    group,
    sequence: view.getUint32(12, true),
    challenge: Uint8Array.from(bytes.subarray(LONG_HEADER_BYTES, LONG_HEADER_BYTES + hashBytes)),
    publicValue: Uint8Array.from(bytes.subarray(LONG_HEADER_BYTES + hashBytes, end)),
  }
}

/**
 *      6  1  HL, 8 1 CVALID, 10 2 DHVLEN, 12 4 SEQNUM
 *     16 HL  R1, then HL bytes of C2 (zeros without CVALID), then DHVLEN bytes of the host's public value
 */
export interface Reply {
  readonly response: Uint8Array
  /** C2 and S2, by which the host asks the controller to prove itself. */
  readonly challenge: { readonly value: Uint8Array; readonly sequence: number } | undefined
  readonly publicValue: Uint8Array
}

export function encodeReply(transaction: number, { response, challenge, publicValue }: Reply): Uint8Array {
  const hashBytes = response.byteLength
  const lengthBytes = LONG_HEADER_BYTES + 2 * hashBytes + publicValue.byteLength
  const bytes = begin(MESSAGE.REPLY, transaction, lengthBytes)
  const view = viewOf(bytes)
  bytes[6] = hashBytes
  view.setUint16(10, publicValue.byteLength, true)
  bytes.set(response, LONG_HEADER_BYTES)
  if (challenge !== undefined) {
    bytes[8] = 1
    view.setUint32(12, challenge.sequence, true)
    bytes.set(challenge.value, LONG_HEADER_BYTES + hashBytes)
  }
  bytes.set(publicValue, LONG_HEADER_BYTES + 2 * hashBytes)
  return bytes
}

/** The lengths have to be those of the hash and the group that were chosen. */
export function decodeReply(
  bytes: Uint8Array,
  expected: { readonly hashBytes: number; readonly publicBytes: number },
): Reply | FailureCode {
  const { hashBytes, publicBytes } = expected
  const end = LONG_HEADER_BYTES + 2 * hashBytes + publicBytes
  if (bytes.byteLength < end) return FAILURE.INCORRECT_PAYLOAD
  const view = viewOf(bytes)
  const isSound = bytes[6] === hashBytes && view.getUint16(10, true) === publicBytes
  if (!isSound) return FAILURE.INCORRECT_PAYLOAD
  const at = (index: number): Uint8Array => {
    const start = LONG_HEADER_BYTES + index * hashBytes
    return Uint8Array.from(bytes.subarray(start, start + hashBytes))
  }
  const isChallenging = ((bytes[8] ?? 0) & 1) !== 0
  const sequence = view.getUint32(12, true)
  // 0 means that only a key for a secure channel is wanted, and there is none here
  if (isChallenging && sequence === 0) return FAILURE.INCORRECT_PAYLOAD
  return {
    response: at(0),
    challenge: isChallenging ? { value: at(1), sequence } : undefined,
    publicValue: Uint8Array.from(bytes.subarray(LONG_HEADER_BYTES + 2 * hashBytes, end)),
  }
}

/** `6 1 HL, 8 1 RVALID, 16 HL R2`; R2 is there when the host asked for it. */
export function encodeSuccess1(
  transaction: number,
  { hashBytes, response }: { readonly hashBytes: number; readonly response: Uint8Array | undefined },
): Uint8Array {
  const bytes = begin(MESSAGE.SUCCESS1, transaction, LONG_HEADER_BYTES + (response?.byteLength ?? 0))
  bytes[6] = hashBytes
  if (response !== undefined) {
    bytes[8] = 1
    bytes.set(response, LONG_HEADER_BYTES)
  }
  return bytes
}

/** R2, or nothing when the controller gives none. */
export function decodeSuccess1(
  bytes: Uint8Array,
  hashBytes: number,
): { readonly response: Uint8Array | undefined } | FailureCode {
  if (bytes.byteLength < LONG_HEADER_BYTES || bytes[6] !== hashBytes) return FAILURE.INCORRECT_PAYLOAD
  if (((bytes[8] ?? 0) & 1) === 0) return { response: undefined }
  const end = LONG_HEADER_BYTES + hashBytes
  if (bytes.byteLength < end) return FAILURE.INCORRECT_PAYLOAD
  return { response: Uint8Array.from(bytes.subarray(LONG_HEADER_BYTES, end)) }
}

export const encodeSuccess2 = (transaction: number): Uint8Array =>
  begin(MESSAGE.SUCCESS2, transaction, LONG_HEADER_BYTES)

/** AUTH_Failure1 of the controller and AUTH_Failure2 of the host: `6 1` reason code, `7 1` explanation. */
export function encodeFailure(
  message: typeof MESSAGE.FAILURE1 | typeof MESSAGE.FAILURE2,
  transaction: number,
  code: FailureCode,
): Uint8Array {
  const bytes = begin(message, transaction, HEADER_BYTES)
  bytes[6] = REASON_FAILED
  bytes[7] = code
  return bytes
}

/** The explanation of a failure, as it came. */
export const failureOf = (bytes: Uint8Array): number => bytes[7] ?? 0
