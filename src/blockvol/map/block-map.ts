/**
 * The block map as a cache of pages over its files. Pages are verified when they are loaded; the cache is bounded
 * and drops what was not used for longest. The flusher changes pages in place and writes them; a reader that looks
 * at a page meanwhile asked the dirty map first, which still covers every block that changes.
 */
import { assert } from '../../base/assert.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Extent } from '../../base/ports/disk.ts'
import { MapPage, PAGE_BYTES } from '../format/map-page.ts'
import { PAGE_BLOCKS, SEGMENT_BLOCKS } from '../geometry.ts'
import type { SegmentFiles } from '../segments.ts'
import type { GrainMaxima } from './maxima.ts'
import { PatientReads } from './patient-reads.ts'

const SEGMENT_PAGES = SEGMENT_BLOCKS / PAGE_BLOCKS
/** A page in memory costs its bytes, two views and an object. */
const PAGE_COST_BYTES = PAGE_BYTES + 400

export interface BlockMapOptions {
  readonly files: SegmentFiles
  readonly clock: Clock
  readonly cacheBytes: number
  readonly maxima: GrainMaxima
  readonly checkpointLsn: () => number
  /** Blocks that the volume has now. */
  readonly sizeBlocks: () => number
  /** Told of each sector (32 blocks from `sector * 32`) that is damaged or misses a write, when its page is loaded. */
  readonly onDamage: (sector: number) => void
  /** Told of each block whose content is not known, when its page is loaded. */
  readonly onUnknown: (block: number) => void
}

export class BlockMap {
  readonly #files: SegmentFiles
  readonly #pagesMax: number
  /** Insertion order is the order of last use. */
  readonly #pages = new Map<number, MapPage>()
  readonly #loading = new Map<number, Promise<MapPage>>()
  #last: MapPage | undefined
  /** Pages that change or are on their way to the disk. */
  readonly #edited = new Set<MapPage>()
  readonly #touched = new Set<number>()
  readonly #reads: PatientReads

  readonly #o: BlockMapOptions

  constructor(options: BlockMapOptions) {
    this.#o = options
    this.#files = options.files
    this.#reads = new PatientReads(options.clock, { isCached: true })
    this.#pagesMax = Math.max(16, Math.floor(options.cacheBytes / PAGE_COST_BYTES))
  }

