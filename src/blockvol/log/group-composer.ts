/**
 * Composes groups: takes entries from the queue as they fit, gives them their LSNs and their blocks' checksums, and
 * seals the header. One buffer for header and table, so one group at a time.
 */
import { viewOf } from '../../base/binary.ts'
import { alignUp, BLOCK_BYTES, type Epoch, type Lsn } from '../../base/units.ts'
import { blockChecksum } from '../checksum.ts'
import {
  ENTRY_BYTES,
  type EntryKind,
  GROUP_ENTRIES_MAX,
  GROUP_FLAG_CUT,
  GROUP_FLAG_PAD,
  GROUP_HEADER_BYTES,
  groupHeaderBytes,
  headerBytesMax,
  sealGroup,
  writeEntry,
} from '../format/log-group.ts'
import { isAlone } from '../format/snapshot-entries.ts'
import type { LogReach } from './log-room.ts'

const GROUP_BLOCKS_MAX = 512
export const GROUP_BYTES_MAX = headerBytesMax(GROUP_BLOCKS_MAX) + GROUP_BLOCKS_MAX * BLOCK_BYTES
const ZEROS = new Uint8Array(BLOCK_BYTES)

/** An entry on its way into the log. `data` is lent until `settled`. */
export interface LogRequest {
  readonly kind: EntryKind
  /** In which it was first appended, when that is another than the entry's before it. */
  readonly epoch: Epoch | undefined
  readonly block: number
  readonly blocks: number
  /** Whole blocks. */
  readonly data: Uint8Array | undefined
  readonly argument: number
  readonly reach: LogReach
  /** Called where the entry gets its LSN; throws to refuse it. */
  readonly admit: (() => void) | undefined
  settled(error: unknown, lsn: Lsn): void
}

/** One entry as it was appended. */
export interface AppendedEntry {
  readonly request: LogRequest
  readonly lsn: number
  /** Log position of its first data block. */
  readonly dataPosition: number
  /** Where its group begins, and of what epoch it is. */
  readonly group: { readonly position: number; readonly epoch: Epoch }
  /** Checksum of its data block `i`. */
  checksum(i: number): number
}

/** Where a group begins, and what stands in its header. */
export interface GroupPlace {
  readonly start: number
  readonly firstLsn: number
  readonly epoch: Epoch
  readonly durableLsn: number
}

/** A group ready to be written. */
export interface ComposedGroup {
  readonly start: number
  readonly firstLsn: number
  readonly epoch: Epoch
  readonly lengthBytes: number
  /** Bytes to write: the group, or a pad's header, with zeros to the end of the last page. */
  readonly writtenBytes: number
  readonly buffers: readonly Uint8Array[]
  readonly batch: readonly LogRequest[]
}

const isOfEpoch = ({ epoch }: LogRequest, wanted: Epoch): boolean =>
  epoch === undefined || epoch === wanted || (epoch.number === wanted.number && epoch.id === wanted.id)

export const dataBlocksOf = (request: LogRequest): number => (request.data?.byteLength ?? 0) / BLOCK_BYTES

/** Bytes of the ring that such a group takes from `start`, with the fill of its last page. */
export const groupBytes = (start: number, entries: number, dataBlocks: number): number =>
  alignUp(start + groupHeaderBytes(entries, dataBlocks) + dataBlocks * BLOCK_BYTES, BLOCK_BYTES) - start

export class GroupComposer {
  readonly #logTag: bigint
  readonly #blocksMax: number
  readonly #header: Uint8Array
  readonly #view: DataView

  constructor(ringBytes: number, logTag: bigint) {
    this.#logTag = logTag
    this.#blocksMax = Math.max(1, Math.min(GROUP_BLOCKS_MAX, Math.floor(ringBytes / 4 / BLOCK_BYTES)))
    this.#header = new Uint8Array(headerBytesMax(this.#blocksMax))
    this.#view = viewOf(this.#header)
  }

  /** A group without entries that fills the ring to its end. */
  pad(place: GroupPlace, lengthBytes: number): ComposedGroup {
    this.#seal(place, { flags: GROUP_FLAG_PAD, headerBytes: GROUP_HEADER_BYTES, lengthBytes, entryCount: 0 })
    return this.#composed(place, { headerBytes: groupHeaderBytes(0, 0), lengthBytes }, [])
  }

  /** A group that voids all entries from `place.firstLsn` on; its epoch is that of the entry before. */
  cut(place: GroupPlace): ComposedGroup {
    const lengthBytes = groupHeaderBytes(0, 0)
    this.#seal(place, { flags: GROUP_FLAG_CUT, headerBytes: GROUP_HEADER_BYTES, lengthBytes, entryCount: 0 })
    return this.#composed(place, { headerBytes: lengthBytes, lengthBytes }, [])
  }

