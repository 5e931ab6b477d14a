import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BLOCK_BYTES, epochNumber } from '../../base/units.ts'
import { decodeFetch, decodeFetched, encodeFetch, encodeFetched } from './fetch.ts'

const epoch = { number: epochNumber(7), id: 0xfedc_ba98_7654_3210n }
const u48 = fc.nat(2 ** 48)

describe('FETCH and FETCHED', () => {
  it('come back as they were, of any version', () => {
    fc.assert(
      fc.property(
        u48,
        fc.integer({ min: 1, max: 2 ** 48 }),
        fc.nat(0xffff_ffff),
        u48,
        (block, lsn, crc32c, seedBlock) => {
          const fetch = { epoch, id: 9, wanted: { block, lsn, crc32c, seedBlock } }
          expect(decodeFetch(encodeFetch(fetch))).toEqual(fetch)
        },
      ),
    )
    const data = new Uint8Array(BLOCK_BYTES).fill(3)
    for (const outcome of [{ kind: 'found', data }, { kind: 'missing' }, { kind: 'busy' }] as const) {
      const fetched = { epoch, id: 9, outcome }
      expect(decodeFetched(Uint8Array.from(Buffer.concat(encodeFetched(fetched))))).toEqual(fetched)
    }
  })

  it('are refused when cut short, too long, of LSN 0, or with content that is not one block', () => {
    const fetch = encodeFetch({ epoch, id: 1, wanted: { block: 1, lsn: 2, crc32c: 3, seedBlock: 1 } })
    for (let length = 0; length < fetch.byteLength; length++)
      expect(decodeFetch(fetch.subarray(0, length))).toBeUndefined()
    expect(decodeFetch(Buffer.concat([fetch, Uint8Array.of(0)]))).toBeUndefined()
    const never = encodeFetch({ epoch, id: 1, wanted: { block: 1, lsn: 0, crc32c: 3, seedBlock: 1 } })
    expect(decodeFetch(never)).toBeUndefined()
    const found = Buffer.concat(
      encodeFetched({ epoch, id: 1, outcome: { kind: 'found', data: new Uint8Array(BLOCK_BYTES) } }),
    )
    expect(decodeFetched(found.subarray(0, -1))).toBeUndefined()
    expect(decodeFetched(Buffer.concat([found, Uint8Array.of(0)]))).toBeUndefined()
    const missing = encodeFetched({ epoch, id: 1, outcome: { kind: 'missing' } })
    expect(decodeFetched(Buffer.concat([...missing, new Uint8Array(BLOCK_BYTES)]))).toBeUndefined()
  })
})
