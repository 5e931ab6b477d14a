import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flipped, hex } from '../../../test/blockvol/hex.ts'
import { viewOf } from '../../base/binary.ts'
import { crc32c } from '../../base/crc32c.ts'
import { epochNumber } from '../../base/units.ts'
import { blockChecksum } from '../checksum.ts'
import {
  ENTRY_BYTES,
  ENTRY_KIND,
  type EntryKind,
  GROUP_ENTRIES_MAX,
  GROUP_FLAG_PAD,
  GROUP_HEADER_BYTES,
  type GroupFacts,
  type GroupHeader,
  groupHeaderBytes,
  headerBytesMax,
  type ParsedEntry,
  parseEntries,
  parseHeader,
  sealGroup,
  writeEntry,
} from './log-group.ts'

const TAG = 0x0123_4567_89ab_cdefn
const EPOCH = { number: epochNumber(3), id: 0x1122_3344_5566_7788n }
const CONTENT = new Uint8Array(4096).fill(0x5a)

/** Computed by hand from the tables in docs/formats/log.md; both checksums with a bitwise CRC-32C. */
const GOLDEN = hex(`
  42 4c 47 31 01 00 00 00            # magic "BLG1", version, flags
  84 00 00 00 00 12 00 00            # header and table of 132 bytes, group of 4608
  02 00 00 00 00 00 00 00            # two entries, padding
  06 00 00 00 00 00 00 00            # first LSN
  00 30 00 00 01 00 00 00            # position
  03 00 00 00 00 00 00 00 88 77 66 55 44 33 22 11   # epoch
  05 00 00 00 00 00 00 00            # durable LSN
  ef cd ab 89 67 45 23 01            # log tag
  ff 5f 95 10 00 00 00 00            # checksum, padding
  01 00 01 00 00 00 00 00            # a write with one data block
  07 00 00 00 03 00 00 00 01 00 00 00 00 00 00 00   # of block 0x3_0000_0007
  76 4d 2d 7e                        # checksum of its data
  02 00 00 00 00 00 00 00            # a trim
  00 01 00 00 00 00 00 00 00 10 00 00 00 00 00 00   # of 4096 blocks from 256
  00*380
  5a*4096`)

interface Entry {
  readonly kind: EntryKind
  readonly block: number
  readonly blocks: number
  readonly argument: number
  readonly data: readonly Uint8Array[]
}

/** What the writer does, in the plainest way. */
function compose(
  entries: readonly Entry[],
  facts: Omit<GroupFacts, 'lengthBytes' | 'entryCount'>,
): Uint8Array {
  const blocks = entries.flatMap((entry) => entry.data)
  const headerBytes = groupHeaderBytes(entries.length, blocks.length)
  const group = new Uint8Array(headerBytes + blocks.length * 4096).fill(0xcc)
  const view = viewOf(group)
  let at = GROUP_HEADER_BYTES
  entries.forEach(({ data, ...entry }, i) => {
    at = writeEntry(view, at, { ...entry, dataBlocks: data.length })
    data.forEach((content, d) => {
      view.setUint32(at, blockChecksum(content, entry.block + d, facts.firstLsn + i), true)
      at += 4
    })
  })
  sealGroup(group, view, at, TAG, { ...facts, lengthBytes: group.byteLength, entryCount: entries.length })
  blocks.forEach((content, i) => {
    group.set(content, headerBytes + i * 4096)
  })
  return group
}

const MEANT_ENTRIES: readonly Entry[] = [
  { kind: ENTRY_KIND.write, block: 0x3_0000_0007, blocks: 1, argument: 0, data: [CONTENT] },
  { kind: ENTRY_KIND.trim, block: 256, blocks: 4096, argument: 0, data: [] },
]
const MEANT_FACTS = { flags: 0, firstLsn: 6, position: 0x1_0000_3000, epoch: EPOCH, durableLsn: 5 }

/** Makes the header's checksum right again after a change. */
function reseal(group: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = Uint8Array.from(group)
  const view = viewOf(copy)
  change(view)
  const table = copy.subarray(GROUP_HEADER_BYTES, view.getUint32(8, true))
  view.setUint32(72, crc32c(table, crc32c(copy.subarray(0, 72))), true)
  return copy
}

