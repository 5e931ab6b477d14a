import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../../test/e2e/iscsi/memory-device.ts'
import { MIB } from '../../../base/units.ts'
import { TRANSFER_BYTES_MAX } from '../limits.ts'
import { bytesOf, Harness, type HarnessOptions, hexOf, outcome, UUID } from '../testing.ts'

const harness = ({ unit, ...device }: HarnessOptions = {}): Harness =>
  new Harness(new MemoryDevice({ sizeBytes: 16 * MIB, uuid: UUID, ...device }), unit)

const BLOCK = 512
/** 16 MiB in blocks of 512. */
const CAPACITY = 0x8000

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/** CDBs of one operation in its four lengths. */
const read = {
  6: (lba: number, blocks: number) => `08 ${hex(lba, 6)} ${hex(blocks, 2)} 00`,
  10: (lba: number, blocks: number, flags = 0) =>
    `28 ${hex(flags, 2)} ${hex(lba, 8)} 00 ${hex(blocks, 4)} 00`,
  12: (lba: number, blocks: number, flags = 0) =>
    `a8 ${hex(flags, 2)} ${hex(lba, 8)} ${hex(blocks, 8)} 00 00`,
  16: (lba: number, blocks: number, flags = 0) =>
    `88 ${hex(flags, 2)} ${hex(lba, 16)} ${hex(blocks, 8)} 00 00`,
}
const write = {
  6: (lba: number, blocks: number) => `0a ${hex(lba, 6)} ${hex(blocks, 2)} 00`,
  10: (lba: number, blocks: number, flags = 0) =>
    `2a ${hex(flags, 2)} ${hex(lba, 8)} 00 ${hex(blocks, 4)} 00`,
  12: (lba: number, blocks: number, flags = 0) =>
    `aa ${hex(flags, 2)} ${hex(lba, 8)} ${hex(blocks, 8)} 00 00`,
  16: (lba: number, blocks: number, flags = 0) =>
    `8a ${hex(flags, 2)} ${hex(lba, 16)} ${hex(blocks, 8)} 00 00`,
}
const LENGTHS = [6, 10, 12, 16] as const

describe.each(LENGTHS)('READ(%i) and WRITE(%i)', (length) => {
  it('read back what was written, also at the last block', async () => {
    const h = harness()
    for (const lba of [0, 1, 77, CAPACITY - 2]) {
      const data = bytesOf(2 * BLOCK, lba)
      const written = await h.send(write[length](lba, 2), { dataOut: data })
      expect([outcome(written), written.transferLengthBytes]).toEqual(['status 00', 2 * BLOCK])
      const got = await h.send(read[length](lba, 2))
      expect(hexOf(got.dataIn)).toBe(hexOf(data))
      expect(got.transferLengthBytes).toBe(2 * BLOCK)
    }
  })

  it('refuse a range that ends one block behind the medium', async () => {
    const h = harness()
    expect(outcome(await h.send(read[length](CAPACITY - 1, 2)))).toBe('5/21/00')
    expect(outcome(await h.send(write[length](CAPACITY - 1, 2), { dataOut: bytesOf(2 * BLOCK) }))).toBe(
      '5/21/00',
    )
    expect(h.device.calls).toEqual([])
  })
})

describe.each([10, 12, 16] as const)('READ(%i) and WRITE(%i)', (length) => {
  it('of no blocks do nothing, but have to be on the medium', async () => {
    const h = harness()
    for (const cdb of [read[length], write[length]]) {
      expect(outcome(await h.send(cdb(0, 0)))).toBe('status 00')
      expect(outcome(await h.send(cdb(CAPACITY, 0)))).toBe('status 00')
      expect(outcome(await h.send(cdb(CAPACITY + 1, 0)))).toBe('5/21/00')
      expect(outcome(await h.send(cdb(0xffffffff, 0)))).toBe('5/21/00')
    }
    expect(h.device.calls).toEqual([])
  })

  it('honour FUA: the write is durable, the read sees the medium', async () => {
    const h = harness()
    await h.send(write[length](0, 1, 0x08), { dataOut: bytesOf(BLOCK) })
    await h.send(write[length](0, 1, 0x10), { dataOut: bytesOf(BLOCK) })
    await h.send(read[length](0, 1, 0x08))
    expect(h.device.calls).toEqual(['write fua', 'write', 'flush', 'readNow'])
  })

  it('refuse protection information', async () => {
    const h = harness()
    expect(outcome(await h.send(read[length](0, 1, 0x20)))).toBe('5/24/00')
    expect(outcome(await h.send(write[length](0, 1, 0x20), { dataOut: bytesOf(BLOCK) }))).toBe('5/24/00')
  })
})

