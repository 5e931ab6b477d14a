/**
 * A batch: content goes to slots that the manifest calls nobody's, records into lists that it does not name; its one change at the
 * end puts all of it in force. Whatever ends it before leaves nothing but space that the next batch, or opening, takes.
 */
import { assert } from '../../base/assert.ts'
import type { BufferPool } from '../../base/buffer-pool.ts'
import { isBlockError } from '../../base/errors.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import { SEGMENT_BLOCKS } from '../geometry.ts'
import { type DataBlocks, fileOf } from './data-blocks.ts'
import type { ListFile } from './list-file.ts'
import { type ListPorts, ListWriter } from './list-writer.ts'
import type { ManifestKeeper } from './manifest-keeper.ts'
import type { StoredVersion, Version, VersionBatch } from './version.ts'

/** Blocks that are written at once. */
const WRITE_BLOCKS = 256
/** Records that wait to be sorted; those of a batch whose versions come in order are one list all the same. */
const RECORDS_MAX = 64 * 1024

/** What a batch needs of the store. */
export interface BatchHost {
  readonly ports: ListPorts
  readonly manifest: ManifestKeeper
  readonly data: DataBlocks
  readonly pool: BufferPool
  takeListNumber(): number
  /** Resolves when nobody else takes slots; the call that it gives lets the next one in. */
  enter(): Promise<() => void>
  /** The lists that a version has to be looked for in. */
  checked(): readonly ListFile[]
  find(lists: readonly ListFile[], block: number): Promise<readonly StoredVersion[]>
  /** Puts lists in force with blocks up to `nextSlot`, durably. */
  publish(lists: readonly ListFile[], nextSlot: number, used: ReadonlyMap<number, number>): Promise<void>
  ended(): void
}

export class Batch implements VersionBatch {
  readonly isFresh: boolean
  readonly #host: BatchHost
  readonly #asOfLsn: number
  #leave: (() => void) | undefined
  #buffer: Uint8Array | undefined
  /** Where the buffer's first block goes, and how many blocks are in it. */
  #slot = 0
  #buffered = 0
  readonly #used = new Map<number, number>()
  #records: StoredVersion[] = []
  #writer: ListWriter | undefined
  readonly #lists: ListFile[] = []
  #state: 'open' | 'failed' | 'ended' = 'open'

  constructor(host: BatchHost, asOfLsn: number) {
    this.#host = host
    this.#asOfLsn = asOfLsn
    this.isFresh = host.checked().length === 0
  }

