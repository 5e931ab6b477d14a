/**
 * The log's unit of writing: a group of entries, written by one system call and valid as a whole or not at all.
 *
 *   group = header (80 bytes) | entry table | zeros to a multiple of 512 | data blocks (4 KiB each, in entry order)
 *
 * Groups start on multiples of 512. The header's checksum covers header and table; the table holds each data
 * block's own checksum, so a group is whole when its header and every block check out. `position` is the group's
 * own place in the endless log, which makes a stale group of an earlier lap recognisable; `durableLsn` is what
 * the writer knew to be durable, which makes a hole in synced entries recognisable. docs/formats/log.md.
 */
import { readU64, viewOf, writeU64 } from '../../base/binary.ts'
import { crc32c, crc32cOfRange } from '../../base/crc32c.ts'
import { layout, u16, u32, u64, zero } from '../../base/layout.ts'
import { alignUp, BLOCK_BYTES, type Epoch, epochNumber } from '../../base/units.ts'

export const GROUP_ALIGN_BYTES = 512
export const GROUP_ENTRIES_MAX = 512
const GROUP_MAGIC = 0x31474c42 // "BLG1"
const GROUP_VERSION = 1
/** The group only fills the ring up to its end. */
export const GROUP_FLAG_PAD = 1
/**
 * The group has no entries and voids those before it with an LSN of `firstLsn` or above: a replica gave them up. The log
 * goes on with `firstLsn`; the header's epoch is that of the entry before.
 */
export const GROUP_FLAG_CUT = 2

/** Kinds of entries. A kind is used only once the volume's format level allows it. */
export const ENTRY_KIND = {
  write: 1,
  trim: 2,
  writeZeroes: 3,
  /** One data block, repeated over the range. */
  writeSame: 4,
  epochStart: 16,
  formatLevel: 17,
  resize: 18,
  frontendState: 19,
  snapshotCreate: 20,
  snapshotDelete: 21,
  restore: 22,
  origin: 23,
} as const
export type EntryKind = (typeof ENTRY_KIND)[keyof typeof ENTRY_KIND]
const KNOWN_KINDS: ReadonlySet<number> = new Set(Object.values(ENTRY_KIND))
export const isEntryKind = (kind: number): kind is EntryKind => KNOWN_KINDS.has(kind)

/** Group header, little-endian. */
const Header = layout('LogGroup', 80, {
  magic: u32(0),
  version: u16(4),
  flags: u16(6),
  headerBytes: u32(8), // header and table, before padding
  lengthBytes: u32(12), // the whole group
  entryCount: u32(16),
  reserved: zero(20, 4),
  firstLsn: u64(24),
  position: u64(32),
  epochNumber: u64(40),
  epochId: u64(48),
  durableLsn: u64(56),
  logTag: u64(64), // the superblock's; unknown to initiators
  crc32c: u32(72), // of header[0, 72) and the table
  reserved2: zero(76, 4),
})
const AT = Header.at
export const GROUP_HEADER_BYTES = Header.lengthBytes

/** Table entry, little-endian; `dataBlocks` checksums (u32) follow it. */
const Entry = layout('LogEntry', 24, {
  kind: u16(0),
  dataBlocks: u16(2),
  argument: u32(4), // kinds that are not about blocks: bytes of their payload
  block: u64(8),
  blocks: u64(16),
})
const ENTRY_AT = Entry.at
export const ENTRY_BYTES = Entry.lengthBytes

/** Most bytes of header and table that one group of `blocksMax` data blocks can need. */
export const headerBytesMax = (blocksMax: number): number =>
  alignUp(GROUP_HEADER_BYTES + GROUP_ENTRIES_MAX * ENTRY_BYTES + blocksMax * 4, GROUP_ALIGN_BYTES)

/** Bytes of header and table, padded, of a group with these numbers of entries and data blocks. */
export const groupHeaderBytes = (entries: number, dataBlocks: number): number =>
  alignUp(GROUP_HEADER_BYTES + entries * ENTRY_BYTES + dataBlocks * 4, GROUP_ALIGN_BYTES)

export interface GroupHeader extends GroupFacts {
  readonly headerBytes: number
  /** False for a group that a later release wrote: whole, ours, and not to be read by this one. */
  readonly isKnown: boolean
}

export interface GroupFacts {
  readonly flags: number
  readonly lengthBytes: number
  readonly entryCount: number
  readonly firstLsn: number
  readonly position: number
  readonly epoch: Epoch
  readonly durableLsn: number
}

/** Writes the table entry at `at`; the caller writes the checksums behind it. Returns where they start. */
export function writeEntry(
  view: DataView,
  at: number,
  entry: { kind: number; dataBlocks: number; argument: number; block: number; blocks: number },
): number {
  view.setUint16(at + ENTRY_AT.kind, entry.kind, true)
  view.setUint16(at + ENTRY_AT.dataBlocks, entry.dataBlocks, true)
  view.setUint32(at + ENTRY_AT.argument, entry.argument, true)
  writeU64(view, at + ENTRY_AT.block, entry.block)
  writeU64(view, at + ENTRY_AT.blocks, entry.blocks)
  return at + ENTRY_BYTES
}

