/**
 * Which blocks have content: what GET LBA STATUS reports, and what a nearly full disk still lets be written. Blocks that an
 * unfilled clone has from its origin count as content, and so do those under a restore that is not flushed yet.
 */
import type { AllocationRun } from '../base/ports/block-device.ts'
import { BLOCK_BYTES } from '../base/units.ts'
import type { DirtyMap } from './dirty/dirty-map.ts'
import { PAGE_BLOCKS } from './geometry.ts'
import type { BlockMap } from './map/block-map.ts'
import { mappedSource } from './snapshots/views.ts'

/** A report may cover less than it was asked for; it never looks at more blocks than this. */
const BLOCKS_PER_REPORT_MAX = 64 * PAGE_BLOCKS

interface BlockRun {
  /** [start, end), blocks. */
  readonly start: number
  readonly end: number
  readonly mapped: boolean
}

/** Runs of [start, end) from `start`, at most `runsMax`, adjacent ones differing. */
async function findAllocation(
  parts: { dirty: DirtyMap; map: BlockMap; originBlocks: () => number },
  start: number,
  end: number,
  runsMax: number,
): Promise<BlockRun[]> {
  const { dirty, map, originBlocks } = parts
  const runs: BlockRun[] = []
  const limit = Math.min(end, start + BLOCKS_PER_REPORT_MAX)
  for (let block = start; block < limit; ) {
    const index = Math.floor(block / PAGE_BLOCKS)
    const page = map.getNow(index) ?? (await map.get(index))
    const pageEnd = Math.min(limit, (index + 1) * PAGE_BLOCKS)
    for (; block < pageEnd; block++) {
      const kind = dirty.lookup(block)
      const mapped =
        kind === 'clean' ? mappedSource(page, block, originBlocks()).kind !== 'zeros' : kind !== 'zeros'
      const last = runs[runs.length - 1]
      if (last?.mapped === mapped) runs[runs.length - 1] = { ...last, end: block + 1 }
      else if (runs.length === runsMax) return runs
      else runs.push({ start: block, end: block + 1, mapped })
    }
  }
  return runs
}

/** The same in bytes, of any range: what `BlockDevice.allocation` answers. */
export async function allocationOf(
  parts: { dirty: DirtyMap; map: BlockMap; originBlocks: () => number },
  offsetBytes: number,
  lengthBytes: number,
  runsMax: number,
): Promise<AllocationRun[]> {
  const end = offsetBytes + lengthBytes
  const first = Math.floor(offsetBytes / BLOCK_BYTES)
  const runs = await findAllocation(parts, first, Math.ceil(end / BLOCK_BYTES), runsMax)
  return runs.map((run) => {
    const start = Math.max(offsetBytes, run.start * BLOCK_BYTES)
    const runEnd = Math.min(end, run.end * BLOCK_BYTES)
    return { offsetBytes: start, lengthBytes: runEnd - start, mapped: run.mapped }
  })
}

/**
 * Whether new versions of all blocks of [start, end) take the place of the old ones: they have content, and it is newer than
 * the newest snapshot, `snapshotLsn` (0: there is none). Of too many blocks false.
 */
export async function isInPlace(
  { dirty, map }: { dirty: DirtyMap; map: BlockMap },
  start: number,
  end: number,
  snapshotLsn: number,
): Promise<boolean> {
  if (end - start > BLOCKS_PER_REPORT_MAX) return false
  for (let block = start; block < end; block++) {
    const index = Math.floor(block / PAGE_BLOCKS)
    const page = map.getNow(index) ?? (await map.get(index))
    const slot = block % PAGE_BLOCKS
    const kind = dirty.lookup(block)
    const isContent =
      kind === 'clean' ? page.hasContent(slot) || page.isUnknown(slot) : kind === 'data' || kind === 'pattern'
    const lsn = kind === 'clean' ? page.lsn(slot) : dirty.lsn
    if (!isContent || lsn <= snapshotLsn) return false
  }
  return true
}
