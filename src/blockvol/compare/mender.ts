/**
 * Puts right what the disk lost of a block, content and its entry in the map: a comparison with another replica has shown
 * what belongs there. Never beside a flush, and only where the map still says what the other replica was told, the
 * log has nothing newer, and the version is not above the checkpoint.
 *
 *   what a snapshot sees, durable ─► entry in memory ─► content, durable ─► entry, durable
 *
 * A crash in between leaves the old entry over new content: a bad checksum, never another version's content, and the next
 * comparison finds it again. Readers meanwhile find the new entry, and ask a peer while the content is not there.
 *
 * A page is written as of what it was, or of its grain's maximum if the disk lost the page: so it may tear between
 * sectors, and none of them is taken for one that misses a write (format/map-page.ts).
 */
import { assert } from '../../base/assert.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import { blockChecksum } from '../checksum.ts'
import { ENTRY_FLAG_HOLE, ENTRY_FLAG_UNKNOWN, type MapPage } from '../format/map-page.ts'
import { PAGE_BLOCKS, SEGMENT_BLOCKS } from '../geometry.ts'
import type { ResyncSinkParts } from '../resync/sink.ts'
import { type BlockEntry, entryOf } from './page-entries.ts'

/** What a block is to become. */
export interface Mend {
  readonly block: number
  /** What the map said of it, and has to say still. */
  readonly told: BlockEntry
  readonly wanted: BlockEntry
  /** Of data. Lent until the promise settles. */
  readonly content: Uint8Array | undefined
}

export interface MenderParts extends ResyncSinkParts {
  /** Whether the volume serves, and waits for no base. */
  readonly isSound: () => boolean
}

/** Whether the block was put right; false when it is not what was told any more. NO_SPACE, MEDIUM, DISK. */
export function mend(parts: MenderParts, { block, told, wanted, content }: Mend): Promise<boolean> {
  const isWhole = content === undefined || blockChecksum(content, block, wanted.lsn) === wanted.checksum
  assert((content !== undefined) === (wanted.kind === 'data') && isWhole, 'a block gets what its entry says')
  return parts.alone(async () => {
    const { map, dirty, checkpointLsn, sizeBlocks, isSound } = parts
    if (!isSound() || block >= sizeBlocks() || wanted.lsn > checkpointLsn()) return false
    const index = Math.floor(block / PAGE_BLOCKS)
    const slot = block % PAGE_BLOCKS
    const now = entryOf(await map.get(index), slot)
    if (dirty.lookup(block) !== 'clean' || !isEqual(now, told)) return false
    await preserve(parts, block, wanted.lsn)
    // nobody else changes it meanwhile
    const asOfLsn = await raisedFor(parts, block, wanted.lsn)
    const page = await map.edit(index)
    set(page, slot, wanted)
    try {
      if (content !== undefined) await writeContent(parts, block, content)
    } catch (error) {
      page.set(slot, told.lsn, flagsOf(told), told.checksum)
      throw error
    } finally {
      await map.write([page], asOfLsn)
    }
    await map.sync()
    parts.onMapped(block)
    return true
  })
}

const isEqual = (a: BlockEntry, b: BlockEntry): boolean =>
  a.kind === b.kind && a.lsn === b.lsn && a.checksum === b.checksum

const flagsOf = ({ kind, lsn }: BlockEntry): number =>
  kind === 'unknown' ? ENTRY_FLAG_UNKNOWN : kind === 'zeros' && lsn > 0 ? ENTRY_FLAG_HOLE : 0

const set = (page: MapPage, slot: number, entry: BlockEntry): void =>
  page.set(slot, entry.lsn, flagsOf(entry), entry.checksum)

/**
 * The flush of the version that was lost preserved what it replaced. What is left of an older one is kept all the same, if
 * it is not there; of an entry that is unknown nothing is left.
 */
async function preserve(
  { preserver, snapshots, checkpointLsn }: MenderParts,
  block: number,
  lsn: number,
): Promise<void> {
  const lsns = snapshots()
  if (lsns.length === 0) return
  const preservation = preserver.begin(checkpointLsn() + 1, lsns, { isFilling: true })
  try {
    await preservation.replaced(block, lsn)
    await preservation.commit()
  } catch (error) {
    await preservation.abandon()
    throw error
  }
}

/** Raises the maximum of the block's grain to `lsn` at least; returns the LSN as of which its page has to be, at least. */
async function raisedFor(
  { maxima, checkpointLsn }: MenderParts,
  block: number,
  lsn: number,
): Promise<number> {
  const grain = maxima.grainOf(block)
  await maxima.raise(grain, lsn)
  await maxima.sync()
  const maximum = await maxima.get(grain)
  return maxima.grainBlocks === PAGE_BLOCKS && maximum <= checkpointLsn() ? maximum : 0
}

async function writeContent({ extents }: MenderParts, block: number, content: Uint8Array): Promise<void> {
  const segment = Math.floor(block / SEGMENT_BLOCKS)
  const file = await extents.get(segment, true)
  await file?.writeMany([{ offsetBytes: (block % SEGMENT_BLOCKS) * BLOCK_BYTES, data: content }])
  await extents.datasync(new Set([segment]))
}
