import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flipped, hex } from '../../../test/blockvol/hex.ts'
import { viewOf } from '../../base/binary.ts'
import { crc32c } from '../../base/crc32c.ts'
import { ENTRY_FLAG_HOLE, ENTRY_FLAG_UNKNOWN, type KnownOfPage, MapPage, PAGE_BYTES } from './map-page.ts'

/**
 * The second sector of page 1, written by a flush through LSN 300. Computed by hand from the table in
 * docs/formats/block-map.md; the checksum with a bitwise CRC-32C.
 */
const GOLDEN = hex(`
  42 4c 4d 50 01 00 00 00            # magic "BLMP", version, padding
  09 00 00 00 00 00 00 00            # sector 9
  ad 44 97 ec 00 00 00 00            # checksum, padding
  2c 01 00 00 00 00 00 00            # as of LSN 300
  00*12                              # block 288: never touched
  06 00 00 00 00 00 00 00 ef be ad de   # block 289: LSN 6, content
  07 00 00 00 02 00 00 01 00 00 00 00   # block 290: LSN 0x2_0000_0007, a hole
  00*444`)

const UNKNOWN_OF_PAGE: KnownOfPage = { floorLsn: 0, checkpointLsn: Number.MAX_SAFE_INTEGER }

function parse(
  bytes: Uint8Array,
  known: KnownOfPage = UNKNOWN_OF_PAGE,
  index = 1,
): { page: MapPage; damaged: number[] } {
  const damaged: number[] = []
  const page = MapPage.parse(index, Uint8Array.from(bytes), known, (sector) => damaged.push(sector))
  return { page, damaged }
}

const entryOf = (page: MapPage, slot: number) => ({
  lsn: page.lsn(slot),
  hole: page.isHole(slot),
  unknown: page.isUnknown(slot),
  content: page.hasContent(slot),
  checksum: page.checksum(slot),
})
const entriesOf = (page: MapPage) => Array.from({ length: 256 }, (_, slot) => entryOf(page, slot))

/** A page with some of everything, as of LSN 300. */
function somePage(): MapPage {
  const page = MapPage.empty(1)
  for (let slot = 0; slot < 256; slot += 3) page.set(slot, 40 + slot, 0, slot * 99_991)
  for (let slot = 1; slot < 256; slot += 9) page.set(slot, 50 + slot, ENTRY_FLAG_HOLE, 0)
  page.seal(300)
  return page
}

/** `page` sealed as of `asOfLsn`, as bytes. */
function sealed(page: MapPage, asOfLsn: number): Uint8Array {
  page.seal(asOfLsn)
  return Uint8Array.from(page.bytes)
}

describe('a page of the block map', () => {
  it('has sectors that are the bytes of the table', () => {
    const page = MapPage.empty(1)
    page.set(33, 6, 0, 0xdead_beef)
    page.set(34, 0x2_0000_0007, ENTRY_FLAG_HOLE, 0)
    page.seal(300)
    expect(page.bytes.subarray(512, 1024)).toEqual(GOLDEN)
  })

  it('is read from the bytes of the table', () => {
    const bytes = new Uint8Array(PAGE_BYTES)
    bytes.set(GOLDEN, 512)
    const { page, damaged } = parse(bytes, { floorLsn: 0, checkpointLsn: 299 })
    expect(damaged).toEqual([])
    expect(entryOf(page, 32)).toEqual({ lsn: 0, hole: false, unknown: false, content: false, checksum: 0 })
    expect(entryOf(page, 33)).toMatchObject({ lsn: 6, content: true, checksum: 0xdead_beef })
    expect(entryOf(page, 34)).toMatchObject({ lsn: 0x2_0000_0007, hole: true, content: false })
  })

  it('comes back as it was written', () => {
    const entry = fc.record({
      slot: fc.nat(255),
      lsn: fc.integer({ min: 1, max: 2 ** 53 - 1 }),
      flags: fc.constantFrom(0, ENTRY_FLAG_HOLE, ENTRY_FLAG_UNKNOWN),
      checksum: fc.nat(0xffff_ffff),
    })
    fc.assert(
      fc.property(
        fc.array(entry),
        fc.integer({ min: 0, max: 2 ** 30 }),
        fc.maxSafeNat(),
        (entries, index, asOf) => {
          const page = MapPage.empty(index)
          for (const { slot, lsn, flags, checksum } of entries) page.set(slot, lsn, flags, checksum)
          page.seal(asOf)
          const again = parse(page.bytes, { floorLsn: asOf, checkpointLsn: asOf }, index)
          expect(again.damaged).toEqual([])
          expect(entriesOf(again.page)).toEqual(entriesOf(page))
        },
      ),
      { numRuns: 50 },
    )
  })

  it('loses exactly the sector of a changed byte: its entries are unknown, the others as they were', () => {
    const page = somePage()
    const meant = entriesOf(page)
    for (let at = 0; at < PAGE_BYTES; at++) {
      const sector = Math.floor(at / 512)
      const { page: read, damaged } = parse(flipped(page.bytes, at, 1 << (at % 8)))
      expect(damaged, `byte ${at}`).toEqual([8 + sector])
      for (let slot = 0; slot < 256; slot += 5) {
        const isLost = Math.floor(slot / 32) === sector
        const entry = entryOf(read, slot)
        if (isLost) expect(entry).toEqual({ lsn: 0, hole: false, unknown: true, content: false, checksum: 0 })
        else expect(entry).toEqual(meant[slot])
      }
    }
  })

  it('stays unknown when it is written and read again, until the block is set', () => {
    const { page } = parse(flipped(somePage().bytes, 600))
    page.set(40, 900, 0, 77)
    const again = parse(sealed(page, 901))
    expect(again.damaged).toEqual([])
    expect(entryOf(again.page, 41)).toMatchObject({ unknown: true, content: false })
    expect(entryOf(again.page, 40)).toMatchObject({ lsn: 900, unknown: false, content: true, checksum: 77 })
  })

  it('does not take a sector of another place or another version, or with padding that is not zero', () => {
    const moved = parse(somePage().bytes, UNKNOWN_OF_PAGE, 2)
    expect(moved.damaged).toEqual([16, 17, 18, 19, 20, 21, 22, 23])
    const resealed = (at: number): Uint8Array => {
      const bytes = flipped(somePage().bytes, 512 + at, 2)
      const sum = crc32c(bytes.subarray(512 + 20, 1024), crc32c(bytes.subarray(512, 512 + 16)))
      viewOf(bytes).setUint32(512 + 16, sum, true)
      return bytes
    }
    for (const at of [4, 6, 7, 20, 23, 416, 511])
      expect(parse(resealed(at)).damaged, `byte ${at}`).toEqual([9])
    expect(parse(resealed(40)).damaged).toEqual([])
  })
})

