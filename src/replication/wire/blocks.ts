/**
 * Blocks of a resync's base as BLOCKS carries them behind its session: each version that was wanted, or that the source
 * cannot read it. The checksum is the block map's, of this content at this place of this write.
 */
import { assert } from '../../base/assert.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import { blockChecksum } from '../../blockvol/checksum.ts'
import type { BaseBlock } from '../../blockvol/resync/offer.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'

/** Most blocks of one frame: their table and content stay below the longest payload. */
export const BLOCKS_MAX = 512
const BAD = 1
const VERSION = 2

/** Writes the table, of at least one block. Returns pieces; the content is lent, not copied. */
export function encodeBlocks(writer: ByteWriter, blocks: readonly BaseBlock[]): Uint8Array[] {
  assert(blocks.length > 0 && blocks.length <= BLOCKS_MAX, 'a frame has some blocks')
  writer.u16(blocks.length)
  for (const { block, lsn, isVersion, content } of blocks) {
    writer
      .u64(block)
      .u64(lsn)
      .u8((content === undefined ? BAD : 0) | (isVersion ? VERSION : 0))
      .u32(content?.checksum ?? 0)
  }
  return [writer.done(), ...blocks.flatMap(({ content }) => (content === undefined ? [] : [content.data]))]
}

/**
 * The rest of a payload; content is a view of it. The reader fails when it is not that, or a block is not what its
 * checksum says.
 */
export function readBlocks(reader: ByteReader): readonly BaseBlock[] {
  const table = reader.list(BLOCKS_MAX, () => ({
    block: reader.u64(),
    lsn: reader.u64(),
    flags: reader.u8(),
    checksum: reader.u32(),
  }))
  if (table.length === 0) reader.fail()
  const blocks: BaseBlock[] = []
  for (const { block, lsn, flags, checksum } of table) {
    if (flags > (BAD | VERSION) || lsn === 0) reader.fail()
    const isVersion = (flags & VERSION) !== 0
    if ((flags & BAD) !== 0) {
      blocks.push({ block, lsn, isVersion, content: undefined })
      continue
    }
    const data = reader.bytes(BLOCK_BYTES)
    if (!reader.isValid || blockChecksum(data, block, lsn) !== checksum) {
      reader.fail()
      return []
    }
    blocks.push({ block, lsn, isVersion, content: { checksum, data } })
  }
  return blocks
}
