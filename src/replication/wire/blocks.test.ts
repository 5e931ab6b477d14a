import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blockChecksum } from '../../blockvol/checksum.ts'
import { BLOCKS_MAX, decodeBlocks, encodeBlocks, type WireBlock } from './blocks.ts'
import { CONTENT_BYTES_MAX } from './frame.ts'

const contentOf = (block: number, lsn: number, fill: number): NonNullable<WireBlock['content']> => {
  const data = Buffer.alloc(4096, fill)
  return { checksum: blockChecksum(data, block, lsn), data }
}
const lists = fc.array(
  fc
    .tuple(fc.integer({ min: 0, max: 2 ** 34 }), fc.integer({ min: 1, max: 2 ** 52 }), fc.option(fc.nat(255)))
    .map(
      ([block, lsn, fill]): WireBlock => ({
        block,
        lsn,
        content: fill === null ? undefined : contentOf(block, lsn, fill),
      }),
    ),
  { minLength: 1, maxLength: 6 },
)

describe('blocks on their way', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(lists, (blocks) => {
        expect(decodeBlocks(Buffer.concat(encodeBlocks(blocks)))).toEqual(blocks)
      }),
      { numRuns: 50 },
    )
  })

  it('are refused when they are cut, longer, or not what their checksums say', () => {
    fc.assert(
      fc.property(lists, fc.nat(), (blocks, place) => {
        const payload = Buffer.concat(encodeBlocks(blocks))
        expect(decodeBlocks(payload.subarray(0, place % payload.byteLength))).toBeUndefined()
        expect(decodeBlocks(Buffer.concat([payload, Buffer.alloc(1)]))).toBeUndefined()
        if (blocks.at(-1)?.content === undefined) return
        payload[payload.byteLength - 1]! ^= 4
        expect(decodeBlocks(payload)).toBeUndefined()
      }),
      { numRuns: 50 },
    )
  })

  it('are refused, and never throw, when they are made of anything', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (payload) => {
        const blocks = decodeBlocks(payload)
        if (blocks !== undefined) expect(blocks.every(({ content }) => content === undefined)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('fit a frame, as many as are allowed', () => {
    const blocks = Array.from({ length: BLOCKS_MAX }, (_, i) => ({
      block: i,
      lsn: 9,
      content: contentOf(i, 9, i),
    }))
    const payload = Buffer.concat(encodeBlocks(blocks))
    expect(payload.byteLength).toBeLessThanOrEqual(CONTENT_BYTES_MAX)
    expect(decodeBlocks(payload)).toHaveLength(BLOCKS_MAX)
  })
})
