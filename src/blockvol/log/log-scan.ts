/**
 * Reads the log after an opening: from the checkpoint as long as groups follow each other without a gap in
 * position, LSN and epoch, each whole. Then it reads on through the rest of the ring, because what stops a scan is
 * either a tail that was torn (never durable: nothing lost) or damage: a later group that says that entries past
 * the stop were durable. It changes nothing; what to do with the verdict is recovery's decision.
 */

import { viewOf } from '../../base/binary.ts'
import { BlockError } from '../../base/errors.ts'
import { alignUp, BLOCK_BYTES, type Epoch, MIB } from '../../base/units.ts'
import { blockChecksum } from '../checksum.ts'
import {
  GROUP_ALIGN_BYTES,
  GROUP_FLAG_CUT,
  GROUP_FLAG_PAD,
  GROUP_HEADER_BYTES,
  type GroupHeader,
  headerBytesMax,
  type ParsedEntry,
  parseEntries,
  parseHeader,
} from '../format/log-group.ts'
import { isAlone } from '../format/snapshot-entries.ts'
import type { LogFile } from './log-file.ts'
import type { LogIndex } from './log-index.ts'

const WINDOW_BYTES = 4 * MIB
const HEADER_BYTES_MAX = headerBytesMax(1024)
const GROUP_BYTES_MAX = HEADER_BYTES_MAX + 512 * BLOCK_BYTES

export interface ScannedEntry extends ParsedEntry {
  /** Log position of the first data block. */
  readonly dataPosition: number
  /** The entry's data, whole blocks; lent for the call. */
  readonly data: Uint8Array
  readonly group: { readonly position: number; readonly epoch: Epoch }
}

export interface LogScanOptions {
  readonly file: LogFile
  readonly logTag: bigint
  readonly from: number
  readonly lastLsn: number
  readonly epoch: Epoch
  readonly onEntry: (entry: ScannedEntry) => void
  /** All entries of a group were given. */
  readonly onGroup?: (group: {
    readonly lastLsn: number
    readonly end: number
    readonly epoch: Epoch
  }) => void
  /** Entries that these void are not given. */
  readonly cuts?: readonly LogCut[]
  /** Learns where every group is. */
  readonly index?: LogIndex | undefined
}

/** A place from which on the log goes on at an earlier LSN. */
export interface LogCut {
  readonly position: number
  readonly above: number
}

/** A group with a valid header that stands past the end of the continuous log. */
export interface GroupBeyond {
  readonly position: number
  /** LSN of its last entry. */
  readonly lastLsn: number
  readonly durableLsn: number
}

export interface LogScanResult {
  readonly lastLsn: number
  /** Epoch of the last group. */
  readonly epoch: Epoch
  /** End of the last group. */
  readonly end: number
  readonly groups: number
  readonly beyond: readonly GroupBeyond[]
  /** What voids entries that were given before it: whoever cannot take those back scans again, with these. */
  readonly cuts: readonly LogCut[]
}

/**
 * A stretch of the ring in memory, as the medium has it. The page cache may show what a sync that failed has lost; the
 * process that was told so may have died before it could say it, and the next sync would succeed.
 */
class Window {
  readonly #file: LogFile
  readonly #buffer: Uint8Array
  #start = 0
  #bytes: Uint8Array = new Uint8Array(0)

  constructor(file: LogFile) {
    this.#file = file
    this.#buffer = new Uint8Array(Math.min(file.ringBytes, WINDOW_BYTES))
  }

  /** The bytes from `position`, at least `wantBytes` unless the ring's end comes before. */
  async at(position: number, wantBytes: number): Promise<Uint8Array> {
    const { ringBytes } = this.#file
    const toEndBytes = ringBytes - (position % ringBytes)
    const needBytes = Math.min(wantBytes, toEndBytes)
    const offset = position - this.#start
    if (offset < 0 || offset + needBytes > this.#bytes.byteLength) {
      const target = this.#buffer.subarray(0, Math.min(this.#buffer.byteLength, toEndBytes))
      this.#bytes = (await this.#file.readUncached(target, position)) ? target : target.subarray(0, 0)
      this.#start = position
      return this.#bytes
    }
    return this.#bytes.subarray(offset)
  }
}

type Group = { readonly end: number; readonly epoch: Epoch } & (
  | { readonly kind: 'pad' }
  | { readonly kind: 'cut'; readonly above: number; readonly position: number }
  | { readonly kind: 'entries'; readonly position: number; readonly entries: readonly ScannedEntry[] }
)

export async function scanLog(options: LogScanOptions): Promise<LogScanResult> {
  const { file, from } = options
  const window = new Window(file)
  const limit = from - (from % BLOCK_BYTES) + file.ringBytes
  let { lastLsn, epoch } = options
  let end = from
  let groups = 0
  const cuts: LogCut[] = []
  for (;;) {
    const aligned = alignUp(end, BLOCK_BYTES)
    const expected = { lastLsn, epoch, limit }
    const group =
      (await readGroup(options, window, end, expected)) ??
      (aligned === end ? undefined : await readGroup(options, window, aligned, expected))
    if (group === undefined) break
    if (group.kind === 'cut') {
      lastLsn = group.above
      cuts.push({ position: group.position, above: group.above })
      options.index?.cut(group.above)
    }
    if (group.kind === 'entries') {
      options.index?.add(lastLsn + 1, group.position)
      for (const entry of group.entries) {
        if (!isVoid(entry, end, options.cuts)) options.onEntry(entry)
        lastLsn = entry.lsn
      }
      options.onGroup?.({ lastLsn, end: group.end, epoch: group.epoch })
    }
    ;({ end, epoch } = group)
    groups++
  }
  const beyond = await readBeyond(options, window, end, limit)
  return { lastLsn, epoch, end, groups, beyond, cuts }
}

