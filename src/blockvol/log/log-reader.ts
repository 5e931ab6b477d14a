/**
 * Reads entries back by LSN, for replicas that lack them: a group at a time, verified as a scan verifies it, data and
 * all. What the head has come round to is gone, which the reader notices by the group's own position.
 */
import type { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError } from '../../base/errors.ts'
import { alignUp, BLOCK_BYTES, type Epoch, KIB } from '../../base/units.ts'
import { blockChecksum } from '../checksum.ts'
import { GROUP_ALIGN_BYTES, type ParsedEntry, parseEntries, parseHeader } from '../format/log-group.ts'
import type { LogFile } from './log-file.ts'
import type { IndexedGroup, LogIndex } from './log-index.ts'

/** Read at first: header and table of most groups. */
const HEAD_BYTES = 4 * KIB

export interface ReadEntry extends ParsedEntry {
  /** Whole blocks; lent until `release`. */
  readonly data: Uint8Array
}

export interface ReadGroup {
  readonly epoch: Epoch
  /** At least one, in LSN order. */
  readonly entries: readonly ReadEntry[]
  release(): void
}

export interface LogReaderOptions {
  readonly file: LogFile
  readonly index: LogIndex
  readonly logTag: bigint
  readonly pool: BufferPool
}

export class LogReader {
  readonly #o: LogReaderOptions

  constructor(options: LogReaderOptions) {
    this.#o = options
  }

  /**
   * The entries from `from` to at most `through`, an appended LSN, as many as their group has. Undefined when the log
   * does not have them any more; MEDIUM when what it has is damaged.
   */
  async read(from: number, through: number): Promise<ReadGroup | undefined> {
    const { file, index, pool } = this.#o
    const group = index.find(from)
    if (group === undefined) return undefined
    const toEndBytes = file.ringBytes - (group.position % file.ringBytes)
    const head = new Uint8Array(Math.min(HEAD_BYTES, toEndBytes))
    await this.#fill(head, group.position)
    const lengthBytes = new DataView(head.buffer).getUint32(12, true)
    if (lengthBytes > toEndBytes || lengthBytes % GROUP_ALIGN_BYTES !== 0 || lengthBytes === 0) {
      return this.#lost(group, from)
    }
    const buffer = pool.acquire(alignUp(lengthBytes, BLOCK_BYTES))
    const parsed = await this.#readWhole(buffer.subarray(0, lengthBytes), group).catch((error: unknown) => {
      pool.release(buffer)
      throw error
    })
    if (parsed === undefined) {
      pool.release(buffer)
      return this.#lost(group, from)
    }
    const last = Math.min(through, group.nextLsn - 1)
    const entries = parsed.entries.filter((entry) => entry.lsn >= from && entry.lsn <= last)
    return { epoch: parsed.epoch, entries, release: () => pool.release(buffer) }
  }

  async #fill(target: Uint8Array, position: number): Promise<void> {
    const { file } = this.#o
    if (!file.readNow(target, position)) await file.read(target, position)
  }

  /** Undefined when what is there is not that group, whole. */
  async #readWhole(
    bytes: Uint8Array,
    group: IndexedGroup,
  ): Promise<{ epoch: Epoch; entries: ReadEntry[] } | undefined> {
    await this.#fill(bytes, group.position)
    const header = parseHeader(bytes, 0, this.#o.logTag)
    if (header?.position !== group.position || header.firstLsn !== group.firstLsn) return undefined
    const parsed = parseEntries(bytes, 0, header)
    if (parsed === undefined || parsed === 'unknown-kind') return undefined
    const entries = parsed.map((entry) => {
      const data = bytes.subarray(entry.dataOffset, entry.dataOffset + entry.dataBlocks * BLOCK_BYTES)
      return { ...entry, data }
    })
    return entries.every(isWhole) ? { epoch: header.epoch, entries } : undefined
  }

  /** The bytes are not the group: because the head came round meanwhile, or because they are damaged. */
  #lost(group: IndexedGroup, from: number): undefined {
    if (this.#o.index.find(from)?.position !== group.position) return undefined
    throw new BlockError('MEDIUM', `the log entries from LSN ${group.firstLsn} on are damaged`, {
      facts: { lsn: from, path: this.#o.file.path },
    })
  }
}

const isWhole = ({ checksums, data, block, lsn }: ReadEntry): boolean =>
  checksums.every(
    (sum, i) => blockChecksum(data.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES), block + i, lsn) === sum,
  )
