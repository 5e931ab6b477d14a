import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epochNumber } from '../../base/units.ts'
import { type BlockEntry, hashOf } from '../../blockvol/compare/page-entries.ts'
import { PAGE_BLOCKS } from '../../blockvol/geometry.ts'
import {
  COMPARE_PAGES_MAX,
  decodeCompare,
  decodeCompared,
  decodeMend,
  decodeMended,
  encodeCompare,
  encodeCompared,
  encodeMend,
  encodeMended,
  MEND_BLOCKS_MAX,
} from './compare.ts'
import { FRAME, payloadBytesMax } from './frame.ts'
import { decodeScrub, decodeScrubbed, encodeScrub, encodeScrubbed, FOUND_MAX } from './scrub.ts'

const numbered = { epoch: { number: epochNumber(7), id: 0xfedc_ba98_7654_3210n }, id: 9 }
const u48 = fc.nat(2 ** 48)
const lsn = fc.integer({ min: 1, max: 2 ** 48 })
const data = fc.record({ kind: fc.constant('data' as const), lsn, checksum: fc.nat(0xffff_ffff) })
const zeros = fc.record({ kind: fc.constant('zeros' as const), lsn: u48, checksum: fc.constant(0) })
const unknown = fc.record({ kind: fc.constant('unknown' as const), lsn: u48, checksum: fc.constant(0) })
const newer: BlockEntry = { kind: 'newer', lsn: 0, checksum: 0 }
const entries = fc.array(fc.oneof(data, zeros, unknown, fc.constant(newer)), {
  minLength: PAGE_BLOCKS,
  maxLength: PAGE_BLOCKS,
})

describe('frames of a scrub', () => {
  it('come back as they were, and fit when they are as long as they may be', () => {
    fc.assert(
      fc.property(u48, u48, entries, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (page, at, table, hash) => {
        const pages = Array.from({ length: COMPARE_PAGES_MAX }, () => ({ page, hash }))
        const compare = { ...numbered, asOfLsn: at, pages }
        expect(decodeCompare(encodeCompare(compare))).toEqual(compare)
        const differing = Array.from({ length: COMPARE_PAGES_MAX }, () => ({ page, entries: table }))
        const compared = encodeCompared({ ...numbered, differing })
        expect(decodeCompared(compared)).toEqual({ ...numbered, differing })
        expect(compared.byteLength).toBeLessThanOrEqual(payloadBytesMax(FRAME.compared, true))
      }),
      { numRuns: 20 },
    )
    fc.assert(
      fc.property(u48, fc.oneof(data, zeros, unknown), fc.oneof(data, zeros), (block, told, wanted) => {
        const mend = { ...numbered, blocks: Array(MEND_BLOCKS_MAX).fill({ block, told, wanted }) }
        expect(decodeMend(encodeMend(mend))).toEqual(mend)
      }),
    )
    for (const areMended of [undefined, [], [true, false]]) {
      expect(decodeMended(encodeMended({ ...numbered, areMended }))).toEqual({ ...numbered, areMended })
    }
    const busy = { ...numbered, differing: undefined }
    expect(decodeCompared(encodeCompared(busy))).toEqual(busy)
    const scrub = { ...numbered, pass: 3, repair: true, isCancelled: false }
    expect(decodeScrub(encodeScrub(scrub))).toEqual(scrub)
    const found = Array.from({ length: FOUND_MAX }, (_, block) => ({
      ...{ block, what: 'version' as const, repaired: block % 2 === 0 },
    }))
    const scrubbed = { ...numbered, state: 'ended' as const, verifiedBytes: 5, errors: 6, repaired: 7, found }
    expect(decodeScrubbed(encodeScrubbed(scrubbed))).toEqual(scrubbed)
    expect(encodeScrubbed(scrubbed).byteLength).toBeLessThanOrEqual(payloadBytesMax(FRAME.scrubbed, true))
  })

  it('are refused when cut short, too long, or when they say what cannot be', () => {
    const entry = { kind: 'data', lsn: 3, checksum: 4 } as const
    const unknownEntry = { kind: 'unknown', lsn: 0, checksum: 0 } as const
    const whole = [
      [encodeCompare({ ...numbered, asOfLsn: 1, pages: [{ page: 1, hash: 2n }] }), decodeCompare],
      [encodeCompared({ ...numbered, differing: [] }), decodeCompared],
      [encodeMend({ ...numbered, blocks: [{ block: 1, told: unknownEntry, wanted: entry }] }), decodeMend],
      [encodeMended({ ...numbered, areMended: [true] }), decodeMended],
      [encodeScrub({ ...numbered, pass: 1, repair: true, isCancelled: true }), decodeScrub],
    ] as const
    for (const [bytes, decode] of whole) {
      expect(decode(bytes)).toBeDefined()
      for (let length = 0; length < bytes.byteLength; length++)
        expect(decode(bytes.subarray(0, length)), `${length} bytes`).toBeUndefined()
      expect(decode(Uint8Array.of(...bytes, 0))).toBeUndefined()
    }
    const mends = [
      { told: newer, wanted: entry },
      { told: entry, wanted: unknownEntry },
      { told: entry, wanted: newer },
      { told: { ...entry, lsn: 0 }, wanted: entry },
      { told: { ...unknownEntry, checksum: 1 }, wanted: entry },
    ]
    for (const mend of mends) {
      expect(decodeMend(encodeMend({ ...numbered, blocks: [{ block: 1, ...mend }] }))).toBeUndefined()
    }
    expect(
      decodeScrub(encodeScrub({ ...numbered, pass: 0, repair: true, isCancelled: true })),
    ).toBeUndefined()
    const pages = Array.from({ length: COMPARE_PAGES_MAX + 1 }, () => ({ page: 1, hash: 2n }))
    expect(decodeCompare(encodeCompare({ ...numbered, asOfLsn: 1, pages }))).toBeUndefined()
  })

  it('hash entries that say the same to the same, and others to others', () => {
    const page = (entry: BlockEntry): readonly BlockEntry[] => [
      ...Array.from({ length: 5 }, () => newer),
      entry,
    ]
    const hashes = [
      { kind: 'zeros', lsn: 0, checksum: 0 },
      { kind: 'data', lsn: 1, checksum: 2 },
      { kind: 'data', lsn: 2, checksum: 2 },
      { kind: 'data', lsn: 1, checksum: 3 },
      { kind: 'data', lsn: 2 ** 32 + 1, checksum: 2 },
      { kind: 'unknown', lsn: 1, checksum: 0 },
      newer,
    ] as const
    expect(new Set(hashes.map((entry) => hashOf(page(entry)))).size).toBe(hashes.length)
    expect(hashOf(page({ kind: 'zeros', lsn: 77, checksum: 0 }))).toBe(hashOf(page(hashes[0])))
    // computed apart from this code, as docs/formats/replication.md has it
    expect(hashOf([hashes[1]]).toString(16)).toBe('5fe90bda7643a4ee')
  })
})
