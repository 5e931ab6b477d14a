/**
 * Before a flush changes extents: what snapshots see of the blocks that it is about to change is preserved, durably. All
 * entries of a generation lie between the same two snapshots, so there is one question a block: is what the map has of it
 * older than the newest snapshot before the generation? Where it is not, which is the steady state, nothing more is done.
 */
import { BLOCK_BYTES } from '../../base/units.ts'
import { blockChecksum } from '../checksum.ts'
import type { DirtyRange } from '../dirty/range-table.ts'
import { patternOf } from '../flush/content-pass.ts'
import type { FlushPlan } from '../flush/flush-plan.ts'
import type { LogContent } from '../flush/log-content.ts'
import type { MapPage } from '../format/map-page.ts'
import { PAGE_BLOCKS } from '../geometry.ts'
import type { BlockMap } from '../map/block-map.ts'
import type { GrainMaxima } from '../map/maxima.ts'
import { isSeen, type Preservation } from './preserver.ts'

export interface PreservePassOptions {
  readonly plan: FlushPlan
  readonly preservation: Preservation
  /** LSN of the newest snapshot before the generation. */
  readonly snapshotLsn: number
  readonly map: BlockMap
  readonly maxima: GrainMaxima
}

/** Adds to the preservation what the plan replaces and a snapshot sees. Errors as of `Preservation.replaced`. */
export async function preserveReplaced(options: PreservePassOptions): Promise<void> {
  const { plan, snapshotLsn, preservation, map } = options
  let page: MapPage | undefined
  for (const block of plan.blocks) {
    const index = Math.floor(block / PAGE_BLOCKS)
    if (page?.index !== index) page = map.getNow(index) ?? (await map.get(index))
    if (!isSeen(page, block % PAGE_BLOCKS, snapshotLsn) || !plan.isContent(block)) continue
    const kept = preservation.keep(page, block)
    if (kept !== undefined) await kept
  }
  for (const range of plan.ranges) await preserveRange(options, range)
}

async function preserveRange(options: PreservePassOptions, range: DirtyRange): Promise<void> {
  const { preservation, snapshotLsn } = options
  await visitRange(options, range, (page, block) =>
    isSeen(page, block % PAGE_BLOCKS, snapshotLsn) ? preservation.keep(page, block) : undefined,
  )
}

/** Visits what no newer single write of the plan replaced of `range`, where anything was ever touched. */
async function visitRange(
  { plan, maxima, map }: Pick<PreservePassOptions, 'plan' | 'maxima' | 'map'>,
  range: DirtyRange,
  visit: (page: MapPage, block: number) => Promise<void> | undefined,
): Promise<void> {
  for (const part of plan.uncovered(range)) {
    const endGrain = maxima.grainOf(part.end - 1) + 1
    for (let at = part.start; at < part.end; ) {
      const grain = await maxima.nextTouched(maxima.grainOf(at), endGrain)
      if (grain === endGrain) break
      at = Math.max(at, grain * maxima.grainBlocks)
      const end = Math.min(part.end, (grain + 1) * maxima.grainBlocks)
      while (at < end) {
        const index = Math.floor(at / PAGE_BLOCKS)
        const page = map.getNow(index) ?? (await map.get(index))
        for (const endOfPage = Math.min(end, (index + 1) * PAGE_BLOCKS); at < endOfPage; at++) {
          const visited = visit(page, at)
          if (visited !== undefined) await visited
        }
      }
    }
  }
}

/**
 * Of a replica whose base is on its way: a log entry that a newer version in the map has overtaken goes nowhere else, and a
 * snapshot between the two sees it. Errors as above.
 */
export async function preserveOvertaken(
  { plan, preservation, map, maxima }: Omit<PreservePassOptions, 'snapshotLsn'>,
  content: LogContent,
): Promise<void> {
  const data = new Uint8Array(BLOCK_BYTES)
  const isBetween = (page: MapPage, block: number, lsn: number): boolean => {
    const mapped = page.lsn(block % PAGE_BLOCKS)
    return mapped > lsn && preservation.newestBefore(mapped) >= lsn
  }
  for (const block of plan.blocks) {
    const planned = plan.content(block)
    if (planned === undefined) continue
    const index = Math.floor(block / PAGE_BLOCKS)
    const page = map.getNow(index) ?? (await map.get(index))
    if (!isBetween(page, block, planned.lsn)) continue
    const { lsn, checksum } = planned
    if (await content.read(data, planned))
      await preservation.add({ block, lsn, kind: 'data', checksum }, data)
    else await preservation.add({ block, lsn, kind: 'bad', checksum: 0 }, undefined)
  }
  for (const range of plan.ranges) {
    const { lsn } = range
    const isHole = range.patternPosition < 0
    const isRead = !isHole && (await content.read(data, patternOf(range)))
    await visitRange({ plan, maxima, map }, range, (page, block) => {
      if (!isBetween(page, block, lsn)) return undefined
      if (!isRead)
        return preservation.add({ block, lsn, kind: isHole ? 'hole' : 'bad', checksum: 0 }, undefined)
      return preservation.add({ block, lsn, kind: 'data', checksum: blockChecksum(data, block, lsn) }, data)
    })
  }
}
