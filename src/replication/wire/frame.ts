/**
 * The frame: what a replication connection carries, both ways.
 *
 *     frame = header (24 bytes) | payload
 *
 * The header has its own checksum, so that a length is believed only when it is whole; the payload has another. Frames
 * of a direction are numbered, so that one that was lost, doubled or put in by something on the way ends the connection
 * instead of being carried out. docs/formats/replication.md.
 */
import { viewOf } from '../../base/binary.ts'
import { crc32c, crc32cOfRange } from '../../base/crc32c.ts'
import { layout, u8, u32, zero } from '../../base/layout.ts'
import { KIB, MIB } from '../../base/units.ts'

const FRAME_MAGIC = 0x3146_5242 // "BRF1"

/** Kinds of frames. Numbers are never used again for something else. */
export const FRAME = {
  hello: 1,
  proof: 2,
  error: 3,
  lead: 16,
  plan: 17,
  append: 18,
  keepalive: 19,
  barrier: 20,
  release: 21,
  sync: 22,
  twin: 23,
  state: 24,
  blocks: 25,
  copied: 26,
  offer: 27,
  forwarded: 28,
  compare: 29,
  mend: 30,
  scrub: 31,
  follow: 32,
  taken: 33,
  refused: 34,
  ack: 35,
  confirmed: 36,
  promise: 37,
  fence: 38,
  want: 41,
  unknown: 42,
  diverged: 43,
  forward: 44,
  compared: 45,
  mended: 46,
  scrubbed: 47,
  fetch: 48,
  fetched: 49,
} as const
export type FrameKind = (typeof FRAME)[keyof typeof FRAME]
const KINDS: ReadonlyMap<number, FrameKind> = new Map(Object.values(FRAME).map((kind) => [kind, kind]))

/** Longest payload before the peer is known, in bytes. */
const HANDSHAKE_BYTES_MAX = KIB
/** Longest payload of a frame that carries no content, in bytes: a long history of epochs fits. */
const MESSAGE_BYTES_MAX = 64 * KIB
/** Most that a replica forwards, or gets as an answer, in bytes; the frame has a header before it. */
export const FORWARD_BYTES_MAX = 64 * KIB
const FORWARD_HEADER_BYTES_MAX = 28
/** Longest payload of a frame that carries entries or blocks, in bytes. */
export const CONTENT_BYTES_MAX = 4 * MIB

/** Whether such a frame carries entries, state, offers or blocks: long or many, and in a buffer of the pool. */
export const isContent = (kind: FrameKind): boolean => CONTENT.has(kind)
const CONTENT: ReadonlySet<FrameKind> = new Set([FRAME.append, FRAME.state, FRAME.offer, FRAME.blocks])
const HANDSHAKE: ReadonlySet<FrameKind> = new Set([FRAME.hello, FRAME.proof, FRAME.error])

/** Greatest length of such a frame's payload, in bytes; 0 when it may not come at all before the peer is known. */
export function payloadBytesMax(kind: FrameKind, isPeerKnown: boolean): number {
  if (!isPeerKnown) return HANDSHAKE.has(kind) ? HANDSHAKE_BYTES_MAX : 0
  if (kind === FRAME.forward || kind === FRAME.forwarded) return FORWARD_HEADER_BYTES_MAX + FORWARD_BYTES_MAX
  return isContent(kind) ? CONTENT_BYTES_MAX : MESSAGE_BYTES_MAX
}

/** Frame header, little-endian. */
const Header = layout('ReplicationFrame', 24, {
  magic: u32(0),
  kind: u8(4),
  reserved: zero(5, 3),
  sequence: u32(8), // frames of this direction before this one, modulo 2^32
  lengthBytes: u32(12), // of the payload
  payloadCrc32c: u32(16), // 0 when there is none
  crc32c: u32(20), // of the 20 bytes before
})
const AT = Header.at
export const FRAME_HEADER_BYTES = Header.lengthBytes

export interface FrameHeader {
  readonly kind: FrameKind
  readonly sequence: number
  readonly lengthBytes: number
  readonly payloadCrc32c: number
}

/** Why the bytes of a peer are not a frame. Each of them ends the connection. */
export type FrameFault =
  | 'not a frame'
  | 'header checksum'
  | 'unknown kind'
  | 'out of sequence'
  | 'too long'
  | 'payload checksum'

/** A header for `payload`, which may be in pieces; they are checksummed, not copied. */
export function encodeFrameHeader(
  kind: FrameKind,
  sequence: number,
  payload: readonly Uint8Array[],
): Uint8Array {
  let lengthBytes = 0
  let sum = 0
  for (const piece of payload) {
    lengthBytes += piece.byteLength
    sum = crc32c(piece, sum)
  }
  const header = new Uint8Array(FRAME_HEADER_BYTES)
  const view = viewOf(header)
  view.setUint32(AT.magic, FRAME_MAGIC, true)
  view.setUint8(AT.kind, kind)
  view.setUint32(AT.sequence, sequence >>> 0, true)
  view.setUint32(AT.lengthBytes, lengthBytes, true)
  view.setUint32(AT.payloadCrc32c, sum, true)
  view.setUint32(AT.crc32c, crc32cOfRange(header, 0, AT.crc32c), true)
  return header
}

/** The header in `bytes`, 24 of them. Its length is not yet held against a limit, nor its number against the order. */
export function parseFrameHeader(bytes: Uint8Array): FrameHeader | FrameFault {
  const view = viewOf(bytes)
  if (view.getUint32(AT.magic, true) !== FRAME_MAGIC) return 'not a frame'
  if (view.getUint32(AT.crc32c, true) !== crc32cOfRange(bytes, 0, AT.crc32c)) return 'header checksum'
  const kind = KINDS.get(view.getUint8(AT.kind))
  if (kind === undefined || !Header.isPaddingZero(bytes)) return 'unknown kind'
  return {
    kind,
    sequence: view.getUint32(AT.sequence, true),
    lengthBytes: view.getUint32(AT.lengthBytes, true),
    payloadCrc32c: view.getUint32(AT.payloadCrc32c, true),
  }
}
