/**
 * Compare and Write, the fused operation (NVM Express Base 2.0, Fused Operations; NVM Command Set 1.0, Compare and
 * Write). The device does both as one change, so that nothing comes between them and a mismatch writes nothing.
 *
 * When one of the two is refused the other is aborted, and says so: each command of the pair gets its own completion.
 */
import { final, STATUS } from '../status.ts'
import { refuseBlocks } from './blocks.ts'
import { compareAndWriteBytesMax } from './identify.ts'
import type { IoCommand, IoResult } from './io-types.ts'
import type { NvmeNamespace } from './namespace.ts'
import { plainResult, SUCCESS } from './result.ts'
import { blocksOf, fuseOf, hasFua, OPCODE, opcodeOf, startLbaOf } from './sqe.ts'

export interface FusedResult {
  readonly first: IoResult
  readonly second: IoResult
}

const FUSE = { FIRST: 1, SECOND: 2 } as const

/** The first command ended with `status`: the second is not done. */
export const firstFails = (status: number): FusedResult => ({
  first: plainResult(status),
  second: plainResult(STATUS.ABORTED_FAILED_FUSED),
})

/** The second command was refused before anything was done: the first is not done either. */
export const secondFails = (status: number): FusedResult => ({
  first: plainResult(STATUS.ABORTED_FAILED_FUSED),
  second: plainResult(status),
})

/** What is wrong with the pair as such; undefined: nothing. */
export function refusePair(
  namespace: NvmeNamespace,
  compare: IoCommand,
  write: IoCommand,
): FusedResult | undefined {
  if (opcodeOf(compare.sqe) !== OPCODE.COMPARE || fuseOf(compare.sqe) !== FUSE.FIRST) {
    return firstFails(final(STATUS.INVALID_FIELD))
  }
  if (opcodeOf(write.sqe) !== OPCODE.WRITE || fuseOf(write.sqe) !== FUSE.SECOND) {
    return secondFails(final(STATUS.INVALID_FIELD))
  }
  const isSameRange =
    startLbaOf(compare.sqe) === startLbaOf(write.sqe) && blocksOf(compare.sqe) === blocksOf(write.sqe)
  if (!isSameRange) {
    const refused = plainResult(final(STATUS.INVALID_FIELD))
    return { first: refused, second: refused }
  }
  const first = refuseBlocks(namespace, compare, 'read')
  if (first !== undefined) return firstFails(first.status)
  const second = refuseBlocks(namespace, write, 'write')
  if (second !== undefined) return secondFails(second.status)
  const isTooLong = write.dataOut.byteLength > compareAndWriteBytesMax(namespace.device)
  return isTooLong ? firstFails(final(STATUS.ATOMIC_WRITE_UNIT_EXCEEDED)) : undefined
}

/** The pair has been checked. Rejects as the device does; then neither was done. */
export async function compareAndWrite(
  namespace: NvmeNamespace,
  compare: IoCommand,
  write: IoCommand,
): Promise<FusedResult> {
  const { device, blockBytes, atomicRanges } = namespace
  const start = startLbaOf(write.sqe) * blockBytes
  const options = namespace.writeOptions(write, hasFua(write.sqe))
  const { equal } = await atomicRanges.write(start, start + write.dataOut.byteLength, () =>
    device.compareAndWrite(start, compare.dataOut, write.dataOut, options),
  )
  return equal ? { first: SUCCESS, second: SUCCESS } : firstFails(final(STATUS.COMPARE_FAILURE))
}
