/**
 * A snapshot as an image that is read. It holds nobody up: that the snapshot is not deleted while the image is open is seen to
 * where deletions are decided, and when it is deleted all the same (by a primary after this one), reading ends with NOT_FOUND.
 */
import { BlockError } from '../../base/errors.ts'
import type { ChangedBlocks, ImageBlock, ImageIdentity, VolumeImage } from '../../base/ports/image.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import type { DirtyMap, Generation } from '../dirty/dirty-map.ts'
import type { SnapshotRecord, VolumeState } from '../format/state.ts'
import { PAGE_BLOCKS } from '../geometry.ts'
import type { GrainMaxima } from '../map/maxima.ts'
import { type PageRange, PageSet } from '../resync/page-set.ts'
import type { VersionLocator } from './located.ts'

/** Pages and grains that one call looks at, so that a search that finds nothing comes back too. */
const PAGES_PER_CALL = 64
const GRAINS_PER_CALL = 4096

export interface SnapshotImageOptions {
  readonly volume: { readonly uuid: string; readonly logicalBlockBytes: 512 | 4096 }
  readonly snapshot: SnapshotRecord
  readonly state: () => VolumeState
  readonly dirty: DirtyMap
  readonly maxima: GrainMaxima
  readonly views: VersionLocator
  readonly ensureServing: () => void
  readonly onClosed: () => void
}

export class SnapshotImage implements VolumeImage {
  readonly identity: ImageIdentity
  readonly name: string
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
  readonly history: readonly { readonly epochId: string; readonly firstLsn: number }[]
  readonly #o: SnapshotImageOptions
  /** Pages that the dirty map had something of when the image was opened: looked at whatever the maxima say. */
  readonly #listed: PageSet
  /** Pages that a trim there covers: looked at when their grain was ever written. */
  readonly #zeroed: PageSet
  #isOpen = true

  constructor(options: SnapshotImageOptions) {
    const { volume, snapshot, state, dirty } = options
    this.#o = options
    this.name = snapshot.name
    this.sizeBytes = snapshot.sizeBytes
    this.logicalBlockBytes = volume.logicalBlockBytes
    this.history = state()
      .epochs.filter(({ firstLsn }) => firstLsn <= snapshot.lsn)
      .map(({ id, firstLsn }) => ({ epochId: id.toString(16).padStart(16, '0'), firstLsn }))
    const epochId = this.history.at(-1)?.epochId ?? '0'.repeat(16)
    const seen = dirty.generations.filter(({ newestLsn }) => newestLsn <= snapshot.lsn)
    this.#listed = PageSet.of(pagesOfAll(seen, true))
    this.#zeroed = PageSet.of(pagesOfAll(seen, false))
    this.identity = { volume: volume.uuid, epochId, lsn: snapshot.lsn }
  }

  async changed(request: {
    readonly sinceLsn: number
    readonly fromBlock: number
    readonly limit: number
  }): Promise<ChangedBlocks> {
    this.#ensureReadable()
    const { sinceLsn, fromBlock, limit } = request
    const endBlock = this.sizeBytes / BLOCK_BYTES
    const blocks: ImageBlock[] = []
    let nextBlock = fromBlock
    for (let pages = 0; pages < PAGES_PER_CALL && nextBlock < endBlock && blocks.length < limit; pages++) {
      const { page, isFound } = await this.#seek(Math.floor(nextBlock / PAGE_BLOCKS), sinceLsn)
      nextBlock = Math.max(nextBlock, page * PAGE_BLOCKS)
      if (!isFound || nextBlock >= endBlock) break
      const located = await this.#o.views.locatePage(page, this.#o.snapshot.lsn)
      const endOfPage = Math.min(endBlock, (page + 1) * PAGE_BLOCKS)
      for (; nextBlock < endOfPage && blocks.length < limit; nextBlock++) {
        const { lsn, source } = located[nextBlock % PAGE_BLOCKS]!
        const kind = source.kind === 'zeros' ? 'hole' : 'data'
        // what is not known may have changed until the end, whatever LSN it is kept with: it is asked for, and then is MEDIUM
        const changedLsn = source.kind === 'unknown' ? this.#o.snapshot.lsn : lsn
        if (changedLsn > sinceLsn) blocks.push({ block: nextBlock, lsn: changedLsn, kind })
      }
    }
    this.#ensureReadable()
    return { blocks, nextBlock: nextBlock < endBlock ? nextBlock : null }
  }

