import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flipped, hex } from '../../../test/blockvol/hex.ts'
import { isBlockError } from '../../base/errors.ts'
import { ENVELOPE_BYTES } from './dual-slot.ts'
import {
  decodeManifest,
  encodeManifest,
  FILES_MAX,
  LISTS_MAX,
  type ListInfo,
  MANIFEST_FORMAT,
  type Manifest,
} from './version-manifest.ts'

const UUID = Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i)

/** Computed by hand from the tables in docs/formats/versions.md. */
const BODY = hex(`
  a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af
  07 00 00 00 00 00 00 00            # seven changes
  05 04 03 02 01 00 00 00            # next slot
  0b 00 00 00 00 00 00 00            # next list
  01 00 00 00 01 00 00 00 02 00 00 00 00*12   # one list, one that is freed, two files
  09 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00   # list 9 of three records
  02 00 00 00 00 00 00 00 64 00 00 00 00 00 00 00   # two with data, as of LSN 100
  50 00 00 00 00 00 00 00 40 00 00 00 00 00 00 00   # none above 80, void above 64
  0a 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00   # list 10
  01 00 00 00 00 00 00 00 64 00 00 00 00 00 00 00
  08 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00
  00*8 02 00 00 00 00 00 00 00       # two blocks of file 0
  03 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00`)

const MEANT: Manifest = {
  uuid: UUID,
  changes: 7,
  nextSlot: 0x01_0203_0405,
  nextList: 11,
  lists: [{ number: 9, records: 3, dataBlocks: 2, asOfLsn: 100, maxLsn: 80, keptLsn: 64 }],
  freeing: [{ number: 10, records: 1, dataBlocks: 1, asOfLsn: 100, maxLsn: 8, keptLsn: 8 }],
  usedBlocks: new Map([
    [0, 2],
    [3, 1],
  ]),
}

const verdict = (body: Uint8Array, uuid = UUID): string => {
  try {
    decodeManifest(body, uuid, 'manifest')
    return 'accepted'
  } catch (error) {
    return isBlockError(error) ? error.code : String(error)
  }
}

const info = (number: number): ListInfo => ({
  number,
  records: 1,
  dataBlocks: 1,
  asOfLsn: 2 ** 53 - 1,
  maxLsn: 2 ** 53 - 1,
  keptLsn: 2 ** 53 - 1,
})

describe('the manifest of versions', () => {
  it('is the bytes of the tables, both ways', () => {
    expect(encodeManifest(MEANT)).toEqual(BODY)
    expect(decodeManifest(BODY, UUID, 'manifest')).toEqual(MEANT)
  })

  it('comes back as it was written', () => {
    const u53 = fc.maxSafeNat()
    const manifests = fc.record({
      changes: u53,
      nextSlot: u53,
      numbers: fc.uniqueArray(fc.nat(1000), { maxLength: 20 }),
      lists: fc.nat(20),
      usedBlocks: fc.array(fc.tuple(fc.nat(1000), u53), { maxLength: 5 }).map((files) => new Map(files)),
    })
    fc.assert(
      fc.property(manifests, ({ numbers, lists, usedBlocks, ...rest }) => {
        const infos = numbers.map(info)
        const manifest: Manifest = {
          ...rest,
          uuid: UUID,
          nextList: 1001,
          lists: infos.slice(0, lists),
          freeing: infos.slice(lists),
          usedBlocks: new Map([...usedBlocks].sort(([a], [b]) => a - b)),
        }
        expect(decodeManifest(encodeManifest(manifest), UUID, 'manifest')).toEqual(manifest)
      }),
    )
  })

  it('fits its slot with as many lists and files as it may have, and refuses more', () => {
    const lists = Array.from({ length: LISTS_MAX }, (_, i) => info(i))
    const usedBlocks = new Map(Array.from({ length: FILES_MAX }, (_, i) => [i, 1]))
    const full: Manifest = { ...MEANT, nextList: 1000, lists, freeing: [], usedBlocks }
    expect(encodeManifest(full).byteLength + ENVELOPE_BYTES).toBeLessThanOrEqual(MANIFEST_FORMAT.slotBytes)
    for (const more of [{ freeing: [info(900)] }, { usedBlocks: new Map([...usedBlocks, [FILES_MAX, 1]]) }]) {
      expect(() => encodeManifest({ ...full, ...more })).toThrow(
        expect.objectContaining({ code: 'NO_SPACE' }),
      )
    }
  })

  it.each([
    ['another volume', 0],
    ['another number of lists', 40],
    ['another number of files', 48],
    ['padding that is not zero', 63],
    ['a list with a number that is not given yet', 64 + 1],
    ['a list that is named twice', 64 + 48],
    ['a number above 2^53', 64 + 47],
  ])('is refused with %s', (_, at) => {
    const other = flipped(BODY, at, at === 64 + 48 ? 0 : 1)
    if (at === 64 + 48) other[at] = 9
    if (at === 64 + 47) other[at] = 1
    expect(verdict(other)).toBe('CORRUPT')
  })

  it('is refused when it is cut short or too long, or has a list without records', () => {
    for (const length of [0, 63, 64, BODY.byteLength - 1]) {
      expect(verdict(BODY.subarray(0, length)), `${length}`).toBe('CORRUPT')
    }
    expect(verdict(Buffer.concat([BODY, new Uint8Array(16)]))).toBe('CORRUPT')
    const empty = Uint8Array.from(BODY)
    empty.fill(0, 72, 88)
    expect(verdict(empty)).toBe('CORRUPT')
    expect(verdict(BODY, flipped(UUID, 3))).toBe('CORRUPT')
  })
})