describe('transfer length', () => {
  it('of 6 bytes counts 0 as 256 blocks', async () => {
    const h = harness()
    expect((await h.send(read[6](0, 0))).transferLengthBytes).toBe(256 * BLOCK)
    expect((await h.send(write[6](0, 0), { dataOut: bytesOf(256 * BLOCK) })).transferLengthBytes).toBe(
      256 * BLOCK,
    )
    expect(h.device.calls).toEqual(['readNow', 'write'])
  })

  it('is accepted up to the advertised maximum and refused above it, without fetching data', async () => {
    const h = harness({ sizeBytes: 64 * MIB })
    const blocks = TRANSFER_BYTES_MAX / BLOCK
    expect(outcome(await h.send(read[12](0, blocks)))).toBe('status 00')
    const tooLong = await h.send(read[12](0, blocks + 1))
    expect(outcome(tooLong)).toBe('5/24/00')
    expect(hexOf(tooLong.sense?.subarray(15))).toBe('c00006')
    expect(outcome(await h.send(write[16](0, blocks), { dataOut: bytesOf(TRANSFER_BYTES_MAX) }))).toBe(
      'status 00',
    )
    expect(outcome(await h.send(write[16](0, blocks + 1), { dataOut: bytesOf(BLOCK) }))).toBe('5/24/00')
  })

  it('beyond 2^53 is out of range like any other', async () => {
    const h = harness()
    expect(outcome(await h.send('88 00 ffffffffffffffff 00000001 00 00'))).toBe('5/21/00')
    expect(outcome(await h.send('8a 00 ffffffffffffffff ffffffff 00 00', { dataOut: bytesOf(BLOCK) }))).toBe(
      '5/21/00',
    )
    expect(outcome(await h.send('88 00 8000000000000000 00000000 00 00'))).toBe('5/21/00')
  })
})

describe('expected length of the initiator', () => {
  it('below that of a read: only that much is read and sent, the whole is reported', async () => {
    const h = harness()
    await h.send(write[10](0, 2), { dataOut: bytesOf(2 * BLOCK) })
    const result = await h.send(read[10](0, 2), { dataInMax: 600 })
    expect([result.dataIn?.byteLength, result.transferLengthBytes]).toEqual([600, 2 * BLOCK])
    expect(hexOf(result.dataIn)).toBe(hexOf(bytesOf(2 * BLOCK).subarray(0, 600)))
    expect(outcome(await h.send(read[10](0, 2), { dataInMax: 0 }))).toBe('status 00')
  })

  it('below that of a write: what came is written, and the rest of the blocks stays as it was', async () => {
    const h = harness()
    const short = await h.send(write[10](0, 2), { dataOut: bytesOf(BLOCK) })
    expect([outcome(short), short.transferLengthBytes]).toEqual(['status 00', 2 * BLOCK])
    expect(hexOf((await h.send(read[10](0, 2))).dataIn)).toBe(hexOf(bytesOf(BLOCK)) + '00'.repeat(BLOCK))
    const part = await h.send(write[10](0, 2), { dataOut: bytesOf(BLOCK + 200, 3) })
    expect([outcome(part), part.transferLengthBytes]).toEqual(['status 00', 2 * BLOCK])
    const expected = hexOf(bytesOf(BLOCK + 200, 3)) + '00'.repeat(BLOCK - 200)
    expect(hexOf((await h.send(read[10](0, 2))).dataIn)).toBe(expected)
    expect(h.device.calls).toEqual(['write', 'readNow', 'readModifyWrite', 'readNow'])
    const none = await h.send(write[10](0, 1))
    expect([outcome(none), none.transferLengthBytes]).toEqual(['status 00', BLOCK])
  })
})

it.each([
  ['WRITE AND VERIFY', '2e 00 00000000 00 0001 00'],
  ['ORWRITE', '8b 00 0000000000000000 00000001 00 00'],
])('%s refuses a part of a block', async (_, cdb) => {
  const h = harness()
  expect(outcome(await h.send(cdb, { dataOut: bytesOf(200) }))).toBe('5/0e/03')
  expect(h.device.calls).toEqual([])
})

describe('a read', () => {
  it('is there at once when the device has the bytes, else later, from one pooled buffer', async () => {
    const h = harness()
    const atOnce = h.start(read[10](0, 8))
    expect(atOnce).not.toBeInstanceOf(Promise)
    expect(h.pool.lentBytes).toBe(4096)
    if (!(atOnce instanceof Promise)) atOnce.release?.()
    expect(h.pool.lentBytes).toBe(0)
    h.device.isCached = false
    const later = h.start(read[10](0, 8))
    expect(later).toBeInstanceOf(Promise)
    const result = await later
    expect(h.pool.lentBytes).toBe(4096)
    result.release?.()
    expect(h.pool.lentBytes).toBe(0)
  })
})

