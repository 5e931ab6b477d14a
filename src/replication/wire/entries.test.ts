import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epochNumber } from '../../base/units.ts'
import { blockChecksum } from '../../blockvol/checksum.ts'
import { ENTRY_KIND } from '../../blockvol/format/log-group.ts'
import { decodeEntries, encodeEntries, type WireEntry } from './entries.ts'

const epoch = { number: epochNumber(3), id: 0xfedc_ba98_7654_3210n }

const lists = fc
  .tuple(
    fc.integer({ min: 1, max: 1e12 }),
    fc.array(
      fc.record({
        kind: fc.constantFrom(...Object.values(ENTRY_KIND)),
        block: fc.integer({ min: 0, max: 2 ** 34 }),
        blocks: fc.integer({ min: 0, max: 2 ** 34 }),
        argument: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        fills: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 3 }),
      }),
      { minLength: 1, maxLength: 6 },
    ),
  )
  .map(([first, list]) =>
    list.map(({ fills, ...entry }, i): WireEntry => {
      const data = new Uint8Array(fills.length * 4096)
      fills.forEach((fill, block) => {
        data.fill(fill, block * 4096, (block + 1) * 4096)
      })
      const lsn = first + i
      const checksums = fills.map((_, b) =>
        blockChecksum(data.subarray(b * 4096, (b + 1) * 4096), entry.block + b, lsn),
      )
      return { ...entry, lsn, checksums, data }
    }),
  )
const rangeOf = (entries: readonly WireEntry[]): { first: number; last: number } => ({
  first: entries[0]!.lsn,
  last: entries.at(-1)!.lsn,
})

describe('entries on their way', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(lists, (entries) => {
        const payload = Buffer.concat(encodeEntries(epoch, entries))
        expect(decodeEntries(payload, rangeOf(entries))).toEqual({
          epoch,
          entries: entries.map((entry) => ({ ...entry, data: Buffer.from(entry.data) })),
        })
      }),
      { numRuns: 50 },
    )
  })

  it('are refused when they are cut, longer, of other LSNs, or not what their checksums say', () => {
    fc.assert(
      fc.property(lists, fc.nat(), (entries, place) => {
        const payload = Buffer.concat(encodeEntries(epoch, entries))
        const range = rangeOf(entries)
        expect(decodeEntries(payload.subarray(0, place % payload.byteLength), range)).toBeUndefined()
        expect(decodeEntries(Buffer.concat([payload, Buffer.alloc(1)]), range)).toBeUndefined()
        expect(decodeEntries(payload, { ...range, last: range.last + 1 })).toBeUndefined()
        if (entries.some((entry) => entry.data.byteLength > 0)) {
          expect(decodeEntries(payload, { first: range.first + 1, last: range.last + 1 })).toBeUndefined()
          payload[payload.byteLength - 1]! ^= 1
          expect(decodeEntries(payload, range)).toBeUndefined()
        }
      }),
      { numRuns: 50 },
    )
  })

  it('are refused, and never throw, when they are made of anything', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (payload) => {
        decodeEntries(payload, { first: 1, last: 2 })
      }),
      { numRuns: 1000 },
    )
  })
})
