/**
 * Writes a good copy over a bad one in the extents, if the map still says that this is what stands there. Never beside a
 * flush, nor beside base blocks of a resync: nothing else writes to extents, so what the map says holds until the copy is
 * durable. A newer version that is only in the log does not matter: the flusher writes it after this. A bad copy in the
 * log is left: the flusher asks the peer itself, and the log's space may be given back at any time.
 */
import { assert } from '../base/assert.ts'
import { BLOCK_BYTES } from '../base/units.ts'
import { blockChecksum } from './checksum.ts'
import { PAGE_BLOCKS, SEGMENT_BLOCKS } from './geometry.ts'
import type { BlockMap } from './map/block-map.ts'
import type { SegmentFiles } from './segments.ts'
import type { BlockSource } from './snapshots/located.ts'
import type { VersionStore } from './versions/version.ts'

export interface PutBackParts {
  readonly map: BlockMap
  readonly extents: SegmentFiles
  readonly versions: VersionStore
  /** Runs one at a time with flushes: `Checkpointer.alone`. */
  readonly alone: <T>(run: () => Promise<T>) => Promise<T>
  readonly isServing: () => boolean
}

/** `content` is kept until the promise settles. MEDIUM, DISK. */
export async function putBack(
  parts: PutBackParts,
  block: number,
  source: BlockSource,
  content: Uint8Array,
): Promise<void> {
  if (source.stored !== undefined) await parts.versions.repair(source.stored, content)
  if (source.kind !== 'extent') return
  assert(
    blockChecksum(content, source.seedBlock, source.lsn) === source.checksum,
    'a repair passes its checksum',
  )
  await parts.alone(async () => {
    if (!parts.isServing()) return
    const page = await parts.map.get(Math.floor(block / PAGE_BLOCKS))
    const slot = block % PAGE_BLOCKS
    if (!page.hasContent(slot) || page.lsn(slot) !== source.lsn) return
    if (page.checksum(slot) !== source.checksum) return
    const file = await parts.extents.get(Math.floor(block / SEGMENT_BLOCKS), false)
    await file?.write([content], (block % SEGMENT_BLOCKS) * BLOCK_BYTES)
    await file?.datasync()
  })
}