const isVoid = (entry: ScannedEntry, position: number, cuts: readonly LogCut[] = []): boolean =>
  cuts.some((cut) => cut.position > position && cut.above < entry.lsn)

/** The whole group at `position`, if it continues the log. */
async function readGroup(
  options: LogScanOptions,
  window: Window,
  position: number,
  expected: { lastLsn: number; epoch: Epoch; limit: number },
): Promise<Group | undefined> {
  if (position >= expected.limit) return undefined
  const head = await window.at(position, HEADER_BYTES_MAX)
  const header = parseHeader(head, 0, options.logTag)
  if (header === undefined || header.position !== position) return undefined
  if (header.flags === GROUP_FLAG_CUT && header.isKnown) return cutOf(options, header, expected.lastLsn)
  if (header.firstLsn !== expected.lastLsn + 1 || !continues(expected.epoch, header.epoch)) return undefined
  if (!header.isKnown) throw laterFormat(options, header.firstLsn)
  const { ringBytes } = options.file
  if (header.lengthBytes > ringBytes - (position % ringBytes)) return undefined
  if (position + header.lengthBytes > expected.limit) return undefined
  const end = position + header.lengthBytes
  if (header.flags === GROUP_FLAG_PAD) return { kind: 'pad', end, epoch: header.epoch }
  if (header.lengthBytes > GROUP_BYTES_MAX) return undefined
  const whole = await window.at(position, header.lengthBytes)
  const parsed = parseEntries(whole, 0, header)
  if (parsed === 'unknown-kind') throw laterFormat(options, header.firstLsn)
  if (parsed === undefined) return undefined
  if (parsed.length > 1 && parsed.some(({ kind }) => isAlone(kind)))
    throw laterFormat(options, header.firstLsn)
  const entries: ScannedEntry[] = []
  for (const entry of parsed) {
    const data = whole.subarray(entry.dataOffset, entry.dataOffset + entry.dataBlocks * BLOCK_BYTES)
    for (let i = 0; i < entry.dataBlocks; i++) {
      const content = data.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)
      if (blockChecksum(content, entry.block + i, entry.lsn) !== entry.checksums[i]) return undefined
    }
    const group = { position, epoch: header.epoch }
    entries.push({ ...entry, dataPosition: position + entry.dataOffset, data, group })
  }
  return { kind: 'entries', position, end, epoch: header.epoch, entries }
}

/** A cut goes back to an entry of this stretch of the log, never behind what is flushed. */
function cutOf({ lastLsn }: LogScanOptions, header: GroupHeader, endLsn: number): Group | undefined {
  const above = header.firstLsn - 1
  if (above < lastLsn || above > endLsn) return undefined
  const { position, lengthBytes, epoch } = header
  return { kind: 'cut', above, position, end: position + lengthBytes, epoch }
}

const laterFormat = ({ file }: LogScanOptions, lsn: number): BlockError =>
  new BlockError(
    'UNKNOWN_FORMAT',
    `${file.path}: the entries from LSN ${lsn} on were written by a later release; use that one`,
    { facts: { path: file.path, lsn } },
  )

/** Epochs only rise, and one number has one id. */
const continues = (last: Epoch, next: Epoch): boolean =>
  next.number > last.number || (next.number === last.number && next.id === last.id)

/** Valid headers in the free part of the ring that stand where the log after `end` would be written. */
async function readBeyond(
  options: LogScanOptions,
  window: Window,
  end: number,
  limit: number,
): Promise<GroupBeyond[]> {
  const beyond: GroupBeyond[] = []
  let position = end
  while (position < limit) {
    const bytes = await window.at(position, HEADER_BYTES_MAX + GROUP_ALIGN_BYTES)
    const view = viewOf(bytes)
    const { ringBytes } = options.file
    const toEndBytes = ringBytes - (position % ringBytes)
    // headers near the window's end may be cut: look at them from the next window
    const usable = bytes.byteLength >= toEndBytes ? bytes.byteLength : bytes.byteLength - HEADER_BYTES_MAX
    let at = 0
    for (; at < usable && position + at < limit; at += GROUP_ALIGN_BYTES) {
      if (at + GROUP_HEADER_BYTES > bytes.byteLength || view.getUint32(at, true) === 0) continue
      const header = parseHeader(bytes, at, options.logTag)
      if (header === undefined || header.position < end) continue
      if (header.position % ringBytes !== (position + at) % ringBytes) continue
      const { firstLsn, entryCount, durableLsn } = header
      beyond.push({ position: header.position, lastLsn: firstLsn + entryCount - 1, durableLsn })
    }
    if (at === 0) break // a file shorter than its ring: nothing more to see
    position += at
  }
  return beyond
}
