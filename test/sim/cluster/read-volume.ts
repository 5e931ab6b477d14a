/** Reads a whole volume, for the oracle of an epoch that begins. */
import { isBlockError } from '../../../src/base/errors.ts'
import type { BlockDevice } from '../../../src/base/ports/block-device.ts'
import { BLOCK_BYTES } from '../../../src/base/units.ts'
import { fail } from '../../cluster/checker.ts'
import { identifyAll, SECTOR_BYTES } from '../content.ts'
import { UNREADABLE } from '../model.ts'

interface Reader {
  /** Faults of disks explain that a block cannot be read. */
  readonly mayDamage: boolean
  sleep(forMs: number): Promise<void>
}

/** Each sector's operation; undefined when the device is over before all is read. */
export async function readVolume(device: BlockDevice, reader: Reader): Promise<Int32Array | undefined> {
  const values = new Int32Array(device.sizeBytes / SECTOR_BYTES)
  const chunkBytes = 64 * BLOCK_BYTES
  for (let at = 0; at < device.sizeBytes; ) {
    const lengthBytes = Math.min(chunkBytes, device.sizeBytes - at)
    const got = await readSome(
      device,
      reader,
      at,
      values.subarray(at / SECTOR_BYTES, (at + lengthBytes) / SECTOR_BYTES),
    )
    if (got === 'over') return undefined
    if (got === 'bad') {
      for (let block = at; block < at + lengthBytes; block += BLOCK_BYTES) {
        const one = await readSome(
          device,
          reader,
          block,
          values.subarray(block / SECTOR_BYTES, (block + BLOCK_BYTES) / SECTOR_BYTES),
        )
        if (one === 'over') return undefined
        if (one === 'bad') values.fill(UNREADABLE, block / SECTOR_BYTES, (block + BLOCK_BYTES) / SECTOR_BYTES)
      }
    }
    at += lengthBytes
  }
  return values
}

async function readSome(
  device: BlockDevice,
  reader: Reader,
  offsetBytes: number,
  values: Int32Array,
): Promise<'ok' | 'bad' | 'over'> {
  const bytes = new Uint8Array(values.length * SECTOR_BYTES)
  for (;;) {
    try {
      await device.read(offsetBytes, bytes)
      values.set(identifyAll(bytes, offsetBytes / SECTOR_BYTES, device.logicalBlockBytes))
      return 'ok'
    } catch (error) {
      if (!isBlockError(error)) throw error
      if (error.code === 'MEDIUM' && reader.mayDamage) return 'bad'
      if (error.code === 'MEDIUM') fail(`a read of a new primary ends with MEDIUM: ${error.message}`)
      if (error.code !== 'BUSY') return 'over'
    }
    await reader.sleep(50)
  }
}
