/**
 * Writes a list: records that come in ascending order, of any number, through one buffer. Nobody reads the file before the
 * manifest names it; a crash before that leaves a file that the next opening removes.
 */
import { assert } from '../../base/assert.ts'
import type { BufferPool } from '../../base/buffer-pool.ts'
import type { Disk, DiskFile } from '../../base/ports/disk.ts'
import type { ListInfo } from '../format/version-manifest.ts'
import {
  encodeIndex,
  GROUP_PAGES,
  LIST_PAGE_BYTES,
  PAGE_FIRSTS,
  PAGE_RECORDS,
  pageOffsets,
  putRecord,
  sealRecords,
} from '../format/version-pages.ts'
import { ListFile, listPath } from './list-file.ts'
import type { StoredVersion } from './version.ts'

export interface ListPorts {
  readonly disk: Disk
  readonly pool: BufferPool
  readonly directory: string
  /** The first 8 bytes of the volume's UUID. */
  readonly volume: Uint8Array
}

const GROUP_BYTES = GROUP_PAGES * LIST_PAGE_BYTES

export class ListWriter {
  readonly number: number
  readonly #ports: ListPorts
  readonly #file: DiskFile
  /** Of the pages of one group; gone when the writer is done. */
  #buffer: Uint8Array | undefined
  /** The page that is being filled: its place in the list, and how many records it has. */
  #page = 0
  #count = 0
  readonly #firstBlocks: number[] = []
  #records = 0
  #dataBlocks = 0
  #maxLsn = 0
  #last: StoredVersion | undefined

  private constructor(ports: ListPorts, number: number, file: DiskFile) {
    this.#ports = ports
    this.number = number
    this.#file = file
    this.#buffer = ports.pool.acquire(GROUP_BYTES)
  }

  static async create(ports: ListPorts, number: number): Promise<ListWriter> {
    const file = await ports.disk.open(listPath(ports.directory, number), { create: 'missing' })
    try {
      await file.truncate(0)
    } catch (error) {
      await file.close()
      throw error
    }
    return new ListWriter(ports, number, file)
  }

  get records(): number {
    return this.#records
  }

  /** The last record that was put; undefined before the first. */
  get last(): StoredVersion | undefined {
    return this.#last
  }

  /** Adds a record, not below the last one. What it returns, if anything, has to resolve before the next call. */
  put(version: StoredVersion): Promise<void> | undefined {
    assert(this.#last === undefined || !isBelow(version, this.#last), 'records of a list ascend')
    const page = this.#pageBytes()
    if (this.#count === 0) {
      page.fill(0)
      this.#firstBlocks.push(version.block)
    }
    putRecord(page, this.#count++, version)
    this.#last = version
    this.#records++
    if (version.kind === 'data') this.#dataBlocks++
    if (version.lsn > this.#maxLsn) this.#maxLsn = version.lsn
    if (this.#count < PAGE_RECORDS) return undefined
    this.#sealRecords()
    return this.#page % GROUP_PAGES === 0 ? this.#writeGroup(GROUP_PAGES) : undefined
  }

  /** The list, durable but for its name, open to be read. `keptLsn`: nothing is void. */
  async finish(asOfLsn: number): Promise<ListFile> {
    assert(this.#records > 0, 'a list has records')
    if (this.#count > 0) {
      this.#sealRecords()
      if (this.#page % GROUP_PAGES === 0) await this.#writeGroup(GROUP_PAGES)
    }
    const firstBlocks = Float64Array.from(this.#firstBlocks)
    for (let at = 0; at < firstBlocks.length; at += PAGE_FIRSTS) {
      const page = this.#pageBytes().fill(0)
      encodeIndex(page, this.#identity(), firstBlocks.subarray(at, at + PAGE_FIRSTS))
      this.#page++
      if (this.#page % GROUP_PAGES === 0) await this.#writeGroup(GROUP_PAGES)
    }
    if (this.#page % GROUP_PAGES !== 0) await this.#writeGroup(this.#page % GROUP_PAGES)
    await this.#file.datasync()
    this.#release()
    const info: ListInfo = {
      number: this.number,
      records: this.#records,
      dataBlocks: this.#dataBlocks,
      asOfLsn,
      maxLsn: this.#maxLsn,
      keptLsn: this.#maxLsn,
    }
    return ListFile.written(this.#ports, info, this.#file, firstBlocks)
  }

  /** Ends it, with what was written where it is. Never rejects. */
  async leave(): Promise<void> {
    this.#release()
    await this.#file.close().catch(() => undefined)
  }

  /** Removes what was written. Never rejects: what stays is removed by the next opening. */
  async abandon(): Promise<void> {
    await this.leave()
    await this.#ports.disk.remove(this.#file.path).catch(() => undefined)
  }

  #pageBytes(): Uint8Array {
    assert(this.#buffer !== undefined, 'a list that is done takes no more')
    const at = (this.#page % GROUP_PAGES) * LIST_PAGE_BYTES
    return this.#buffer.subarray(at, at + LIST_PAGE_BYTES)
  }

  #identity() {
    return { volume: this.#ports.volume, list: this.number, index: this.#page }
  }

  #sealRecords(): void {
    sealRecords(this.#pageBytes(), this.#identity(), this.#count)
    this.#page++
    this.#count = 0
  }

  /** Writes the last `count` pages, which end a group, and their copies. */
  async #writeGroup(count: number): Promise<void> {
    assert(this.#buffer !== undefined, 'a list that is done takes no more')
    const group = this.#buffer.subarray(0, count * LIST_PAGE_BYTES)
    await this.#file.write([group, group], pageOffsets(this.#page - count, this.#page)[0])
  }

  #release(): void {
    if (this.#buffer !== undefined) this.#ports.pool.release(this.#buffer)
    this.#buffer = undefined
  }
}

const isBelow = (a: StoredVersion, b: StoredVersion): boolean =>
  a.block < b.block || (a.block === b.block && a.lsn < b.lsn)