describe('a read-only volume', () => {
  it.each([
    ['WRITE(10)', write[10](0, 1), BLOCK],
    ['WRITE(16)', write[16](0, 1), BLOCK],
    ['WRITE AND VERIFY(10)', '2e 00 00000000 00 0001 00', BLOCK],
    ['WRITE SAME(10)', '41 00 00000000 00 0001 00', BLOCK],
    ['UNMAP', '42 00 00000000 00 0018 00', 24],
    ['COMPARE AND WRITE', '89 00 0000000000000000 000000 01 00 00', 2 * BLOCK],
    ['ORWRITE(16)', '8b 00 0000000000000000 00000001 00 00', BLOCK],
  ])('refuses %s', async (_, cdb, bytes) => {
    const h = harness()
    h.device.readOnly = true
    expect(outcome(await h.send(cdb, { dataOut: new Uint8Array(bytes) }))).toBe('7/27/00')
  })
})

describe('WRITE AND VERIFY', () => {
  it.each([
    ['10', '2e 02 00000003 00 0001 00'],
    ['12', 'ae 02 00000003 00000001 00 00'],
    ['16', '8e 02 0000000000000003 00000001 00 00'],
  ])('(%s) writes to the medium and compares', async (_, cdb) => {
    const h = harness()
    expect(outcome(await h.send(cdb, { dataOut: bytesOf(BLOCK) }))).toBe('status 00')
    expect(h.device.calls).toEqual(['write fua', 'readNow'])
    expect(hexOf((await h.send(read[10](3, 1))).dataIn)).toBe(hexOf(bytesOf(BLOCK)))
    expect(h.pool.lentBytes).toBe(0)
  })

  it('refuses the reserved byte checks, and finds what does not read back', async () => {
    const h = harness()
    expect(outcome(await h.send('2e 04 00000003 00 0001 00', { dataOut: bytesOf(BLOCK) }))).toBe('5/24/00')
    h.device.isCached = false
    const pending = h.send('2e 00 00000003 00 0001 00', { dataOut: bytesOf(BLOCK) })
    await Promise.resolve()
    await Promise.resolve()
    h.device.failNext('MEDIUM')
    expect(outcome(await pending)).toBe('3/11/00')
  })
})

describe('VERIFY', () => {
  const data = bytesOf(4 * BLOCK)
  const verify10 = (check: number, lba: number, blocks: number) =>
    `2f ${hex(check << 1, 2)} ${hex(lba, 8)} 00 ${hex(blocks, 4)} 00`

  it('without byte check reads the medium and takes no data', async () => {
    const h = harness()
    expect(outcome(await h.send(verify10(0, 0, 4)))).toBe('status 00')
    expect(h.device.calls).toEqual(['flush', 'readNow'])
    h.device.isCached = false
    h.device.failNext('BUSY')
    expect(outcome(await h.send(verify10(0, 0, 4)))).toBe('status 08')
  })

  it.each([
    ['10', (flags: string) => `2f ${flags} 00000005 00 0004 00`],
    ['12', (flags: string) => `af ${flags} 00000005 00000004 00 00`],
    ['16', (flags: string) => `8f ${flags} 0000000000000005 00000004 00 00`],
  ])('(%s) with byte check 1 compares every block', async (_, cdb) => {
    const h = harness()
    await h.send(write[10](5, 4), { dataOut: data })
    expect(outcome(await h.send(cdb('02'), { dataOut: data }))).toBe('status 00')
    const other = Uint8Array.from(data)
    other[other.byteLength - 1]! ^= 1
    expect(outcome(await h.send(cdb('02'), { dataOut: other }))).toBe('e/1d/00')
    expect(h.pool.lentBytes).toBe(0)
  })

  it('with byte check 3 compares every block with one', async () => {
    const h = harness()
    const block = bytesOf(BLOCK)
    for (let lba = 0; lba < 4; lba++) await h.send(write[10](lba, 1), { dataOut: block })
    expect(outcome(await h.send(verify10(3, 0, 4), { dataOut: block }))).toBe('status 00')
    expect(outcome(await h.send(verify10(3, 0, 5), { dataOut: block }))).toBe('e/1d/00')
  })

  it('compares more than one buffer', async () => {
    const h = harness()
    const large = bytesOf(3 * 1024 * 1024)
    const blocks = large.byteLength / BLOCK
    await h.send(write[16](0, blocks), { dataOut: large })
    expect(outcome(await h.send(verify10(1, 0, blocks), { dataOut: large }))).toBe('status 00')
    large[2 * 1024 * 1024 + 5]! ^= 1
    expect(outcome(await h.send(verify10(1, 0, blocks), { dataOut: large }))).toBe('e/1d/00')
  })

  it('refuses byte check 2, too little data, too long a range, and what is not on the medium', async () => {
    const large = harness({ sizeBytes: 64 * MIB })
    expect(outcome(await large.send(`af 00 00000000 ${hex(TRANSFER_BYTES_MAX / BLOCK + 1, 8)} 00 00`))).toBe(
      '5/24/00',
    )
    const h = harness()
    expect(outcome(await h.send(verify10(2, 0, 1)))).toBe('5/24/00')
    expect(outcome(await h.send(verify10(1, 0, 2), { dataOut: bytesOf(BLOCK) }))).toBe('5/0e/03')
    expect(outcome(await h.send(verify10(0, CAPACITY, 1)))).toBe('5/21/00')
    expect(outcome(await h.send(verify10(0, CAPACITY, 0)))).toBe('status 00')
  })
})

