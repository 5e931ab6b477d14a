/**
 * Goes over several lists at once, ascending by block: all versions of one block at a time. Records that are void, and of two
 * of one version the one that does not count, come apart.
 */
import type { BufferPool } from '../../base/buffer-pool.ts'
import { GROUP_PAGES, LIST_PAGE_BYTES, type RecordPage } from '../format/version-pages.ts'
import type { ListFile } from './list-file.ts'
import type { PageCache } from './page-cache.ts'
import type { StoredVersion } from './version.ts'

export interface BlockVersions {
  readonly block: number
  /** Ascending by LSN, each LSN once. */
  readonly versions: readonly StoredVersion[]
  /** Records that name no version of the block: void, or another record stands for it. */
  readonly spare: readonly StoredVersion[]
}

/** The records of one list in their order. */
class Cursor {
  readonly list: ListFile
  readonly #cache: PageCache | undefined
  readonly #pool: BufferPool
  #group: Uint8Array | undefined
  #groupStart = -1
  #isGroupGood = false
  #index: number
  #at = 0
  #from: number | undefined
  page: RecordPage | undefined

  constructor(list: ListFile, fromBlock: number, cache: PageCache | undefined, pool: BufferPool) {
    this.list = list
    this.#cache = cache
    this.#pool = pool
    this.#index = list.pageOf(fromBlock)
    this.#from = fromBlock
  }

  get isAtEnd(): boolean {
    return this.#index >= this.list.recordPages
  }

  get block(): number {
    return this.page!.block(this.#at)
  }

  take(): StoredVersion {
    const version = this.page!.version(this.#at)
    if (++this.#at < this.page!.count) return version
    this.page = undefined
    this.#at = 0
    this.#index++
    return version
  }

  /** Loads the page where the next record stands, if there is one. MEDIUM. */
  async load(): Promise<void> {
    while (this.page === undefined && !this.isAtEnd) {
      const page = await this.#read()
      this.#at = this.#from === undefined ? 0 : page.find(this.#from)
      if (this.#at === page.count) {
        this.#at = 0
        this.#index++
        continue
      }
      this.#from = undefined
      this.page = page
    }
  }

  async #read(): Promise<RecordPage> {
    const { list } = this
    if (this.#cache !== undefined) return list.page(this.#index, this.#cache)
    const start = this.#index - (this.#index % GROUP_PAGES)
    this.#group ??= this.#pool.acquire(GROUP_PAGES * LIST_PAGE_BYTES)
    if (this.#groupStart !== start) {
      const count = Math.min(GROUP_PAGES, list.pages - start)
      this.#isGroupGood = await list.readGroup(start, count, this.#group)
      this.#groupStart = start
    }
    const at = (this.#index - start) * LIST_PAGE_BYTES
    // a copy: the page outlives the group that the buffer holds
    const bytes = this.#isGroupGood
      ? Uint8Array.from(this.#group.subarray(at, at + LIST_PAGE_BYTES))
      : undefined
    return (bytes && list.parse(this.#index, bytes)) ?? (await list.readPage(this.#index))
  }

  release(): void {
    if (this.#group !== undefined) this.#pool.release(this.#group)
    this.#group = undefined
  }
}

export class Merged {
  readonly #cursors: Cursor[]

  /** With a `cache` pages go through it; without, whole groups are read past it. `lists`: older ones first. */
  constructor(
    lists: readonly ListFile[],
    options: { readonly fromBlock: number; readonly cache: PageCache | undefined; readonly pool: BufferPool },
  ) {
    this.#cursors = lists.map((list) => new Cursor(list, options.fromBlock, options.cache, options.pool))
  }

  /** The next block that has records, below `endBlock`; undefined when there is none. MEDIUM. */
  async next(endBlock = Number.POSITIVE_INFINITY): Promise<BlockVersions | undefined> {
    let block = Number.POSITIVE_INFINITY
    for (const cursor of this.#cursors) {
      if (cursor.page === undefined) {
        if (cursor.isAtEnd) continue
        await cursor.load()
        if (cursor.page === undefined) continue
      }
      if (cursor.block < block) block = cursor.block
    }
    if (block >= endBlock) return undefined
    const records: StoredVersion[] = []
    const spare: StoredVersion[] = []
    for (const cursor of this.#cursors) {
      while (cursor.page !== undefined && cursor.block === block) {
        const version = cursor.take()
        if (version.lsn > cursor.list.info.keptLsn) spare.push(version)
        else records.push(version)
        if (cursor.page === undefined && !cursor.isAtEnd) await cursor.load()
      }
    }
    return { block, versions: distinct(records, spare), spare }
  }

  /** Gives its memory back. */
  release(): void {
    for (const cursor of this.#cursors) cursor.release()
  }
}

/**
 * The versions that `records` name, older lists first, ascending by LSN. Of several records of one version the first counts, but
 * one of kind bad less than any other: it was repaired. The others go to `spare`.
 */
export function distinct(records: StoredVersion[], spare: StoredVersion[]): readonly StoredVersion[] {
  if (records.length < 2) return records
  records.sort((a, b) => a.lsn - b.lsn)
  const versions: StoredVersion[] = []
  for (const record of records) {
    const last = versions.at(-1)
    if (last === undefined || last.lsn !== record.lsn) versions.push(record)
    else if (last.kind === 'bad' && record.kind !== 'bad') {
      spare.push(last)
      versions[versions.length - 1] = record
    } else spare.push(record)
  }
  return versions
}
