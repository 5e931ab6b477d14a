import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader, ByteWriter } from './bytes.ts'
import { decodeDirectoryNode, encodeDirectoryNode, type NodeReference } from './directory-node.ts'
import {
  backupId,
  dataPackReference,
  indexPackReference,
  packName,
  packOfName,
  rewrittenName,
} from './names.ts'
import {
  decodeFrames,
  decodePackHead,
  encodeFrames,
  encodePackHead,
  type Frame,
  type PackHead,
} from './pack-format.ts'
import { decodeRecords, RecordBatch } from './records.ts'
import { decodeSealedHead, encodeSealedHead } from './sealed-format.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const VOLUME = '11111111-2222-4333-8444-555555555555'

interface Item {
  readonly block: number
  readonly hole: number
  readonly place: { readonly pack: string; readonly frame: number; readonly slot: number }
  readonly hash: Uint8Array
}

const items: fc.Arbitrary<Item[]> = fc
  .array(
    fc.record({
      gap: fc.oneof(fc.constant(0), fc.nat(1000), fc.nat(2 ** 30)),
      hole: fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: 1, max: 2 ** 28 })),
      pack: fc.constantFrom('a', 'b/c', ''),
      frame: fc.nat(70_000),
      slot: fc.nat(15),
      hash: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((raw) => {
    let end = 0
    return raw.map(({ gap, hole, pack, frame, slot, hash }) => {
      // holes that touch become one
      const block = end + gap + 1
      end = block + Math.max(hole, 1)
      return { block, hole, place: { pack, frame, slot }, hash }
    })
  })

function batchOf(list: readonly Item[]): RecordBatch {
  const batch = new RecordBatch(1)
  for (const { block, hole, place, hash } of list) {
    if (hole > 0) batch.addHole(block, hole)
    else batch.addData(block, place.pack, place.frame, place.slot, hash)
  }
  return batch
}

function listed(batch: RecordBatch): unknown[] {
  return Array.from({ length: batch.count }, (_, i) =>
    batch.isHole(i)
      ? [batch.block(i), batch.end(i)]
      : [batch.block(i), batch.pack(i), batch.frame(i), batch.slot(i), hex(batch.hash(i))],
  )
}

describe('records', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(items, (list) => {
        const batch = batchOf(list)
        const decoded = decodeRecords(batch.encode().slice(), 4096)
        expect(decoded && listed(decoded)).toEqual(listed(batch))
      }),
    )
  })

  it('take 18 bytes each where blocks and places follow one another', () => {
    const batch = new RecordBatch()
    for (let i = 0; i < 1000; i++) batch.addData(i, 'p', Math.floor(i / 16), i % 16, new Uint8Array(16))
    expect(batch.encode().byteLength).toBeLessThan(18 * 1000 + 16)
  })

  it('have these bytes', () => {
    const batch = new RecordBatch()
    batch.addData(300, 'p', 2, 15, new Uint8Array(16).fill(0xaa))
    batch.addData(301, 'p', 3, 0, new Uint8Array(16).fill(0xbb))
    batch.addHole(310, 130)
    // written down by hand of the description in docs/formats/backup.md
    expect(hex(batch.encode())).toBe(
      `03010170${'ac02'}0200020f${'aa'.repeat(16)}${'0001'}${'bb'.repeat(16)}${'0800'}8201`,
    )
  })

  it('that were damaged anywhere are others, or none, and never an exception', () => {
    fc.assert(
      fc.property(items, fc.nat(), fc.integer({ min: 1, max: 255 }), (list, at, change) => {
        const bytes = batchOf(list).encode().slice()
        bytes[at % bytes.byteLength]! ^= change
        const decoded = decodeRecords(bytes, 4096)
        if (decoded !== undefined) expect(listed(decoded)).not.toEqual(listed(batchOf(list)))
      }),
    )
  })

  it('cut short, or with bytes behind them, are none', () => {
    fc.assert(
      fc.property(items, fc.nat(), (list, at) => {
        const bytes = batchOf(list).encode().slice()
        expect(decodeRecords(bytes.subarray(0, at % bytes.byteLength), 4096)).toBeUndefined()
        expect(decodeRecords(Buffer.concat([bytes, Buffer.of(0)]), 4096)).toBeUndefined()
        expect(decodeRecords(bytes, list.length - 1)).toBeUndefined()
      }),
    )
  })
})

describe('numbers', () => {
  it('are exact up to 2^53 and come back in as few bytes as they need', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const out = new ByteWriter(1)
        out.number(value)
        const reader = new ByteReader(out.written())
        expect(reader.number()).toBe(value)
        expect(reader.isWhole).toBe(true)
        expect(out.lengthBytes).toBe(Math.max(Math.ceil(Math.log2(value + 1) / 7), 1))
      }),
    )
  })

  it.each([
    ['longer than they must be', [0x80, 0x00]],
    ['above 2^53', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f]],
    ['without an end', [0x80]],
  ])('%s are refused', (_, bytes) => {
    const reader = new ByteReader(Uint8Array.from(bytes))
    reader.number()
    expect(reader.isBad).toBe(true)
  })
})