describe('ORWRITE(16)', () => {
  it('sets bits and leaves those that are set', async () => {
    const h = harness()
    await h.send(write[10](2, 1), { dataOut: new Uint8Array(BLOCK).fill(0x0f) })
    const result = await h.send('8b 08 0000000000000002 00000001 00 00', {
      dataOut: new Uint8Array(BLOCK).fill(0x31),
    })
    expect([outcome(result), result.transferLengthBytes]).toEqual(['status 00', BLOCK])
    expect(hexOf((await h.send(read[10](2, 1))).dataIn)).toBe('3f'.repeat(BLOCK))
  })
})

describe('COMPARE AND WRITE', () => {
  const cas = (lba: number, blocks: number) => `89 00 ${hex(lba, 16)} 000000 ${hex(blocks, 2)} 00 00`

  it('writes when the blocks are as expected', async () => {
    const h = harness()
    const next = bytesOf(2 * BLOCK)
    const dataOut = new Uint8Array(4 * BLOCK)
    dataOut.set(next, 2 * BLOCK)
    expect(outcome(await h.send(cas(8, 2), { dataOut }))).toBe('status 00')
    expect(hexOf((await h.send(read[10](8, 2))).dataIn)).toBe(hexOf(next))
  })

  it('tells the offset of the first byte that differs, and writes nothing', async () => {
    const h = harness()
    const dataOut = new Uint8Array(4 * BLOCK)
    dataOut[700] = 1
    const result = await h.send(cas(8, 2), { dataOut })
    // fixed format, VALID, MISCOMPARE, INFORMATION 700 = 2bch
    expect(hexOf(result.sense)).toBe('f0000e000002bc' + '0a' + '00000000' + '1d00' + '00000000')
    expect(hexOf((await h.send(read[10](8, 2))).dataIn)).toBe('00'.repeat(2 * BLOCK))
  })

  it('takes the advertised length and not one block more', async () => {
    const h = harness()
    expect(outcome(await h.send(cas(0, 128), { dataOut: new Uint8Array(256 * BLOCK) }))).toBe('status 00')
    const result = await h.send(cas(0, 129), { dataOut: new Uint8Array(258 * BLOCK) })
    expect(outcome(result)).toBe('5/24/00')
    expect(hexOf(result.sense?.subarray(15))).toBe('c0000d')
  })

  it('refuses more or less data than its own, and does nothing for no blocks', async () => {
    const h = harness()
    expect(outcome(await h.send(cas(0, 1), { dataOut: new Uint8Array(BLOCK) }))).toBe('5/24/00')
    expect(outcome(await h.send(cas(0, 1), { dataOut: new Uint8Array(3 * BLOCK) }))).toBe('5/24/00')
    expect(outcome(await h.send(cas(0, 0), { dataOut: new Uint8Array(512 * BLOCK) }))).toBe('5/24/00')
    expect(outcome(await h.send(cas(0, 0)))).toBe('status 00')
    expect(outcome(await h.send(cas(CAPACITY, 1), { dataOut: new Uint8Array(2 * BLOCK) }))).toBe('5/21/00')
  })
})

describe('random reads and writes', () => {
  it('agree with an array', async () => {
    const command = fc.record({
      isWrite: fc.boolean(),
      length: fc.constantFrom(...LENGTHS),
      lba: fc.nat(40),
      blocks: fc.integer({ min: 1, max: 20 }),
      seed: fc.nat(200),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 20 }), async (commands) => {
        const h = harness()
        const model = new Uint8Array(64 * BLOCK)
        for (const { isWrite, length, lba, blocks, seed } of commands) {
          const range = model.subarray(lba * BLOCK, (lba + blocks) * BLOCK)
          if (isWrite) {
            range.set(bytesOf(blocks * BLOCK, seed))
            await h.send(write[length](lba, blocks), { dataOut: bytesOf(blocks * BLOCK, seed) })
          } else {
            expect(hexOf((await h.send(read[length](lba, blocks))).dataIn)).toBe(hexOf(range))
          }
        }
      }),
      { numRuns: 30 },
    )
  })
})
