/**
 * Log entries as APPEND carries them behind its message: the table of all entries, then their blocks, as they stand in
 * the log. Every block has its own checksum, seeded with its LSN and its place: the same here, on the way and on every
 * replica's disk.
 */
import { assert } from '../../base/assert.ts'
import { BLOCK_BYTES, type Epoch, epochNumber } from '../../base/units.ts'
import { blockChecksum } from '../../blockvol/checksum.ts'
import { type EntryKind, isEntryKind } from '../../blockvol/format/log-group.ts'
import { ByteReader, ByteWriter } from './bytes.ts'

const ENTRIES_MAX = 512

/** An entry on its way between replicas. */
export interface WireEntry {
  readonly lsn: number
  readonly kind: EntryKind
  readonly block: number
  readonly blocks: number
  readonly argument: number
  /** One for each block of `data`. */
  readonly checksums: readonly number[]
  /** Whole blocks. */
  readonly data: Uint8Array
}

/** Entries of one epoch, with LSNs that follow each other. Returns pieces; the blocks are lent, not copied. */
export function encodeEntries(epoch: Epoch, entries: readonly WireEntry[]): Uint8Array[] {
  assert(entries.length > 0 && entries.length <= ENTRIES_MAX, 'an APPEND has some entries')
  const writer = new ByteWriter().u64(epoch.number).bits64(epoch.id).u16(entries.length)
  for (const { kind, block, blocks, argument, checksums } of entries) {
    writer.u16(kind).u16(checksums.length).u32(argument).u64(block).u64(blocks)
    for (const sum of checksums) writer.u32(sum)
  }
  return [writer.done(), ...entries.flatMap(({ data }) => (data.byteLength > 0 ? [data] : []))]
}

/**
 * The entries in `payload`, from LSN `first` to `last`; their data are views of it. Undefined when it is not exactly
 * that, or a block is not what its checksum says.
 */
export function decodeEntries(
  payload: Uint8Array,
  { first, last }: { readonly first: number; readonly last: number },
): { readonly epoch: Epoch; readonly entries: readonly WireEntry[] } | undefined {
  const reader = new ByteReader(payload)
  const epoch: Epoch = { number: epochNumber(reader.u64()), id: reader.bits64() }
  let lsn = first
  const table = reader.list(ENTRIES_MAX, () => {
    const kind = reader.u16()
    const dataBlocks = reader.u16()
    const entry = { lsn: lsn++, kind, argument: reader.u32(), block: reader.u64(), blocks: reader.u64() }
    const checksums: number[] = []
    for (let i = 0; i < dataBlocks && reader.isValid; i++) checksums.push(reader.u32())
    return { ...entry, checksums }
  })
  if (!reader.isValid || table.length !== last - first + 1) return undefined
  const entries: WireEntry[] = []
  for (const { kind, ...entry } of table) {
    const data = reader.bytes(entry.checksums.length * BLOCK_BYTES)
    if (!reader.isValid || !isEntryKind(kind)) return undefined
    if (!entry.checksums.every((sum, i) => sum === checksumOf(data, i, entry))) return undefined
    entries.push({ ...entry, kind, data })
  }
  return reader.isDone ? { epoch, entries } : undefined
}

const checksumOf = (data: Uint8Array, i: number, { block, lsn }: { block: number; lsn: number }): number =>
  blockChecksum(data.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES), block + i, lsn)