describe('a directory node', () => {
  const child = (firstBlock: number, endBlock: number): NodeReference => ({
    pack: `x/index-${firstBlock}`,
    frame: firstBlock,
    digest: new Uint8Array(32).fill(firstBlock),
    firstBlock,
    endBlock,
    records: 7,
  })

  it('comes back as it was, and only at its level', () => {
    const children = [child(0, 5), child(5, 9), child(200, 2 ** 34)]
    const bytes = encodeDirectoryNode(2, children).slice()
    expect(decodeDirectoryNode(bytes, 2)).toEqual(children)
    expect(decodeDirectoryNode(bytes, 1)).toBeUndefined()
    expect(decodeDirectoryNode(bytes.subarray(0, -1), 2)).toBeUndefined()
  })

  it('beyond the largest volume is none', () => {
    expect(decodeDirectoryNode(encodeDirectoryNode(1, [child(0, 2 ** 34 + 1)]), 1)).toBeUndefined()
  })
})

describe('the head of a pack', () => {
  const head: PackHead = {
    isEncrypted: true,
    frames: 3,
    tableBytes: 52,
    recordsBytes: 700,
    records: 40,
    totalBytes: 123_456,
    salt: Uint8Array.from({ length: 16 }, (_, i) => i),
    recordsDigest: new Uint8Array(16).fill(0x22),
    tableDigest: new Uint8Array(32).fill(0x33),
  }
  const golden =
    '4253504b010001000300000034000000bc0200002800000040e2010000000000' +
    `000102030405060708090a0b0c0d0e0f${'22'.repeat(16)}${'33'.repeat(32)}`

  it('has these bytes', () => {
    // written down by hand of the table in docs/formats/backup.md
    expect(hex(encodePackHead(head))).toBe(golden)
    expect(decodePackHead(Uint8Array.from(Buffer.from(golden, 'hex')))).toEqual({ kind: 'pack', head })
  })

  it.each([
    ['another magic', 0, 'damaged'],
    ['another version', 4, 'unknown'],
    ['unknown flags', 6, 'damaged'],
    ['padding', 7, 'damaged'],
  ])('with %s is refused', (_, at, kind) => {
    const bytes = Buffer.from(golden, 'hex')
    bytes[at]! ^= 0x42
    expect(decodePackHead(bytes).kind).toBe(kind)
    expect(decodePackHead(bytes.subarray(0, 95)).kind).toBe('damaged')
  })

  it('has rows that come back, and must add up', () => {
    const frames: Frame[] = [
      { counter: 9, storedBytes: 65_536, mask: 0xffff, method: 'stored', kind: 'blocks' },
      { counter: 0xffff_fffe, storedBytes: 10, mask: 0, method: 'zstd', kind: 'node' },
    ]
    const rows = encodeFrames(frames)
    expect(hex(rows)).toBe('0900000000000100ffff0000feffffff0a00000000000101')
    expect(decodeFrames(rows, 65_546)).toEqual(frames)
    expect(decodeFrames(rows, 65_545)).toBeUndefined()
    expect(decodeFrames(rows.subarray(1), 65_546)).toBeUndefined()
    rows[10] = 2
    expect(decodeFrames(rows, 65_546)).toBeUndefined()
  })
})

describe('the head of a sealed object', () => {
  const head = {
    kind: 'manifest',
    isEncrypted: false,
    bodyBytes: 2,
    salt: new Uint8Array(16),
    digest: new Uint8Array(32).fill(0x44),
  } as const
  const golden = `42534f420100010002000000${'00'.repeat(20)}${'44'.repeat(32)}`

  it('has these bytes', () => {
    expect(hex(encodeSealedHead(head))).toBe(golden)
    const object = Uint8Array.from(Buffer.concat([Buffer.from(golden, 'hex'), Buffer.from('{}')]))
    expect(decodeSealedHead(object)).toEqual({ kind: 'sealed', head })
    expect(decodeSealedHead(object.subarray(0, -1)).kind).toBe('damaged')
    for (const [at, kind] of [
      [0, 'damaged'],
      [4, 'unknown'],
      [6, 'damaged'],
      [7, 'damaged'],
      [12, 'damaged'],
    ] as const) {
      const bad = Buffer.from(object)
      bad[at]! ^= 0x42
      expect(decodeSealedHead(bad).kind, `byte ${at}`).toBe(kind)
    }
  })
})

describe('names', () => {
  it('of backups of one volume are in their order, whatever clocks and random numbers say', () => {
    const noon = Date.UTC(2026, 11, 31, 23, 59, 59, 900)
    const first = backupId(noon, 0xffffffff, undefined)
    const second = backupId(noon + 50, 0, first)
    expect([first, second]).toEqual(['20261231t235959z-ffffffff', '20270101t000000z-00000000'])
    // a server whose clock is behind
    expect(backupId(noon - 3_600_000, 5, second)).toBe('20270101t000001z-00000005')
    expect(backupId(noon + 5_000, 5, second)).toBe('20270101t000004z-00000005')
  })

  it('of packs tell what the packs tell of', () => {
    const backup = backupId(Date.UTC(2026, 0, 31, 12), 0x123abcd, undefined)
    expect(backup).toBe('20260131t120000z-0123abcd')
    const span = { firstBlock: 5, lastBlock: 2 ** 34 - 1, blocks: 65_536 }
    const reference = dataPackReference(backup, span, 'deadbeef')
    const written = { volume: VOLUME, backup, reference, span, generation: 0, blocks: 65_536 }
    expect(packOfName(packName(VOLUME, reference))).toEqual(written)
    const again = rewrittenName(VOLUME, reference, { generation: 3, blocks: 9, attempt: '0badcafe' })
    expect(packOfName(again)).toEqual({ ...written, generation: 3, blocks: 9 })
    const index = indexPackReference(backup, 7, 'deadbeef')
    expect(packOfName(packName(VOLUME, index))).toMatchObject({ reference: index, span: null })
    expect(packOfName(`packs/${VOLUME}/${backup}/x`)).toBeUndefined()
  })
})
