/** Writes a good copy over a bad one, under the block's lock, if that is still the block's newest version. */
import { assert } from '../base/assert.ts'
import { BLOCK_BYTES } from '../base/units.ts'
import type { BlockLocks } from './block-locks.ts'
import { blockChecksum } from './checksum.ts'
import { SEGMENT_BLOCKS } from './geometry.ts'
import type { LogFile } from './log/log-file.ts'
import type { BlockReader, BlockSource } from './reader.ts'
import type { SegmentFiles } from './segments.ts'

export async function putBack(
  parts: {
    reader: BlockReader
    locks: BlockLocks
    log: LogFile
    extents: SegmentFiles
    isServing: () => boolean
  },
  block: number,
  source: BlockSource,
  content: Uint8Array,
): Promise<void> {
  const release = await parts.locks.acquire(block, block + 1)
  try {
    const now = parts.reader.locateNow(block)
    if (!parts.isServing() || now?.kind !== source.kind || now.lsn !== source.lsn) return
    assert(
      blockChecksum(content, source.seedBlock, source.lsn) === source.checksum,
      'a repair passes its checksum',
    )
    if (source.kind === 'log') {
      await parts.log.write([content], source.position, BLOCK_BYTES)
      return
    }
    const file = await parts.extents.get(Math.floor(block / SEGMENT_BLOCKS), false)
    await file?.write([content], (block % SEGMENT_BLOCKS) * BLOCK_BYTES)
    await file?.datasync()
  } finally {
    release()
  }
}