  /** The first page from `page` on that may have such blocks; `isFound` is false when the search has not come to one yet. */
  async #seek(page: number, sinceLsn: number): Promise<{ page: number; isFound: boolean }> {
    const { dirty, maxima, snapshot } = this.#o
    const generations = dirty.generations.filter(({ newestLsn }) => newestLsn <= snapshot.lsn)
    // A restore that is not flushed yet changes what was changed since its snapshot: by entries, of which the maxima or the lists
    // of pages tell, or by restores before it that are not flushed either, however long before `sinceLsn` these were.
    const restores = generations.flatMap(({ restore }) => restore ?? [])
    const isRestored = restores.some(({ lsn }) => lsn > sinceLsn)
    const floorLsn = (isRestored ? restores : []).reduce(
      (least, { snapshotLsn }) => Math.min(least, snapshotLsn),
      sinceLsn,
    )
    const pagesPerGrain = maxima.grainBlocks / PAGE_BLOCKS
    const endGrain = Math.ceil(this.sizeBytes / BLOCK_BYTES / maxima.grainBlocks)
    let at = page
    for (let looked = 0; looked < GRAINS_PER_CALL; looked++) {
      const grain = Math.floor(at / pagesPerGrain)
      if (grain >= endGrain) return { page: endGrain * pagesPerGrain, isFound: false }
      const maximum = maxima.getNow(grain) ?? (await maxima.get(grain))
      if (maximum > floorLsn) return { page: at, isFound: true }
      const endOfGrain = (grain + 1) * pagesPerGrain
      const zeroed = maximum > 0 ? this.#zeroed.next(at) : Number.POSITIVE_INFINITY
      const listed = Math.min(this.#listed.next(at), zeroed)
      if (listed < endOfGrain) return { page: listed, isFound: true }
      const farthest = Math.min(endGrain, Math.floor(listed / pagesPerGrain))
      const touched = maximum > 0 ? grain + 1 : await maxima.nextTouched(grain + 1, farthest)
      at = Math.max(endOfGrain, touched * pagesPerGrain)
    }
    return { page: at, isFound: false }
  }

  async read(block: number, target: Uint8Array): Promise<void> {
    this.#ensureReadable()
    const blocks = target.byteLength / BLOCK_BYTES
    const isInside = block >= 0 && block + blocks <= this.sizeBytes / BLOCK_BYTES
    if (!isInside || !Number.isInteger(blocks) || !Number.isInteger(block)) {
      throw new BlockError('OUT_OF_RANGE', `${blocks} blocks at ${block} are not in the snapshot`)
    }
    if (blocks > 0) await this.#o.views.readAt(block, this.#o.snapshot.lsn, target)
    // what it sees is kept as long as it is there, and what was read before that ended is right
    this.#ensureReadable()
  }

  #ensureReadable(): void {
    const { snapshot, state, ensureServing } = this.#o
    ensureServing()
    if (!this.#isOpen) throw new BlockError('CLOSED', `the image of snapshot ${snapshot.name} is closed`)
    // one that was made again by the same id is another one, at another LSN
    if (state().snapshots.some(({ id, lsn }) => id === snapshot.id && lsn === snapshot.lsn)) return
    throw new BlockError('NOT_FOUND', `snapshot ${snapshot.name} was deleted`)
  }

  close(): Promise<void> {
    if (this.#isOpen) this.#o.onClosed()
    this.#isOpen = false
    return Promise.resolve()
  }
}

/** Pages of a generation: those of blocks and filled ranges, or those of trims alone. */
function* pagesOf({ blocks, ranges }: Generation, isContent: boolean): Generator<PageRange> {
  for (const block of isContent ? blocks.sortedBlocks() : []) {
    const page = Math.floor(block / PAGE_BLOCKS)
    yield { start: page, end: page + 1 }
  }
  for (const { start, end, patternPosition, isTouched } of ranges.ranges) {
    if ((patternPosition >= 0 || isTouched) !== isContent) continue
    yield { start: Math.floor(start / PAGE_BLOCKS), end: Math.ceil(end / PAGE_BLOCKS) }
  }
}

function* pagesOfAll(generations: readonly Generation[], isContent: boolean): Generator<PageRange> {
  for (const generation of generations) yield* pagesOf(generation, isContent)
}
