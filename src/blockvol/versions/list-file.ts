/**
 * A list of versions on the disk, which never changes. In memory is the first block of each page of records; pages come
 * through a small cache, or a group at a time for who goes over all of them. A page that is bad is read from its copy; when
 * both are, what it said is lost, and whoever needs it gets MEDIUM instead of an answer that may be wrong.
 */
import { assert } from '../../base/assert.ts'
import type { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Disk, DiskFile } from '../../base/ports/disk.ts'
import type { ListInfo } from '../format/version-manifest.ts'
import {
  decodeIndex,
  encodeIndex,
  LIST_PAGE_BYTES,
  PAGE_FIRSTS,
  pageOffsets,
  pagesOf,
  RecordPage,
} from '../format/version-pages.ts'
import type { PageCache } from './page-cache.ts'
import type { StoredVersion } from './version.ts'

interface ListFilePorts {
  readonly disk: Disk
  readonly pool: BufferPool
  readonly directory: string
  readonly volume: Uint8Array
}

export const listPath = (directory: string, number: number): string =>
  `${directory}/${String(number).padStart(12, '0')}.list`

/** The number of the list that a file of this name holds; undefined when it is none. */
export function listNumberOf(name: string): number | undefined {
  const match = /^(\d{12})\.list$/.exec(name)
  return match ? Number(match[1]) : undefined
}

export class ListFile {
  readonly #ports: ListFilePorts
  readonly #file: DiskFile
  readonly #firstBlocks: Float64Array
  readonly #pages: number
  #info: ListInfo
  /** Who reads it now; it is closed and removed when it is in force no more and nobody does. */
  #readers = 0
  #isRetired = false
  #isClosed = false
  /** A page was found lost: the list stays as it is, for what is merged has to be known whole. */
  isDamaged = false

  private constructor(ports: ListFilePorts, info: ListInfo, file: DiskFile, firstBlocks: Float64Array) {
    this.#ports = ports
    this.#info = info
    this.#file = file
    this.#firstBlocks = firstBlocks
    this.#pages = pagesOf(info.records).pages
  }

  /** One that was just written. */
  static written(ports: ListFilePorts, info: ListInfo, file: DiskFile, firstBlocks: Float64Array): ListFile {
    return new ListFile(ports, info, file, firstBlocks)
  }

  /** Opens a list that the manifest names; CORRUPT when its file is missing. A damaged index is made anew from the pages. */
  static async open(ports: ListFilePorts, info: ListInfo): Promise<ListFile> {
    const path = listPath(ports.directory, info.number)
    const file = await ports.disk.open(path, { create: 'never' }).catch((error: unknown) => {
      if (!isBlockError(error, 'NOT_FOUND')) throw error
      throw new BlockError('CORRUPT', `${path} is missing`, { facts: { path }, cause: error })
    })
    try {
      const { recordPages } = pagesOf(info.records)
      const list = new ListFile(ports, info, file, new Float64Array(recordPages))
      await list.#loadIndex()
      return list
    } catch (error) {
      await file.close()
      throw error
    }
  }

  get info(): ListInfo {
    return this.#info
  }

  get firstBlocks(): Float64Array {
    return this.#firstBlocks
  }

  get recordPages(): number {
    return this.#firstBlocks.length
  }

  /** Pages of records and of index, without their copies. */
  get pages(): number {
    return this.#pages
  }

  /** Records above `lsn` are void from here on, as the manifest says. */
  keepUpTo(lsn: number): void {
    this.#info = { ...this.#info, keptLsn: Math.min(this.#info.keptLsn, lsn) }
  }

