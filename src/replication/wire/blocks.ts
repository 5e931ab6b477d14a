/**
 * Blocks of a resync's base as BLOCKS carries them: the newest version of each with its LSN, or that it is a hole. The
 * checksum is the block map's, of this content at this place of this write.
 */
import { assert } from '../../base/assert.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import { blockChecksum } from '../../blockvol/checksum.ts'
import { ByteReader, ByteWriter } from './bytes.ts'

/** Most blocks of one frame: their table and content stay below the longest payload. */
export const BLOCKS_MAX = 512
const HOLE = 1

/** A block's newest version. */
export interface WireBlock {
  readonly block: number
  /** Of the write or trim that made it. */
  readonly lsn: number
  /** 4096 bytes, and what the map says of them; undefined for a hole. */
  readonly content: { readonly checksum: number; readonly data: Uint8Array } | undefined
}

/** At least one. Returns pieces; the content is lent, not copied. */
export function encodeBlocks(blocks: readonly WireBlock[]): Uint8Array[] {
  assert(blocks.length > 0 && blocks.length <= BLOCKS_MAX, 'a frame has some blocks')
  const writer = new ByteWriter().u16(blocks.length)
  for (const { block, lsn, content } of blocks) {
    writer
      .u64(block)
      .u64(lsn)
      .u8(content === undefined ? HOLE : 0)
      .u32(content?.checksum ?? 0)
  }
  return [writer.done(), ...blocks.flatMap(({ content }) => (content === undefined ? [] : [content.data]))]
}

/** Undefined when the payload is not that, or a block is not what its checksum says. Content is a view of it. */
export function decodeBlocks(payload: Uint8Array): readonly WireBlock[] | undefined {
  const reader = new ByteReader(payload)
  const table = reader.list(BLOCKS_MAX, () => ({
    block: reader.u64(),
    lsn: reader.u64(),
    flags: reader.u8(),
    checksum: reader.u32(),
  }))
  const blocks: WireBlock[] = []
  for (const { block, lsn, flags, checksum } of table) {
    if (flags > HOLE || lsn === 0) return undefined
    if (flags === HOLE) {
      blocks.push({ block, lsn, content: undefined })
      continue
    }
    const data = reader.bytes(BLOCK_BYTES)
    if (!reader.isValid || blockChecksum(data, block, lsn) !== checksum) return undefined
    blocks.push({ block, lsn, content: { checksum, data } })
  }
  return reader.isDone && blocks.length > 0 ? blocks : undefined
}