  async has(block: number, lsn: number): Promise<boolean> {
    if (this.isFresh) return false
    const lists = this.#host.checked()
    return (await this.#host.find(lists, block)).some((version) => version.lsn === lsn)
  }

  async add(version: Version, data: Uint8Array | undefined): Promise<void> {
    assert(this.#state === 'open', 'a batch that ended takes no more')
    assert((version.kind === 'data') === (data !== undefined), 'data comes with versions of kind data')
    if (!this.isFresh && (await this.has(version.block, version.lsn))) return
    await this.put(version, data)
  }

  async addMany(versions: readonly Version[], data: Uint8Array): Promise<void> {
    assert(this.#state === 'open', 'a batch that ended takes no more')
    assert(data.byteLength === versions.length * BLOCK_BYTES, 'every version comes with its block')
    if (!this.isFresh) {
      for (const [i, version] of versions.entries()) await this.add(version, blockOf(data, i))
      return
    }
    try {
      if (this.#leave === undefined) await this.#enter()
      for (let i = 0; i < versions.length; i++) {
        assert(versions[i]!.kind === 'data', 'only data is added by many')
        if (this.#take(versions[i]!, blockOf(data, i))) await this.#write()
        if (this.#records.length === RECORDS_MAX) await this.#spill()
      }
    } catch (error) {
      this.#state = 'failed'
      throw error
    }
  }

  /** As `add`, without a look whether it is there. */
  async put(version: Version, data: Uint8Array | undefined): Promise<void> {
    try {
      if (this.#leave === undefined) await this.#enter()
      if (data === undefined) this.#records.push({ ...keyOf(version), checksum: 0, slot: 0 })
      else if (this.#take(version, data)) await this.#write()
      if (this.#records.length === RECORDS_MAX) await this.#spill()
    } catch (error) {
      this.#state = 'failed'
      throw error
    }
  }

  async commit(): Promise<void> {
    assert(this.#state === 'open', 'a batch that failed is not committed')
    const { manifest, data, ports } = this.#host
    try {
      if (this.#leave !== undefined) {
        if (this.#buffered > 0) await this.#write()
        await this.#spill()
        await this.#endList()
        if (this.#used.size > 0) await data.datasync(this.#used.keys())
        await ports.disk.syncDirectory(ports.directory)
        await this.#host.publish(this.#lists, this.#slot, this.#used)
      }
    } catch (error) {
      // a sync that failed may have taken more with it than what is written anew
      if (isBlockError(error, 'DISK')) manifest.fail(error)
      this.#state = 'failed'
      throw error
    }
    this.#end()
  }

  async abandon(): Promise<void> {
    if (this.#state === 'ended') return
    const { manifest, data } = this.#host
    if (manifest.hasFailed) {
      // the change may be on the disk all the same, and names these files
      await this.#writer?.leave()
      for (const list of this.#lists) await list.close().catch(() => undefined)
    } else {
      await this.#writer?.abandon()
      for (const list of this.#lists) await list.retire()
      if (this.#leave !== undefined) await data.cut(manifest.current.nextSlot).catch(() => undefined)
    }
    this.#end()
  }

  async #enter(): Promise<void> {
    this.#leave = await this.#host.enter()
    this.#slot = this.#host.manifest.current.nextSlot
  }

  #end(): void {
    this.#state = 'ended'
    if (this.#buffer !== undefined) this.#host.pool.release(this.#buffer)
    this.#buffer = undefined
    this.#leave?.()
    this.#host.ended()
  }

  /** Takes content into the buffer; true when it has to be written before more is taken. */
  #take(version: Version, data: Uint8Array): boolean {
    assert(data.byteLength === BLOCK_BYTES, 'a version is one block')
    this.#buffer ??= this.#host.pool.acquire(WRITE_BLOCKS * BLOCK_BYTES)
    this.#buffer.set(data, this.#buffered * BLOCK_BYTES)
    const slot = this.#slot + this.#buffered++
    this.#records.push({ ...keyOf(version), checksum: version.checksum, slot })
    return this.#buffered === WRITE_BLOCKS || (slot + 1) % SEGMENT_BLOCKS === 0
  }

  async #write(): Promise<void> {
    assert(this.#buffer !== undefined, 'there is something to write')
    const count = this.#buffered
    await this.#host.data.write(this.#slot, this.#buffer.subarray(0, count * BLOCK_BYTES))
    const file = fileOf(this.#slot)
    this.#used.set(file, (this.#used.get(file) ?? 0) + count)
    this.#slot += count
    this.#buffered = 0
  }

  /** Records that waited go into a list: the one that is being written when they come after it, else a new one. */
  async #spill(): Promise<void> {
    const records = this.#records
    const first = records.length === 0 ? undefined : records.sort(inOrder)[0]
    if (first === undefined) return
    this.#records = []
    const last = this.#writer?.last
    if (last !== undefined && inOrder(first, last) < 0) await this.#endList()
    this.#writer ??= await ListWriter.create(this.#host.ports, this.#host.takeListNumber())
    for (const record of records) {
      const written = this.#writer.put(record)
      if (written !== undefined) await written
    }
  }

  async #endList(): Promise<void> {
    if (this.#writer === undefined) return
    this.#lists.push(await this.#writer.finish(this.#asOfLsn))
    this.#writer = undefined
  }
}

const inOrder = (a: StoredVersion, b: StoredVersion): number => a.block - b.block || a.lsn - b.lsn

const keyOf = ({ block, lsn, kind }: Version) => ({ block, lsn, kind })

const blockOf = (data: Uint8Array, i: number): Uint8Array =>
  data.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)
