/**
 * Writes a good copy over a bad one in the extents, if that is still the block's newest version: under the block's
 * lock, after every write that was on its way to it. A bad copy in the log is left: the flusher asks the peer itself,
 * and the log's space may be given back at any time.
 */
import { assert } from '../base/assert.ts'
import { BLOCK_BYTES } from '../base/units.ts'
import type { BlockLocks } from './block-locks.ts'
import { blockChecksum } from './checksum.ts'
import { SEGMENT_BLOCKS } from './geometry.ts'
import type { LogWriter } from './log/log-writer.ts'
import type { BlockReader, BlockSource } from './reader.ts'
import type { SegmentFiles } from './segments.ts'

export async function putBack(
  parts: {
    reader: BlockReader
    locks: BlockLocks
    writer: LogWriter
    extents: SegmentFiles
    isServing: () => boolean
  },
  block: number,
  source: BlockSource,
  content: Uint8Array,
): Promise<void> {
  const release = await parts.locks.acquire(block, block + 1)
  try {
    if (source.kind !== 'extent') return
    if (parts.writer.overlapsPending(block, 1)) await parts.writer.settledSoFar()
    const now = parts.reader.locateNow(block)
    if (!parts.isServing() || now?.kind !== source.kind || now.lsn !== source.lsn) return
    assert(
      blockChecksum(content, source.seedBlock, source.lsn) === source.checksum,
      'a repair passes its checksum',
    )
    const file = await parts.extents.get(Math.floor(block / SEGMENT_BLOCKS), false)
    await file?.write([content], (block % SEGMENT_BLOCKS) * BLOCK_BYTES)
    await file?.datasync()
  } finally {
    release()
  }
}
