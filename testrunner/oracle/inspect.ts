/** What a block that was read turns out to be, and the report of one that is wrong. */
import { isZero } from '../../src/base/binary.ts'
import { faultOf, generationOf, isStamped } from '../../src/bench/stamp.ts'
import type { Disk } from '../hosts/disk.ts'
import { StepFailure } from '../model/failure.ts'

/** Of what is written and compared. */
export const ORACLE_BLOCK_BYTES = 4096
const SHOWN_BYTES = 64

/** `low` to `top`: generations that may be there; `isLate`: whether one that never had an answer may. */
export interface Expected {
  readonly low: number
  readonly top: number
  isLate(generation: number): boolean
}

/**
 * What is wrong with `block`, read at `offsetBytes`; undefined when nothing is. Before its first write a block holds zeros, or
 * what another author stamped for this very place: a volume that another one was restored or cloned to.
 */
export function wrongWith(
  block: Uint8Array,
  offsetBytes: number,
  author: number,
  expected: Expected,
): string | undefined {
  const isOldAllowed = expected.low === 0 || expected.isLate(0)
  if (!isStamped(block)) {
    if (!isZero(block)) return 'it does not hold what was written'
    return isOldAllowed ? undefined : 'it holds zeros'
  }
  const generation = generationOf(block)
  const fault = faultOf(block, offsetBytes, { runId: author, generation })
  if (fault !== undefined) {
    const isOthers = faultOf(block, offsetBytes, undefined) === undefined
    return isOthers && isOldAllowed ? undefined : fault
  }
  const isIn = generation >= expected.low && generation <= expected.top && generation > 0
  if (isIn || expected.isLate(generation)) return undefined
  return `it holds write ${generation} of this place`
}

/** The failure of a step, or of a load, that read it. */
export function mismatch(
  disk: Disk,
  found: {
    readonly block: Uint8Array
    readonly offsetBytes: number
    readonly fault: string
    readonly expected: Expected
    /** What was compared with: `now`, or the label of a snapshot. */
    readonly asOf: string
  },
): StepFailure {
  const { block, offsetBytes, fault, expected, asOf } = found
  const { low, top } = expected
  const wanted = low === top ? `write ${top}` : `one of writes ${low} to ${top}`
  const message = `${disk.volume} at byte ${offsetBytes}: ${fault}, not ${wanted}`
  return new StepFailure('DATA_MISMATCH', message, {
    volume: disk.volume,
    host: disk.host,
    transport: disk.transport,
    as_of: asOf,
    offset_bytes: offsetBytes,
    expected: wanted,
    found: fault,
    found_generation: isStamped(block) ? generationOf(block) : null,
    first_bytes: Buffer.from(block.subarray(0, SHOWN_BYTES)).toString('hex'),
  })
}