  /** The page from which on records of `block` may stand. */
  pageOf(block: number): number {
    let low = 0
    let high = this.#firstBlocks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#firstBlocks[middle]! < block) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }

  /** Adds the records of `block` that are not void to `found`. MEDIUM. */
  async find(block: number, cache: PageCache, found: StoredVersion[]): Promise<void> {
    for (let index = this.pageOf(block); index < this.recordPages; index++) {
      if (this.#firstBlocks[index]! > block) return
      const page = cache.get(this.#info.number, index) ?? (await this.page(index, cache))
      for (let i = page.find(block); i < page.count && page.block(i) === block; i++) {
        if (page.lsn(i) <= this.#info.keptLsn) found.push(page.version(i))
      }
    }
  }

  /** A page of records, through `cache`. MEDIUM. */
  async page(index: number, cache: PageCache): Promise<RecordPage> {
    const cached = cache.get(this.#info.number, index)
    if (cached !== undefined) return cached
    const page = await this.readPage(index)
    cache.put(this.#info.number, index, page)
    return page
  }

  /** A page of records, from the disk. MEDIUM. */
  async readPage(index: number): Promise<RecordPage> {
    const bytes = new Uint8Array(LIST_PAGE_BYTES)
    const isRead = this.#file.readNow(bytes, pageOffsets(index, this.#pages)[0])
    const cached = isRead ? RecordPage.parse(bytes, this.#identity(index)) : undefined
    if (cached !== undefined) return cached
    const page = await this.#readEither(index, (bytes) => RecordPage.parse(bytes, this.#identity(index)))
    if (page !== undefined) return page
    this.isDamaged = true
    throw new BlockError('MEDIUM', `${this.#file.path}: page ${index} and its copy are damaged`, {
      facts: { path: this.#file.path, page: index },
    })
  }

  /** Fills `target` with `count` pages that stand together, as they are on the disk, unverified; false when it cannot. */
  async readGroup(index: number, count: number, target: Uint8Array): Promise<boolean> {
    const [at] = pageOffsets(index, this.#pages)
    const bytes = target.subarray(0, count * LIST_PAGE_BYTES)
    try {
      return (await this.#file.read(bytes, at)) === bytes.byteLength
    } catch (error) {
      if (isBlockError(error, 'DISK')) return false
      throw error
    }
  }

  /** The page of records in `bytes`; undefined when it is not the one that it should be. */
  parse(index: number, bytes: Uint8Array): RecordPage | undefined {
    return RecordPage.parse(bytes, this.#identity(index))
  }

  /**
   * Verifies both copies of a page as the medium has them and writes a bad one anew from the good one, durably. A page of the
   * index whose copies are both bad is made anew too.
   */
  async scrubPage(index: number): Promise<'good' | 'repaired' | 'lost'> {
    const isGood = (bytes: Uint8Array): boolean =>
      (index < this.recordPages
        ? RecordPage.parse(bytes, this.#identity(index))
        : decodeIndex(bytes, this.#identity(index))) !== undefined
    const offsets = pageOffsets(index, this.#pages)
    const copies: (Uint8Array | undefined)[] = []
    for (const offset of offsets) {
      const bytes = await this.#readAt(offset, true)
      copies.push(bytes !== undefined && isGood(bytes) ? bytes : undefined)
    }
    const good = copies[0] ?? copies[1] ?? this.#indexPage(index)
    for (const [i, offset] of offsets.entries()) {
      if (good === undefined || copies[i] !== undefined) continue
      await this.#file.write([good], offset)
      await this.#file.datasync()
    }
    if (good === undefined) {
      if (index < this.recordPages) this.isDamaged = true
      return 'lost'
    }
    return copies.includes(undefined) ? 'repaired' : 'good'
  }

  /** The file stays until as many `release` as `hold`. */
  hold(): void {
    assert(!this.#isClosed, 'a list that is read is open')
    this.#readers++
  }

  release(): Promise<void> | undefined {
    this.#readers--
    return this.#isRetired && this.#readers === 0 ? this.#remove() : undefined
  }

  /** The manifest names it no more: removed when nobody reads it. What cannot be removed is left to the next opening. */
  async retire(): Promise<void> {
    this.#isRetired = true
    if (this.#readers === 0) await this.#remove()
  }

  allocatedBytes(): Promise<number> {
    return this.#file.allocatedBytes()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#file.close()
  }

  async #remove(): Promise<void> {
    if (this.#isClosed) return
    await this.close().catch(() => undefined)
    await this.#ports.disk.remove(this.#file.path).catch(() => undefined)
  }

  /** A page of the index, made anew; undefined for a page of records, or when it could not be had right. */
  #indexPage(index: number): Uint8Array | undefined {
    if (index < this.recordPages || this.isDamaged) return undefined
    const at = (index - this.recordPages) * PAGE_FIRSTS
    const page = new Uint8Array(LIST_PAGE_BYTES)
    encodeIndex(page, this.#identity(index), this.#firstBlocks.subarray(at, at + PAGE_FIRSTS))
    return page
  }

  #identity(index: number) {
    return { volume: this.#ports.volume, list: this.#info.number, index }
  }

  async #loadIndex(): Promise<void> {
    let at = 0
    for (let index = this.recordPages; index < this.#pages; index++) {
      const firsts = await this.#readEither(index, (bytes) => decodeIndex(bytes, this.#identity(index)))
      if (firsts === undefined || at + firsts.length > this.recordPages) return this.#rebuildIndex()
      this.#firstBlocks.set(firsts, at)
      at += firsts.length
    }
    if (at !== this.recordPages) await this.#rebuildIndex()
  }

  /** A page that is lost takes the first block of the one before it: then look-ups meet it, and are MEDIUM. */
  async #rebuildIndex(): Promise<void> {
    for (let index = 0; index < this.recordPages; index++) {
      const page = await this.#readEither(index, (bytes) => RecordPage.parse(bytes, this.#identity(index)))
      if (page === undefined) this.isDamaged = true
      this.#firstBlocks[index] = page?.block(0) ?? (index === 0 ? 0 : this.#firstBlocks[index - 1]!)
    }
  }

  /** What `parse` makes of the page, of its copy, or of either as the medium has it; undefined when it is lost. */
  async #readEither<T>(index: number, parse: (bytes: Uint8Array) => T | undefined): Promise<T | undefined> {
    for (const isUncached of [false, true]) {
      for (const offset of pageOffsets(index, this.#pages)) {
        const bytes = await this.#readAt(offset, isUncached)
        const parsed = bytes && parse(bytes)
        if (parsed !== undefined) return parsed
      }
    }
    return undefined
  }

  async #readAt(offsetBytes: number, isUncached: boolean): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(LIST_PAGE_BYTES)
    try {
      const read = isUncached
        ? this.#file.readUncached(bytes, offsetBytes)
        : this.#file.read(bytes, offsetBytes)
      return (await read) === LIST_PAGE_BYTES ? bytes : undefined
    } catch (error) {
      if (isBlockError(error, 'DISK')) return undefined
      throw error
    }
  }
}
