import { describe, expect, it } from 'vitest'
import { flipped, hex } from '../../../test/blockvol/hex.ts'
import { viewOf } from '../../base/binary.ts'
import { crc32c } from '../../base/crc32c.ts'
import type { StoredVersion } from '../versions/version.ts'
import {
  decodeIndex,
  encodeIndex,
  PAGE_FIRSTS,
  PAGE_RECORDS,
  pageOffsets,
  pagesOf,
  putRecord,
  RecordPage,
  sealRecords,
} from './version-pages.ts'

/** Computed by hand from the tables in docs/formats/versions.md; checksums with a bitwise CRC-32C. */
const RECORDS = hex(`
  42 4c 56 52 01 00 03 00            # magic "BLVR", version, three records
  09 00 00 00 00 00 00 00 02 00 00 00   # list 9, page 2
  b6 c9 72 ce                        # checksum
  a0 a1 a2 a3 a4 a5 a6 a7            # volume
  05 04 03 02 01 00 00 00 55 44 33 22 11 00 00 00   # block, LSN
  66 00 00 00 00 00 00 00 ef be ad de 00 00 00 00   # slot, checksum, data
  05 04 03 02 01 00 00 00 56 44 33 22 11 00 00 00   # the block as of the next LSN
  00*12 01 00 00 00                  # a hole
  06 04 03 02 01 00 00 00 07 00 00 00 00 00 00 00
  00*12 02 00 00 00                  # bad
  00*3968`)
const INDEX = hex(`
  42 4c 56 49 01 00 02 00            # magic "BLVI", version, two pages
  09 00 00 00 00 00 00 00 03 00 00 00   # list 9, page 3
  9b b2 a6 30                        # checksum
  a0 a1 a2 a3 a4 a5 a6 a7            # volume
  05 00 00 00 00 00 00 00 05 04 03 02 01 00 00 00
  00*4048`)

const VOLUME = Uint8Array.from({ length: 8 }, (_, i) => 0xa0 + i)
const AT_RECORDS = { volume: VOLUME, list: 9, index: 2 }
const AT_INDEX = { volume: VOLUME, list: 9, index: 3 }
const VERSIONS: readonly StoredVersion[] = [
  { block: 0x01_0203_0405, lsn: 0x11_2233_4455, kind: 'data', slot: 0x66, checksum: 0xdead_beef },
  { block: 0x01_0203_0405, lsn: 0x11_2233_4456, kind: 'hole', slot: 0, checksum: 0 },
  { block: 0x01_0203_0406, lsn: 7, kind: 'bad', slot: 0, checksum: 0 },
]

/** `page` with other bytes and a checksum that is right for them. */
function resealed(page: Uint8Array, change: (bytes: Uint8Array) => void): Uint8Array {
  const other = Uint8Array.from(page)
  change(other)
  const sum = crc32c(other.subarray(24), crc32c(other.subarray(0, 20)))
  viewOf(other).setUint32(20, sum, true)
  return other
}

describe('a page of records', () => {
  it('is the bytes of the tables, both ways', () => {
    const page = new Uint8Array(4096)
    for (const [i, version] of VERSIONS.entries()) putRecord(page, i, version)
    sealRecords(page, AT_RECORDS, 3)
    expect(page).toEqual(RECORDS)
    const parsed = RecordPage.parse(Uint8Array.from(RECORDS), AT_RECORDS)!
    expect([0, 1, 2].map((i) => parsed.version(i))).toEqual(VERSIONS)
    expect(parsed.count).toBe(3)
  })

  it('finds the first record of a block or of a later one', () => {
    const parsed = RecordPage.parse(Uint8Array.from(RECORDS), AT_RECORDS)!
    const block = 0x01_0203_0405
    expect([0, block, block + 1, block + 2].map((at) => parsed.find(at))).toEqual([0, 0, 2, 3])
  })

  it('is bad when a single bit of it changed', () => {
    for (let at = 0; at < 4096; at++) {
      expect(RecordPage.parse(flipped(RECORDS, at, 1 << (at % 8)), AT_RECORDS), `byte ${at}`).toBeUndefined()
    }
  })

  it('is bad when it is another one: of another list, place, volume, kind or version', () => {
    for (const other of [
      { ...AT_RECORDS, list: 8 },
      { ...AT_RECORDS, index: 1 },
      { ...AT_RECORDS, volume: flipped(VOLUME, 7) },
    ]) {
      expect(RecordPage.parse(Uint8Array.from(RECORDS), other)).toBeUndefined()
    }
    expect(decodeIndex(RECORDS, AT_RECORDS)).toBeUndefined()
    const version2 = resealed(RECORDS, (bytes) => bytes.set([2], 4))
    expect(RecordPage.parse(version2, AT_RECORDS)).toBeUndefined()
  })

  it.each([
    ['no records', 6, 0],
    ['more than it can have', 6, 128],
    ['fewer than it has', 6, 2],
    ['an order that does not ascend by block', 32, 7],
    ['an order that does not ascend by LSN', 40, 0xff],
    ['a kind that is not known', 32 + 28, 3],
    ['padding that is not zero', 32 + 29, 1],
    ['a slot of a hole', 64 + 16, 1],
    ['a checksum of a hole', 64 + 24, 1],
    ['an LSN that is too large', 40 + 7, 1],
  ])('is bad with %s, though its checksum is right', (_, at, value) => {
    expect(
      RecordPage.parse(
        resealed(RECORDS, () => undefined),
        AT_RECORDS,
      ),
    ).toBeDefined()
    expect(
      RecordPage.parse(
        resealed(RECORDS, (bytes) => bytes.set([value], at)),
        AT_RECORDS,
      ),
    ).toBeUndefined()
  })
})

describe('a page of the index', () => {
  it('is the bytes of the tables, both ways', () => {
    const page = new Uint8Array(4096)
    encodeIndex(page, AT_INDEX, [5, 0x01_0203_0405])
    expect(page).toEqual(INDEX)
    expect(decodeIndex(INDEX, AT_INDEX)).toEqual(Float64Array.of(5, 0x01_0203_0405))
  })

  it('is bad when a single bit of it changed, or its blocks do not ascend', () => {
    for (let at = 0; at < 4096; at++) {
      expect(decodeIndex(flipped(INDEX, at, 1 << (at % 8)), AT_INDEX), `byte ${at}`).toBeUndefined()
    }
    const falling = resealed(INDEX, (bytes) => bytes.set([9], 32 + 6))
    expect(decodeIndex(falling, AT_INDEX)).toBeUndefined()
  })
})

describe('the places of pages', () => {
  it('are each used by one page or one copy, without a gap', () => {
    for (const pages of [1, 2, 31, 32, 33, 64, 100]) {
      const places = Array.from({ length: pages }, (_, i) => pageOffsets(i, pages)).flat()
      expect(places.sort((a, b) => a - b)).toEqual(Array.from({ length: 2 * pages }, (_, i) => i * 4096))
    }
    expect(pageOffsets(33, 40)).toEqual([65 * 4096, 73 * 4096])
  })

  it('are as many as records and index need', () => {
    expect(pagesOf(1)).toEqual({ recordPages: 1, pages: 2 })
    expect(pagesOf(PAGE_RECORDS)).toEqual({ recordPages: 1, pages: 2 })
    expect(pagesOf(PAGE_RECORDS + 1)).toEqual({ recordPages: 2, pages: 3 })
    const most = PAGE_RECORDS * PAGE_FIRSTS
    expect(pagesOf(most)).toEqual({ recordPages: 508, pages: 509 })
    expect(pagesOf(most + 1)).toEqual({ recordPages: 509, pages: 511 })
  })
})
