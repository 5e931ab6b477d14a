/**
 * Keeps a writing benchmark off data. File systems, partition tables, volume managers and RAID members have their
 * marks at the beginning or the end of a device; what programs keep on a device without any of these lies anywhere. So
 * a device is taken for empty when both ends, and samples from all over it, hold nothing but zeros, or stamps of an
 * earlier run; a small one is looked through whole.
 */
import { isZero } from '../base/binary.ts'
import { BlockError } from '../base/errors.ts'
import { KIB, MIB } from '../base/units.ts'
import type { BenchDisk, Capacity } from './disk.ts'
import { faultOf } from './stamp.ts'

const EDGE_BYTES = MIB
const READ_BYTES = 256 * KIB
const SAMPLES = 256
const SAMPLE_BYTES = 64 * KIB

/** Rejects with CONFLICT when the device seems to hold data. */
export async function refuseData(client: Pick<BenchDisk, 'read'>, capacity: Capacity): Promise<void> {
  const sizeBytes = capacity.blocks * capacity.logicalBlockBytes
  for (const range of lookedAt(sizeBytes)) {
    const foundBytes = await firstData(client, capacity, range)
    if (foundBytes !== undefined) {
      throw new BlockError(
        'CONFLICT',
        `the device holds data at byte ${foundBytes}, which this load would overwrite; --yes-destroy-data does so`,
      )
    }
  }
}

interface Range {
  readonly startBytes: number
  readonly endBytes: number
}

/** The ends first: they tell most. Begins are multiples of every logical block, as the size is. */
function* lookedAt(sizeBytes: number): Generator<Range> {
  const edgeBytes = Math.min(EDGE_BYTES, sizeBytes)
  for (const startBytes of [0, sizeBytes - edgeBytes]) yield { startBytes, endBytes: startBytes + edgeBytes }
  const strideBytes = Math.max(1, Math.floor(sizeBytes / SAMPLES / SAMPLE_BYTES)) * SAMPLE_BYTES
  for (let startBytes = edgeBytes; startBytes < sizeBytes - edgeBytes; startBytes += strideBytes) {
    yield { startBytes, endBytes: Math.min(startBytes + SAMPLE_BYTES, sizeBytes - edgeBytes) }
  }
}

/** Where the first block is that is neither empty nor stamped. */
async function firstData(
  client: Pick<BenchDisk, 'read'>,
  { logicalBlockBytes }: Capacity,
  { startBytes, endBytes }: Range,
): Promise<number | undefined> {
  for (let at = startBytes; at < endBytes; at += READ_BYTES) {
    const part = new Uint8Array(Math.min(READ_BYTES, endBytes - at))
    await client.read(at / logicalBlockBytes, part.byteLength / logicalBlockBytes, part)
    for (let inPart = 0; inPart < part.byteLength; inPart += logicalBlockBytes) {
      const block = part.subarray(inPart, inPart + logicalBlockBytes)
      if (!isZero(block) && faultOf(block, at + inPart, undefined) !== undefined) return at + inPart
    }
  }
  return undefined
}
