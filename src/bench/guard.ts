/**
 * Keeps a writing benchmark off data. File systems, partition tables, volume managers and RAID members have their
 * marks at the beginning or the end of a device, so that a device is taken for empty when both hold nothing but
 * zeros, or stamps of an earlier run.
 */
import { isZero } from '../base/binary.ts'
import { BlockError } from '../base/errors.ts'
import { KIB, MIB } from '../base/units.ts'
import type { BenchDisk, Capacity } from './disk.ts'
import { faultOf } from './stamp.ts'

const EDGE_BYTES = MIB
const READ_BYTES = 256 * KIB

/** Rejects with CONFLICT when the device seems to hold data. */
export async function refuseData(client: Pick<BenchDisk, 'read'>, capacity: Capacity): Promise<void> {
  const sizeBytes = capacity.blocks * capacity.logicalBlockBytes
  const edgeBytes = Math.min(EDGE_BYTES, sizeBytes)
  for (const startBytes of [0, sizeBytes - edgeBytes]) {
    const foundBytes = await firstData(client, capacity, { startBytes, endBytes: startBytes + edgeBytes })
    if (foundBytes !== undefined) {
      throw new BlockError(
        'CONFLICT',
        `the device holds data at byte ${foundBytes}, which this load would overwrite; --yes-destroy-data does so`,
      )
    }
  }
}

/** Where the first block is that is neither empty nor stamped. */
async function firstData(
  client: Pick<BenchDisk, 'read'>,
  { logicalBlockBytes }: Capacity,
  { startBytes, endBytes }: { startBytes: number; endBytes: number },
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