/** Writes the header over `buffer`, whose table (up to `headerBytes`) is complete, and zeroes the padding. */
export function sealGroup(
  buffer: Uint8Array,
  view: DataView,
  headerBytes: number,
  logTag: bigint,
  facts: GroupFacts,
): void {
  view.setUint32(AT.magic, GROUP_MAGIC, true)
  view.setUint16(AT.version, GROUP_VERSION, true)
  view.setUint16(AT.flags, facts.flags, true)
  view.setUint32(AT.headerBytes, headerBytes, true)
  view.setUint32(AT.lengthBytes, facts.lengthBytes, true)
  view.setUint32(AT.entryCount, facts.entryCount, true)
  view.setUint32(AT.reserved, 0, true)
  writeU64(view, AT.firstLsn, facts.firstLsn)
  writeU64(view, AT.position, facts.position)
  writeU64(view, AT.epochNumber, facts.epoch.number)
  view.setBigUint64(AT.epochId, facts.epoch.id, true)
  writeU64(view, AT.durableLsn, facts.durableLsn)
  view.setBigUint64(AT.logTag, logTag, true)
  view.setUint32(AT.reserved2, 0, true)
  view.setUint32(AT.crc32c, headerChecksum(buffer, 0, headerBytes), true)
  buffer.fill(0, headerBytes, alignUp(headerBytes, GROUP_ALIGN_BYTES))
}

function headerChecksum(buffer: Uint8Array, at: number, headerBytes: number): number {
  const seed = crc32cOfRange(buffer, at, at + AT.crc32c)
  return crc32c(buffer.subarray(at + GROUP_HEADER_BYTES, at + headerBytes), seed)
}

/**
 * Parses the header at `at`. Undefined unless magic, version, checksum and all lengths are right; then the table
 * lies whole inside `buffer`.
 */
export function parseHeader(buffer: Uint8Array, at: number, logTag: bigint): GroupHeader | undefined {
  if (at + GROUP_HEADER_BYTES > buffer.byteLength) return undefined
  const view = new DataView(buffer.buffer, buffer.byteOffset + at, buffer.byteLength - at)
  if (view.getUint32(AT.magic, true) !== GROUP_MAGIC) return undefined
  const headerBytes = view.getUint32(AT.headerBytes, true)
  if (headerBytes < GROUP_HEADER_BYTES || at + headerBytes > buffer.byteLength) return undefined
  if (view.getUint32(AT.crc32c, true) !== headerChecksum(buffer, at, headerBytes)) return undefined
  if (view.getBigUint64(AT.logTag, true) !== logTag) return undefined
  const isKnown = view.getUint16(AT.version, true) === GROUP_VERSION
  if (isKnown && !Header.isPaddingZero(buffer, at)) return undefined
  const facts = {
    isKnown,
    flags: view.getUint16(AT.flags, true),
    headerBytes,
    lengthBytes: view.getUint32(AT.lengthBytes, true),
    entryCount: view.getUint32(AT.entryCount, true),
    firstLsn: readU64(view, AT.firstLsn),
    position: readU64(view, AT.position),
    epoch: { number: epochNumber(readU64(view, AT.epochNumber)), id: view.getBigUint64(AT.epochId, true) },
    durableLsn: readU64(view, AT.durableLsn),
  }
  if (!isKnown) return facts
  const isEmpty = facts.flags === GROUP_FLAG_PAD || facts.flags === GROUP_FLAG_CUT
  if ((!isEmpty && facts.flags !== 0) || isEmpty !== (facts.entryCount === 0)) return undefined
  if (facts.lengthBytes % GROUP_ALIGN_BYTES !== 0 || facts.lengthBytes < headerBytes) return undefined
  return facts
}

export interface ParsedEntry {
  readonly kind: EntryKind
  readonly lsn: number
  readonly block: number
  readonly blocks: number
  readonly argument: number
  readonly dataBlocks: number
  /** Byte offset of the entry's first data block from the group's start. */
  readonly dataOffset: number
  readonly checksums: readonly number[]
}

/** The entries of the group whose valid header lies at `at`; undefined when the table contradicts itself. */
export function parseEntries(
  buffer: Uint8Array,
  at: number,
  header: GroupHeader,
): ParsedEntry[] | 'unknown-kind' | undefined {
  const view = viewOf(buffer)
  const entries: ParsedEntry[] = []
  let next = at + GROUP_HEADER_BYTES
  let dataOffset = alignUp(header.headerBytes, GROUP_ALIGN_BYTES)
  const end = at + header.headerBytes
  for (let i = 0; i < header.entryCount; i++) {
    if (next + ENTRY_BYTES > end) return undefined
    const kind = view.getUint16(next + ENTRY_AT.kind, true)
    const dataBlocks = view.getUint16(next + ENTRY_AT.dataBlocks, true)
    if (!isEntryKind(kind)) return 'unknown-kind'
    if (next + ENTRY_BYTES + dataBlocks * 4 > end) return undefined
    const checksums: number[] = []
    for (let c = 0; c < dataBlocks; c++) checksums.push(view.getUint32(next + ENTRY_BYTES + c * 4, true))
    entries.push({
      kind,
      lsn: header.firstLsn + i,
      argument: view.getUint32(next + ENTRY_AT.argument, true),
      block: readU64(view, next + ENTRY_AT.block),
      blocks: readU64(view, next + ENTRY_AT.blocks),
      dataBlocks,
      dataOffset,
      checksums,
    })
    dataOffset += dataBlocks * BLOCK_BYTES
    next += ENTRY_BYTES + dataBlocks * 4
  }
  if (next !== end) return undefined
  if (header.flags !== GROUP_FLAG_PAD && dataOffset !== header.lengthBytes) return undefined
  return entries
}
