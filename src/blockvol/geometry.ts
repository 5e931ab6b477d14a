/**
 * Sizes that follow from a volume's size. Blocks are 4 KiB everywhere in the engine, whatever logical block
 * the initiators see.
 */
import { BlockError } from '../base/errors.ts'
import { BLOCK_BYTES, GIB } from '../base/units.ts'
import { LOG_BYTES_MAX, LOG_BYTES_MIN, VOLUME_BYTES_MAX, VOLUME_BYTES_MIN } from '../base/volume-limits.ts'

/** Blocks of one extents file: 64 GiB, because ext4 ends below 16 TiB a file. */
export const SEGMENT_BLOCKS = (64 * GIB) / BLOCK_BYTES
/** Blocks whose entries share one 4 KiB page of the block map. */
export const PAGE_BLOCKS = 256
const GRAINS_MAX = 2 ** 20

/** Blocks of one grain of the maxima: max(1 MiB, size / 2^20), whole pages of the map. Fixed when the volume is made. */
export function grainBlocks(sizeBytes: number): number {
  let grain = PAGE_BLOCKS
  while (grain * GRAINS_MAX * BLOCK_BYTES < sizeBytes) grain *= 2
  return grain
}

/** Refuses a size, a block size or a log size that the format does not allow; names the argument. */
export function checkGeometry(sizeBytes: number, logicalBlockBytes: number, logBytes: number): void {
  const fail = (message: string): never => {
    throw new BlockError('INVALID_ARGUMENT', message)
  }
  if (sizeBytes < VOLUME_BYTES_MIN || sizeBytes > VOLUME_BYTES_MAX) {
    fail(`size ${sizeBytes} is outside 1MiB to 64TiB`)
  }
  if (sizeBytes % BLOCK_BYTES !== 0) fail(`size ${sizeBytes} is not a multiple of 4KiB`)
  if (logicalBlockBytes !== 512 && logicalBlockBytes !== 4096) {
    fail(`logical block ${logicalBlockBytes} is neither 512 nor 4096`)
  }
  if (logBytes < LOG_BYTES_MIN || logBytes > LOG_BYTES_MAX || logBytes % BLOCK_BYTES !== 0) {
    fail(`log size ${logBytes} is not a multiple of 4KiB between 64KiB and 4GiB`)
  }
}

/** OUT_OF_RANGE unless [offsetBytes, offsetBytes + lengthBytes) is whole logical blocks of the volume. */
export function checkRange(
  { sizeBytes, logicalBlockBytes: unit }: { readonly sizeBytes: number; readonly logicalBlockBytes: number },
  offsetBytes: number,
  lengthBytes: number,
): void {
  const isAligned = offsetBytes % unit === 0 && lengthBytes % unit === 0
  if (isAligned && offsetBytes >= 0 && lengthBytes >= 0 && offsetBytes + lengthBytes <= sizeBytes) return
  const facts = { offsetBytes, lengthBytes, sizeBytes }
  const what = `${lengthBytes} bytes at ${offsetBytes} are not whole blocks of the volume`
  throw new BlockError('OUT_OF_RANGE', what, { facts })
}