describe('a write of a map page', () => {
  const older = somePage()
  const before = sealed(older, 300)
  older.set(0, 350, 0, 1)
  older.set(255, 351, 0, 2)
  const after = sealed(older, 400)
  const tornAt = (sectors: number, from = before): Uint8Array => {
    const bytes = Uint8Array.from(from)
    bytes.set(after.subarray(0, sectors * 512))
    return bytes
  }

  it('may be torn while no checkpoint relies on it', () => {
    for (let sectors = 0; sectors <= 8; sectors++) {
      const known = { floorLsn: 300, checkpointLsn: 399 }
      expect(parse(tornAt(sectors), known).damaged, `${sectors} sectors`).toEqual([])
      const first = parse(tornAt(sectors, new Uint8Array(PAGE_BYTES)), { floorLsn: 0, checkpointLsn: 399 })
      expect(first.damaged, `${sectors} sectors of the first write`).toEqual([])
    }
  })

  it('is missed in the sectors that the disk lost once a checkpoint relies on it', () => {
    for (let sectors = 1; sectors < 8; sectors++) {
      const lost = Array.from({ length: 8 - sectors }, (_, i) => 8 + sectors + i)
      const known = { floorLsn: 0, checkpointLsn: 400 }
      expect(parse(tornAt(sectors), known).damaged).toEqual(lost)
      expect(parse(tornAt(sectors, new Uint8Array(PAGE_BYTES)), known).damaged).toEqual(lost)
    }
  })

  it('is missed as a whole when its grain knows of a later one', () => {
    const all = [8, 9, 10, 11, 12, 13, 14, 15]
    expect(parse(before, { floorLsn: 351, checkpointLsn: 400 }).damaged).toEqual(all)
    expect(parse(new Uint8Array(PAGE_BYTES), { floorLsn: 351, checkpointLsn: 400 }).damaged).toEqual(all)
    expect(parse(after, { floorLsn: 351, checkpointLsn: 400 }).damaged).toEqual([])
  })

  it('covers a page that never had one: all zero, nothing known, nothing damaged', () => {
    const { page, damaged } = parse(new Uint8Array(PAGE_BYTES), { floorLsn: 0, checkpointLsn: 400 })
    expect(damaged).toEqual([])
    expect(page.isWritten).toBe(false)
    expect(page.isChanged).toBe(false)
  })

  it('is wanted after a change or a touch, not before and not after it was sealed', () => {
    const { page } = parse(after)
    expect(page.isWritten).toBe(true)
    expect(page.isChanged).toBe(false)
    page.touch()
    expect(page.isChanged).toBe(true)
    page.seal(500)
    expect(page.isChanged).toBe(false)
    page.set(3, 501, 0, 1)
    expect(page.isChanged).toBe(true)
  })
})
