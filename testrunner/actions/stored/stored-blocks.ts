/**
 * What a replica holds when its log is flushed, from its files alone (docs/formats/block-map.md, directory.md): which
 * blocks have content, as which write, and that content, verified by the checksum in the map.
 */
import { BLOCK_BYTES } from '../../../src/base/units.ts'
import { blockChecksum } from '../../../src/blockvol/checksum.ts'
import { MapPage, PAGE_BYTES } from '../../../src/blockvol/format/map-page.ts'
import { PAGE_BLOCKS, SEGMENT_BLOCKS } from '../../../src/blockvol/geometry.ts'

export interface StoredBlock {
  /** In the volume, of 4 KiB. */
  readonly block: number
  /** Of the write that it is of. */
  readonly lsn: number
  readonly checksum: number
}

export interface StoredMap {
  /** Blocks that have content, ascending. What is missing here is zeros. */
  readonly blocks: readonly StoredBlock[]
  /** Blocks of which the map itself says that nobody knows what they hold. */
  readonly unknown: readonly number[]
}

/** `bytes`: all of one file NNNNNN.map; what is left of a page at its end is passed over. */
export function readMap(bytes: Uint8Array, segment: number): StoredMap {
  const blocks: StoredBlock[] = []
  const unknown: number[] = []
  for (let at = 0; at + PAGE_BYTES <= bytes.byteLength; at += PAGE_BYTES) {
    const index = (segment * SEGMENT_BLOCKS) / PAGE_BLOCKS + at / PAGE_BYTES
    const copy = Uint8Array.from(bytes.subarray(at, at + PAGE_BYTES))
    const page = MapPage.parse(index, copy, { floorLsn: 0, checkpointLsn: 0 }, () => undefined)
    for (let slot = 0; slot < PAGE_BLOCKS; slot++) {
      const block = index * PAGE_BLOCKS + slot
      if (page.isUnknown(slot)) unknown.push(block)
      else if (page.hasContent(slot))
        blocks.push({ block, lsn: page.lsn(slot), checksum: page.checksum(slot) })
    }
  }
  return { blocks, unknown }
}

export const isWhole = ({ block, lsn, checksum }: StoredBlock, content: Uint8Array): boolean =>
  blockChecksum(content, block, lsn) === checksum

/** Where the block's content stands. */
export const placeOf = (block: number): { readonly segment: number; readonly offsetBytes: number } => ({
  segment: Math.floor(block / SEGMENT_BLOCKS),
  offsetBytes: (block % SEGMENT_BLOCKS) * BLOCK_BYTES,
})

/** Those that one reading of `windowBlocks` blocks of a file gets together. `blocks`: ascending. */
export function windowsOf(
  blocks: readonly StoredBlock[],
  windowBlocks: number,
): readonly (readonly StoredBlock[])[] {
  const windows: StoredBlock[][] = []
  let windowIndex = -1
  for (const one of blocks) {
    const index = Math.floor(one.block / windowBlocks)
    if (index === windowIndex) windows.at(-1)?.push(one)
    else windows.push([one])
    windowIndex = index
  }
  return windows
}