  /** The page, if it can be had without waiting for the disk. */
  getNow(index: number): MapPage | undefined {
    if (this.#last?.index === index) return this.#last
    const cached = this.#pages.get(index)
    if (cached !== undefined) {
      this.#pages.delete(index)
      this.#pages.set(index, cached)
      this.#last = cached
      return cached
    }
    if (this.#loading.has(index)) return undefined
    const floorLsn = this.#floorNow(index)
    if (floorLsn === undefined) return undefined
    const segment = Math.floor(index / SEGMENT_PAGES)
    const bytes = new Uint8Array(PAGE_BYTES)
    if (this.#files.has(segment)) {
      const file = this.#files.opened(segment)
      if (file === undefined || !file.readNow(bytes, (index % SEGMENT_PAGES) * PAGE_BYTES)) return undefined
    }
    return this.#parse(index, bytes, floorLsn)
  }

  /** The page. MEDIUM while the disk gives errors for it. */
  async get(index: number): Promise<MapPage> {
    const cached = this.#pages.get(index)
    if (cached !== undefined) return cached
    let loading = this.#loading.get(index)
    if (loading === undefined) {
      loading = this.#load(index).finally(() => this.#loading.delete(index))
      this.#loading.set(index, loading)
    }
    return loading
  }

  /**
   * The LSN that a confirmed flush of this page covered; 0 when grains are larger than a page, or while the flush
   * that raised the maximum has no checkpoint yet. Undefined when the maximum is not in memory.
   */
  #floorNow(index: number): number | undefined {
    const { maxima, checkpointLsn } = this.#o
    if (maxima.grainBlocks > PAGE_BLOCKS) return 0
    const floorLsn = maxima.getNow(index)
    return floorLsn !== undefined && floorLsn > checkpointLsn() ? 0 : floorLsn
  }

  #parse(index: number, bytes: Uint8Array, floorLsn: number): MapPage {
    const known = { floorLsn, checkpointLsn: this.#o.checkpointLsn() }
    const page = MapPage.parse(index, bytes, known, this.#o.onDamage)
    const end = this.#o.sizeBlocks()
    for (let slot = 0; slot < PAGE_BLOCKS; slot++) {
      if (!page.isUnknown(slot)) continue
      const block = index * PAGE_BLOCKS + slot
      if (block < end) this.#o.onUnknown(block)
      else page.set(slot, 0, 0, 0) // a volume never shrinks: nobody has written past its end
    }
    return this.#keep(page)
  }

  async #load(index: number): Promise<MapPage> {
    if (this.#floorNow(index) === undefined) await this.#o.maxima.get(index)
    const segment = Math.floor(index / SEGMENT_PAGES)
    const file = await this.#files.get(segment, false)
    const bytes = new Uint8Array(PAGE_BYTES)
    // what lies past the end of the file is not there: zeros
    if (file !== undefined) {
      const isRead = await this.#reads.read(index, file, bytes, (index % SEGMENT_PAGES) * PAGE_BYTES)
      // a page that stays unreadable is a damaged one, and concerns its own blocks only
      if (!isRead) bytes.fill(0xff)
    }
    return this.#parse(index, bytes, this.#floorNow(index) ?? 0)
  }

  #keep(page: MapPage): MapPage {
    this.#pages.set(page.index, page)
    this.#last = page
    if (this.#pages.size > this.#pagesMax) this.#evict(page)
    return page
  }

  /** Drops what was not used for longest; never `kept`, which somebody is about to use. */
  #evict(kept: MapPage): void {
    for (const [index, page] of this.#pages) {
      if (this.#pages.size <= this.#pagesMax) return
      // a page with changes that are not on the disk yet is the only place that has them
      if (page === kept || this.#edited.has(page)) continue
      this.#pages.delete(index)
      if (this.#last === page) this.#last = undefined
    }
  }

  /** The page, to be changed and then given to `write`; it stays in the cache until that is done. */
  async edit(index: number): Promise<MapPage> {
    for (;;) {
      const page = await this.get(index)
      // another turn may have dropped it meanwhile: a change must go to the copy that readers see
      if (this.#pages.get(index) !== page) continue
      this.#edited.add(page)
      return page
    }
  }

  /**
   * Writes pages that `edit` gave to their files, ascending by index, as of `asOfLsn`, or of what they were if that is
   * more: a replica that gave up a longer history has maxima of it, and its pages must keep up with them. Durable after
   * `sync`.
   */
  async write(pages: readonly MapPage[], asOfLsn: number): Promise<void> {
    let at = 0
    while (at < pages.length) {
      const segment = Math.floor(pages[at]!.index / SEGMENT_PAGES)
      const extents: Extent[] = []
      const written: MapPage[] = []
      for (; at < pages.length && Math.floor(pages[at]!.index / SEGMENT_PAGES) === segment; at++) {
        const page = pages[at]!
        if (!page.isChanged) {
          this.#edited.delete(page)
          continue
        }
        page.seal(Math.max(asOfLsn, page.asOfLsn))
        written.push(page)
        extents.push({ offsetBytes: (page.index % SEGMENT_PAGES) * PAGE_BYTES, data: page.bytes })
      }
      if (written.length === 0) continue
      const file = await this.#files.get(segment, true)
      assert(file !== undefined, 'a file that is made when missing is there')
      this.#touched.add(segment)
      try {
        await file.writeMany(extents)
      } finally {
        for (const page of written) this.#edited.delete(page)
      }
    }
  }

  /** Makes written pages durable. */
  async sync(): Promise<void> {
    const touched = [...this.#touched]
    await this.#files.datasync(touched)
    for (const segment of touched) this.#touched.delete(segment)
  }
}
