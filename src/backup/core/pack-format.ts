/**
 * A pack: some thousand blocks in one object, or pages of the index. Its header, a row for each frame, its own records (so that
 * a pack tells without any index what it has, and an interrupted backup can go on), and the frames, each compressed and
 * encrypted by itself.
 */
import { readU64, viewOf, writeU64 } from '../../base/binary.ts'
import { bytes, layout, u8, u16, u32, u64, zero } from '../../base/layout.ts'

const PACK_MAGIC = 0x4b50_5342 // 'BSPK'
const PACK_VERSION = 1
/** Frames are added until a pack has so many bytes; the last batch may go 1 MiB beyond. */
export const PACK_TARGET_BYTES = 8 * 1024 * 1024
/** Records of a pack, whatever they compress to. */
export const PACK_RECORDS_MAX = 65_536
const PACK_BYTES_MAX = 64 * 1024 * 1024
const FRAMES_MAX = 65_536 + 4096

const PackHeader = layout('PackHeader', 96, {
  magic: u32(0),
  version: u16(4),
  flags: u8(6),
  reserved: zero(7, 1),
  frames: u32(8),
  tableBytes: u32(12),
  recordsBytes: u32(16),
  records: u32(20),
  totalBytes: u64(24),
  salt: bytes(32, 16),
  recordsDigest: bytes(48, 16),
  tableDigest: bytes(64, 32),
})
export const PACK_HEADER_BYTES = PackHeader.lengthBytes
/** What `tableDigest` covers of the header. */
export const PACK_DIGESTED_BYTES = PackHeader.at.tableDigest
const ENCRYPTED = 1

const FrameRow = layout('FrameRow', 12, {
  counter: u32(0),
  storedBytes: u32(4),
  mask: u16(8),
  method: u8(10),
  kind: u8(11),
})

/** `stored` as it is, or as one zstd frame. */
export type FrameMethod = 'stored' | 'zstd'
/** Blocks, or a node of an index. */
export type FrameKind = 'blocks' | 'node'

export interface Frame {
  /** Tells it from all frames of the same salt; the nonce of its encryption. */
  readonly counter: number
  readonly storedBytes: number
  /** Bit i: slot i has a block. 0 of a node. */
  readonly mask: number
  readonly method: FrameMethod
  readonly kind: FrameKind
}

export interface PackHead {
  readonly isEncrypted: boolean
  readonly frames: number
  readonly tableBytes: number
  readonly recordsBytes: number
  readonly records: number
  readonly totalBytes: number
  readonly salt: Uint8Array
  readonly recordsDigest: Uint8Array
  readonly tableDigest: Uint8Array
}

export function encodePackHead(head: PackHead): Uint8Array {
  const out = new Uint8Array(PACK_HEADER_BYTES)
  const view = viewOf(out)
  const { at } = PackHeader
  view.setUint32(at.magic, PACK_MAGIC, true)
  view.setUint16(at.version, PACK_VERSION, true)
  view.setUint8(at.flags, head.isEncrypted ? ENCRYPTED : 0)
  view.setUint32(at.frames, head.frames, true)
  view.setUint32(at.tableBytes, head.tableBytes, true)
  view.setUint32(at.recordsBytes, head.recordsBytes, true)
  view.setUint32(at.records, head.records, true)
  writeU64(view, at.totalBytes, head.totalBytes)
  out.set(head.salt, at.salt)
  out.set(head.recordsDigest, at.recordsDigest)
  out.set(head.tableDigest, at.tableDigest)
  return out
}

export type PackVerdict =
  | { readonly kind: 'pack'; readonly head: PackHead }
  | { readonly kind: 'unknown'; readonly version: number }
  | { readonly kind: 'damaged'; readonly what: string }

/** Of the first bytes of an object. */
export function decodePackHead(source: Uint8Array): PackVerdict {
  if (source.byteLength < PACK_HEADER_BYTES) return { kind: 'damaged', what: 'it is shorter than a header' }
  const view = viewOf(source)
  const { at } = PackHeader
  if (view.getUint32(at.magic, true) !== PACK_MAGIC) return { kind: 'damaged', what: 'it is not a pack' }
  const version = view.getUint16(at.version, true)
  if (version !== PACK_VERSION) return { kind: 'unknown', version }
  const flags = view.getUint8(at.flags)
  const head: PackHead = {
    isEncrypted: flags === ENCRYPTED,
    frames: view.getUint32(at.frames, true),
    tableBytes: view.getUint32(at.tableBytes, true),
    recordsBytes: view.getUint32(at.recordsBytes, true),
    records: view.getUint32(at.records, true),
    totalBytes: readU64(view, at.totalBytes),
    salt: source.slice(at.salt, at.salt + 16),
    recordsDigest: source.slice(at.recordsDigest, at.recordsDigest + 16),
    tableDigest: source.slice(at.tableDigest, at.tableDigest + 32),
  }
  const isSensible =
    flags <= ENCRYPTED &&
    PackHeader.isPaddingZero(source) &&
    head.frames <= FRAMES_MAX &&
    head.records <= PACK_RECORDS_MAX &&
    head.totalBytes <= PACK_BYTES_MAX &&
    head.tableBytes + head.recordsBytes + PACK_HEADER_BYTES <= head.totalBytes
  return isSensible ? { kind: 'pack', head } : { kind: 'damaged', what: 'its header makes no sense' }
}

const KINDS: readonly FrameKind[] = ['blocks', 'node']
const METHODS: readonly FrameMethod[] = ['stored', 'zstd']

export function encodeFrames(frames: readonly Frame[]): Uint8Array {
  const out = new Uint8Array(frames.length * FrameRow.lengthBytes)
  const view = viewOf(out)
  const { at } = FrameRow
  frames.forEach((frame, i) => {
    const row = i * FrameRow.lengthBytes
    view.setUint32(row + at.counter, frame.counter, true)
    view.setUint32(row + at.storedBytes, frame.storedBytes, true)
    view.setUint16(row + at.mask, frame.mask, true)
    view.setUint8(row + at.method, METHODS.indexOf(frame.method))
    view.setUint8(row + at.kind, KINDS.indexOf(frame.kind))
  })
  return out
}

/** Undefined when a row makes no sense, or their bytes do not add up to `bodyBytes`. */
export function decodeFrames(source: Uint8Array, bodyBytes: number): Frame[] | undefined {
  if (source.byteLength % FrameRow.lengthBytes !== 0) return undefined
  const view = viewOf(source)
  const { at } = FrameRow
  const frames: Frame[] = []
  let sum = 0
  for (let row = 0; row < source.byteLength; row += FrameRow.lengthBytes) {
    const method = METHODS[view.getUint8(row + at.method)]
    const kind = KINDS[view.getUint8(row + at.kind)]
    const storedBytes = view.getUint32(row + at.storedBytes, true)
    if (method === undefined || kind === undefined) return undefined
    sum += storedBytes
    frames.push({
      counter: view.getUint32(row + at.counter, true),
      storedBytes,
      mask: view.getUint16(row + at.mask, true),
      method,
      kind,
    })
  }
  return sum === bodyBytes ? frames : undefined
}