/** The entries of a group that has some. */
function parsed(buffer: Uint8Array, header: GroupHeader | undefined, at = 0): ParsedEntry[] | undefined {
  const entries = header === undefined ? undefined : parseEntries(buffer, at, header)
  return entries === 'unknown-kind' ? undefined : entries
}

const u53 = fc.maxSafeNat()
const entryArbitrary: fc.Arbitrary<Entry> = fc
  .record({
    kind: fc.constantFrom(...Object.values(ENTRY_KIND)),
    block: fc.integer({ min: 0, max: 2 ** 34 }),
    blocks: fc.integer({ min: 0, max: 2 ** 34 }),
    argument: fc.nat(),
    dataBlocks: fc.nat(3),
    fill: fc.nat(255),
  })
  .map(({ dataBlocks, fill, ...entry }) => ({
    ...entry,
    data: Array.from({ length: dataBlocks }, (_, i) => new Uint8Array(4096).fill(fill + i)),
  }))

describe('a group of the log', () => {
  it('is the bytes of the tables', () => {
    expect(compose(MEANT_ENTRIES, MEANT_FACTS)).toEqual(GOLDEN)
  })

  it('is read from the bytes of the tables', () => {
    const header = parseHeader(GOLDEN, 0, TAG)
    expect(header).toEqual({
      ...MEANT_FACTS,
      isKnown: true,
      headerBytes: 132,
      lengthBytes: 4608,
      entryCount: 2,
    })
    expect(parsed(GOLDEN, header)).toEqual([
      {
        kind: ENTRY_KIND.write,
        lsn: 6,
        block: 0x3_0000_0007,
        blocks: 1,
        argument: 0,
        dataBlocks: 1,
        dataOffset: 512,
        checksums: [0x7e2d_4d76],
      },
      {
        kind: ENTRY_KIND.trim,
        lsn: 7,
        block: 256,
        blocks: 4096,
        argument: 0,
        dataBlocks: 0,
        dataOffset: 4608,
        checksums: [],
      },
    ])
  })

  it('comes back as it was written, wherever it lies in what was read', () => {
    const facts = fc.record({ firstLsn: u53, position: u53, durableLsn: u53, epochNumber: u53 })
    const property = fc.property(
      fc.array(entryArbitrary, { minLength: 1, maxLength: 8 }),
      facts,
      fc.nat(3),
      (entries, { epochNumber: number, ...rest }, pages) => {
        const meant = { flags: 0, epoch: { number: epochNumber(number), id: 2n ** 64n - 1n }, ...rest }
        const group = compose(entries, meant)
        const at = pages * 512
        const buffer = new Uint8Array(at + group.byteLength + 100)
        buffer.set(group, at)
        const header = parseHeader(buffer, at, TAG)
        expect(header).toMatchObject({ ...meant, lengthBytes: group.byteLength, entryCount: entries.length })
        const found = parsed(buffer, header, at)
        expect(
          found?.map(({ kind, block, blocks, argument }) => ({ kind, block, blocks, argument })),
        ).toEqual(entries.map(({ kind, block, blocks, argument }) => ({ kind, block, blocks, argument })))
        entries.forEach(({ data, block }, i) => {
          const { dataOffset, checksums, lsn } = found![i]!
          expect(checksums).toEqual(data.map((content, d) => blockChecksum(content, block + d, lsn)))
          data.forEach((content, d) => {
            const from = at + dataOffset + d * 4096
            expect(Buffer.compare(buffer.subarray(from, from + 4096), content)).toBe(0)
          })
        })
      },
    )
    fc.assert(property, { numRuns: 50 })
  })

  it('is not taken for a group when a single bit of header or table changed', () => {
    for (let at = 0; at < 132; at++) {
      for (const mask of [1, 0x80, 0xff]) {
        expect(parseHeader(flipped(GOLDEN, at, mask), 0, TAG), `byte ${at}`).toBeUndefined()
      }
    }
  })

  it('does not depend on what pads header and table to 512 bytes', () => {
    expect(GOLDEN.subarray(132, 512).every((byte) => byte === 0)).toBe(true)
    expect(parseHeader(flipped(GOLDEN, 300), 0, TAG)).toEqual(parseHeader(GOLDEN, 0, TAG))
  })

  it('is a group of this volume only: content that a host wrote cannot pass for one', () => {
    expect(parseHeader(GOLDEN, 0, TAG + 1n)).toBeUndefined()
  })

  it('is told apart when a later release wrote it: whole and ours, and not to be read', () => {
    const later = reseal(GOLDEN, (view) => view.setUint16(4, 2, true))
    expect(parseHeader(later, 0, TAG)).toMatchObject({ isKnown: false, firstLsn: 6, position: 0x1_0000_3000 })
    const laterEntry = reseal(GOLDEN, (view) => view.setUint16(GROUP_HEADER_BYTES, 999, true))
    const header = parseHeader(laterEntry, 0, TAG)
    expect(header?.isKnown).toBe(true)
    expect(parseEntries(laterEntry, 0, header!)).toBe('unknown-kind')
  })

  it('is refused with padding that is not zero, unknown flags or lengths without sense', () => {
    const changes: Record<string, (view: DataView) => void> = {
      'unknown flag': (view) => view.setUint16(6, 2, true),
      'pad with entries': (view) => view.setUint16(6, GROUP_FLAG_PAD, true),
      'no entries': (view) => view.setUint32(16, 0, true),
      'padding at 20': (view) => view.setUint32(20, 1, true),
      'padding at 76': (view) => view.setUint8(79, 1),
      'header longer than the group': (view) => view.setUint32(12, 0, true),
      'length off the grid': (view) => view.setUint32(12, 4608 + 8, true),
      'header too short': (view) => view.setUint32(8, GROUP_HEADER_BYTES - 4, true),
    }
    for (const [name, change] of Object.entries(changes)) {
      expect(parseHeader(reseal(GOLDEN, change), 0, TAG), name).toBeUndefined()
    }
    expect(
      parseHeader(
        reseal(GOLDEN, () => undefined),
        0,
        TAG,
      ),
    ).toBeDefined()
  })

  it('is not read past the end of what was read', () => {
    for (const lengthBytes of [0, 79, 131]) {
      expect(parseHeader(GOLDEN.subarray(0, lengthBytes), 0, TAG)).toBeUndefined()
    }
    expect(parseHeader(GOLDEN.subarray(0, 132), 0, TAG)).toBeDefined()
    expect(parseHeader(GOLDEN, GOLDEN.byteLength - 8, TAG)).toBeUndefined()
  })

  it('has no entries when its table contradicts itself', () => {
    const cases: Record<string, (view: DataView) => void> = {
      'one entry too many': (view) => view.setUint32(16, 3, true),
      'one entry too few': (view) => view.setUint32(16, 1, true),
      'more data than there is room for checksums': (view) =>
        view.setUint16(GROUP_HEADER_BYTES + ENTRY_BYTES + 4 + 2, 1, true),
      'less data than the group is long': (view) => view.setUint32(12, 4608 + 512, true),
    }
    for (const [name, change] of Object.entries(cases)) {
      const group = reseal(GOLDEN, change)
      const header = parseHeader(group, 0, TAG)
      expect(header, name).toBeDefined()
      expect(parseEntries(group, 0, header!), name).toBeUndefined()
    }
  })

  it('pads the ring with a group of no entries', () => {
    const pad = new Uint8Array(512)
    const facts = { ...MEANT_FACTS, flags: GROUP_FLAG_PAD, entryCount: 0, lengthBytes: 12_288 }
    sealGroup(pad, viewOf(pad), GROUP_HEADER_BYTES, TAG, facts)
    const header = parseHeader(pad, 0, TAG)
    expect(header).toMatchObject(facts)
    expect(parsed(pad, header)).toEqual([])
  })

  it('has room for the longest table', () => {
    for (const blocks of [1, 16, 512]) {
      expect(groupHeaderBytes(GROUP_ENTRIES_MAX, blocks)).toBeLessThanOrEqual(headerBytesMax(blocks))
    }
  })
})