  /**
   * Takes the queue's first entries off it, as many as `fits` allows for a group of that length. Entries that `admit`
   * refuses are given to `refused` and get no LSN; undefined when none is left.
   */
  take(
    queue: LogRequest[],
    place: GroupPlace,
    fits: (neededBytes: number, request: LogRequest) => boolean,
    refused: (request: LogRequest, error: unknown) => void,
  ): ComposedGroup | undefined {
    const batch: LogRequest[] = []
    let taken = 0
    let dataBlocks = 0
    let tableAt = GROUP_HEADER_BYTES
    for (; taken < queue.length && batch.length < GROUP_ENTRIES_MAX; taken++) {
      const request = queue[taken]!
      const blocks = dataBlocksOf(request)
      if (dataBlocks + blocks > this.#blocksMax || !isOfEpoch(request, place.epoch)) break
      if (batch.length > 0 && (isAlone(request.kind) || isAlone(batch[0]!.kind))) break
      if (!fits(groupBytes(place.start, batch.length + 1, dataBlocks + blocks), request)) break
      try {
        request.admit?.()
      } catch (error) {
        refused(request, error)
        continue
      }
      tableAt = this.#addEntry(tableAt, request, blocks, place.firstLsn + batch.length)
      dataBlocks += blocks
      batch.push(request)
    }
    queue.splice(0, taken)
    if (batch.length === 0) return undefined
    const headerBytes = groupHeaderBytes(batch.length, dataBlocks)
    const lengthBytes = headerBytes + dataBlocks * BLOCK_BYTES
    this.#seal(place, { flags: 0, headerBytes: tableAt, lengthBytes, entryCount: batch.length })
    return this.#composed(place, { headerBytes, lengthBytes }, batch)
  }

  #addEntry(tableAt: number, request: LogRequest, dataBlocks: number, lsn: number): number {
    const { kind, block, blocks, argument, data } = request
    let at = writeEntry(this.#view, tableAt, { kind, block, blocks, argument, dataBlocks })
    for (let i = 0; i < dataBlocks; i++, at += 4) {
      const content = data!.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)
      this.#view.setUint32(at, blockChecksum(content, block + i, lsn), true)
    }
    return at
  }

  #seal(
    { start, firstLsn, epoch, durableLsn }: GroupPlace,
    group: { flags: number; headerBytes: number; lengthBytes: number; entryCount: number },
  ): void {
    const { flags, headerBytes, lengthBytes, entryCount } = group
    const facts = { flags, lengthBytes, entryCount, firstLsn, position: start, epoch, durableLsn }
    sealGroup(this.#header, this.#view, headerBytes, this.#logTag, facts)
  }

  #composed(
    { start, firstLsn, epoch }: GroupPlace,
    { headerBytes, lengthBytes }: { headerBytes: number; lengthBytes: number },
    batch: readonly LogRequest[],
  ): ComposedGroup {
    const buffers: Uint8Array[] = [this.#header.subarray(0, headerBytes)]
    for (const { data } of batch) if (data !== undefined) buffers.push(data)
    const usedBytes = batch.length === 0 ? headerBytes : lengthBytes
    const fillBytes = alignUp(start + usedBytes, BLOCK_BYTES) - (start + usedBytes)
    if (fillBytes > 0) buffers.push(ZEROS.subarray(0, fillBytes))
    return { start, firstLsn, epoch, lengthBytes, writtenBytes: usedBytes + fillBytes, buffers, batch }
  }

  /** Tells of each entry of the group that was composed last, in LSN order. */
  tell({ start, firstLsn, epoch, batch }: ComposedGroup, told: (entry: AppendedEntry) => void): void {
    let dataBlocks = 0
    for (const request of batch) dataBlocks += dataBlocksOf(request)
    let dataPosition = start + groupHeaderBytes(batch.length, dataBlocks)
    let tableAt = GROUP_HEADER_BYTES
    const group = { position: start, epoch }
    for (let i = 0; i < batch.length; i++) {
      const request = batch[i]!
      const blocks = dataBlocksOf(request)
      const sumsAt = tableAt + ENTRY_BYTES
      const checksum = (c: number): number => this.#view.getUint32(sumsAt + c * 4, true)
      told({ request, lsn: firstLsn + i, dataPosition, group, checksum })
      dataPosition += blocks * BLOCK_BYTES
      tableAt = sumsAt + blocks * 4
    }
  }
}
