/**
 * Giving up a history of which something is in the map: what was written there beyond the last common LSN, or where the log
 * is to begin again, is not known any more, until a resync brings it. What snapshots keep of it is dropped. Durable when it is done, and idempotent: a crash repeats it.
 *
 * It also finds what earlier sessions left: pages of which a crash wrote half, which are written whole again, and blocks
 * that nobody knows yet. Maxima are not lowered: they are how both are found.
 */
import type { DirtyMap } from '../dirty/dirty-map.ts'
import { ENTRY_FLAG_UNKNOWN, type MapPage } from '../format/map-page.ts'
import { PAGE_BLOCKS } from '../geometry.ts'
import type { BlockMap } from '../map/block-map.ts'
import { type GrainMaxima, UNKNOWN_MAXIMUM } from '../map/maxima.ts'
import type { VersionStore } from '../versions/version.ts'
import { type PageRange, PageSet } from './page-set.ts'

const BATCH_PAGES = 64
const SLOTS = Array.from({ length: PAGE_BLOCKS }, (_, slot) => slot)

export interface ForgetParts {
  readonly map: BlockMap
  readonly maxima: GrainMaxima
  /** Runs one at a time with flushes: `Checkpointer.alone`. */
  readonly alone: <T>(run: () => Promise<T>) => Promise<T>
  readonly versions: Pick<VersionStore, 'dropAbove'>
  readonly sizeBlocks: () => number
  readonly onUnknown: (block: number) => void
}

/**
 * Makes every map entry above `above` unknown, and drops versions that were born above it. Returns the pages that have unknown blocks, of all whose grain has a
 * maximum above `base`, which is not above `above`. MEDIUM while a page of the map cannot be read; NO_SPACE, DISK.
 */
export async function forget(parts: ForgetParts, above: number, base: number): Promise<PageSet> {
  const unknown: PageRange[] = []
  const { maxima, sizeBlocks } = parts
  // base blocks may have come for a part of the volume that the state here does not have yet
  const endBlock = Math.max(sizeBlocks(), maxima.endGrain * maxima.grainBlocks)
  const endPage = Math.ceil(endBlock / PAGE_BLOCKS)
  for (let page = 0; page < endPage; ) {
    page = await parts.alone(() => forgetBatch(parts, { above, base, page, endPage, unknown }))
  }
  await parts.alone(async () => {
    await parts.map.sync()
    await parts.versions.dropAbove(above)
  })
  return PageSet.of(unknown)
}

/**
 * Makes unknown what a flush that did not end may have overwritten: blocks with a version above `above` in the log, which
 * is about to be cut there and could have made them good, and what a restore above it changes: blocks that are newer than its
 * snapshot. Their entries still speak of the content before. To be called when nothing is flushed any more; `forget` finds
 * them too. Errors as of `forget`.
 */
export async function forgetOverwritten(
  parts: Omit<ForgetParts, 'versions'> & {
    readonly dirty: DirtyMap
    readonly checkpointLsn: () => number
  },
  above: number,
): Promise<void> {
  const { dirty, map, maxima, checkpointLsn, onUnknown } = parts
  const asOfLsn = Math.max(checkpointLsn(), above) + 1
  const restoredSince = restoredSinceBy(dirty, above)
  const pages = PageSet.of([...pagesAbove(dirty, above), ...(await pagesSince(maxima, restoredSince))])
  const isOverwritten = (page: MapPage, slot: number): boolean =>
    page.hasContent(slot) &&
    (page.lsn(slot) > restoredSince || hasAbove(dirty, page.index * PAGE_BLOCKS + slot, above))
  const forgetPage = async (index: number): Promise<void> => {
    const page = await map.get(index)
    const slots = SLOTS.filter((slot) => isOverwritten(page, slot))
    if (slots.length === 0) return
    await maxima.raise(maxima.grainOf(index * PAGE_BLOCKS), asOfLsn)
    await maxima.sync()
    const edited = await map.edit(index)
    for (const slot of slots) {
      edited.set(slot, 0, ENTRY_FLAG_UNKNOWN, 0)
      onUnknown(index * PAGE_BLOCKS + slot)
    }
    await map.write([edited], asOfLsn)
  }
  const endPage = Math.ceil(parts.sizeBlocks() / PAGE_BLOCKS)
  for (let index = pages.next(0); index < endPage; index = pages.next(index + 1)) {
    // space that nobody ever wrote has no entries
    const isTouched = (await maxima.get(maxima.grainOf(index * PAGE_BLOCKS))) > 0
    if (isTouched) await parts.alone(() => forgetPage(index))
  }
  await parts.alone(() => map.sync())
}

