/** Which blocks have content: what GET LBA STATUS reports, and what a nearly full disk still lets be written. */
import type { AllocationRun } from '../base/ports/block-device.ts'
import { BLOCK_BYTES } from '../base/units.ts'
import type { DirtyMap } from './dirty/dirty-map.ts'
import { PAGE_BLOCKS } from './geometry.ts'
import type { BlockMap } from './map/block-map.ts'

/** A report may cover less than it was asked for; it never looks at more blocks than this. */
const BLOCKS_PER_REPORT_MAX = 64 * PAGE_BLOCKS

export interface BlockRun {
  /** [start, end), blocks. */
  readonly start: number
  readonly end: number
  readonly mapped: boolean
}

/** Runs of [start, end) from `start`, at most `runsMax`, adjacent ones differing. */
export async function findAllocation(
  parts: { dirty: DirtyMap; map: BlockMap },
  start: number,
  end: number,
  runsMax: number,
): Promise<BlockRun[]> {
  const { dirty, map } = parts
  const runs: BlockRun[] = []
  const limit = Math.min(end, start + BLOCKS_PER_REPORT_MAX)
  for (let block = start; block < limit; ) {
    const index = Math.floor(block / PAGE_BLOCKS)
    const page = map.getNow(index) ?? (await map.get(index))
    const pageEnd = Math.min(limit, (index + 1) * PAGE_BLOCKS)
    for (; block < pageEnd; block++) {
      const kind = dirty.lookup(block)
      const slot = block % PAGE_BLOCKS
      const mapped = kind === 'clean' ? page.hasContent(slot) || page.isUnknown(slot) : kind !== 'zeros'
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
  parts: { dirty: DirtyMap; map: BlockMap },
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