/** Since when the first restore above `above` changes blocks; Infinity without one. No flush began with those behind it. */
function restoredSinceBy(dirty: DirtyMap, above: number): number {
  const first = dirty.generations.find(({ restore }) => restore !== undefined && restore.lsn > above)
  return first?.restore?.snapshotLsn ?? Number.POSITIVE_INFINITY
}

/** Pages of grains with anything above `since`. */
async function pagesSince(maxima: GrainMaxima, since: number): Promise<PageRange[]> {
  const pages: PageRange[] = []
  if (since === Number.POSITIVE_INFINITY) return pages
  const pagesPerGrain = maxima.grainBlocks / PAGE_BLOCKS
  const { endGrain } = maxima
  for (let grain = await maxima.nextTouched(0, endGrain); grain < endGrain; ) {
    if ((await maxima.get(grain)) > since)
      pages.push({ start: grain * pagesPerGrain, end: (grain + 1) * pagesPerGrain })
    grain = await maxima.nextTouched(grain + 1, endGrain)
  }
  return pages
}

/** Whether the log has a version of the block's own above `above`. */
const hasAbove = (dirty: DirtyMap, block: number, above: number): boolean =>
  dirty.generations.some((generation) => (generation.lsnOf(block) ?? 0) > above)

function* pagesAbove(dirty: DirtyMap, above: number): Generator<PageRange> {
  for (const { blocks, ranges } of dirty.generations) {
    for (const block of blocks.sortedBlocks()) {
      const page = Math.floor(block / PAGE_BLOCKS)
      if (blocks.lsn(blocks.find(block)) > above) yield { start: page, end: page + 1 }
    }
    for (const { start, end, lsn } of ranges.ranges) {
      if (lsn > above) yield { start: Math.floor(start / PAGE_BLOCKS), end: Math.ceil(end / PAGE_BLOCKS) }
    }
  }
}

/** Looks at some pages from `page` on; returns where to go on. */
async function forgetBatch(
  parts: ForgetParts,
  at: {
    readonly above: number
    readonly base: number
    readonly page: number
    readonly endPage: number
    readonly unknown: PageRange[]
  },
): Promise<number> {
  const { map, maxima, onUnknown } = parts
  const pagesPerGrain = maxima.grainBlocks / PAGE_BLOCKS
  const endGrain = Math.ceil(at.endPage / pagesPerGrain)
  const edited: MapPage[] = []
  let { page: index } = at
  for (let looked = 0; looked < BATCH_PAGES && index < at.endPage; looked++) {
    const grain = Math.floor(index / pagesPerGrain)
    const maximum = await maxima.get(grain)
    if (maximum <= at.base) {
      index = (maximum > 0 ? grain + 1 : await maxima.nextTouched(grain + 1, endGrain)) * pagesPerGrain
      continue
    }
    const page = await map.edit(index)
    edited.push(page)
    for (let slot = 0; slot < PAGE_BLOCKS; slot++) {
      // up to where an earlier session did not know it says nothing now: this log has what is newer than the target, which may
      // be older than that
      const isUnknownSince = page.isUnknown(slot) && page.lsn(slot) > at.base
      if (page.lsn(slot) <= at.above && !isUnknownSince) continue
      page.set(slot, 0, ENTRY_FLAG_UNKNOWN, 0)
      onUnknown(index * PAGE_BLOCKS + slot)
    }
    if (hasUnknown(page)) at.unknown.push({ start: index, end: index + 1 })
    index++
  }
  for (const page of edited) {
    const maximum = maxima.grainBlocks === PAGE_BLOCKS ? await maxima.get(page.index) : 0
    const isBehind = maximum > page.asOfLsn && maximum < UNKNOWN_MAXIMUM
    if (isBehind || page.oldestAsOfLsn < page.asOfLsn) page.touch()
    // as of what it was, else of more than the checkpoint: a crash here leaves no half that looks like a loss
    await map.write([page], isBehind ? maximum : 0)
  }
  return Math.min(index, at.endPage)
}

function hasUnknown(page: MapPage): boolean {
  for (let slot = 0; slot < PAGE_BLOCKS; slot++) if (page.isUnknown(slot)) return true
  return false
}
