import { describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../../test/e2e/iscsi/memory-device.ts'
import { GIB, MIB } from '../../../base/units.ts'
import { LBA_STATUS_CALLS_MAX, UNMAP_DESCRIPTORS_MAX, WRITE_SAME_BYTES_MAX } from '../limits.ts'
import { bytesOf, Harness, type HarnessOptions, hexOf, outcome, UUID } from '../testing.ts'

const harness = ({ unit, ...device }: HarnessOptions = {}): Harness =>
  new Harness(new MemoryDevice({ sizeBytes: 16 * MIB, uuid: UUID, ...device }), unit)

const BLOCK = 512
/** 16 MiB in blocks of 512. */
const CAPACITY = 0x8000
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/** UNMAP parameter list with these ranges. */
function ranges(...list: [lba: number, blocks: number][]): Uint8Array {
  const text = list.map(([lba, blocks]) => `${hex(lba, 16)}${hex(blocks, 8)}00000000`).join('')
  const descriptorBytes = 16 * list.length
  return Uint8Array.from(
    Buffer.from(`${hex(descriptorBytes + 6, 4)}${hex(descriptorBytes, 4)}00000000${text}`, 'hex'),
  )
}
const unmapOf = (dataOut: Uint8Array): [string, { dataOut: Uint8Array }] => [
  `42 00 00000000 00 ${hex(dataOut.byteLength, 4)} 00`,
  { dataOut },
]

async function filled(h: Harness, blocks = 32): Promise<void> {
  await h.send(`2a 00 00000000 00 ${hex(blocks, 4)} 00`, {
    dataOut: new Uint8Array(blocks * BLOCK).fill(0xaa),
  })
  h.device.calls.length = 0
}
const readBack = async (h: Harness, lba: number, blocks: number): Promise<string> =>
  hexOf((await h.send(`28 00 ${hex(lba, 8)} 00 ${hex(blocks, 4)} 00`)).dataIn)

describe('UNMAP', () => {
  it('deallocates every range, and what it deallocated reads as zeros', async () => {
    const h = harness()
    await filled(h)
    const result = await h.send(...unmapOf(ranges([0, 8], [17, 1])))
    expect([outcome(result), result.transferLengthBytes]).toEqual(['status 00', 40])
    expect(h.device.calls).toEqual(['trim', 'trim'])
    expect(await readBack(h, 0, 9)).toBe('00'.repeat(8 * BLOCK) + 'aa'.repeat(BLOCK))
    expect(await readBack(h, 16, 3)).toBe('aa'.repeat(BLOCK) + '00'.repeat(BLOCK) + 'aa'.repeat(BLOCK))
  })

  it('takes the last block and refuses the one behind it, before anything is done', async () => {
    const h = harness()
    expect(outcome(await h.send(...unmapOf(ranges([CAPACITY - 1, 1]))))).toBe('status 00')
    h.device.calls.length = 0
    expect(outcome(await h.send(...unmapOf(ranges([0, 1], [CAPACITY - 1, 2]))))).toBe('5/21/00')
    expect(outcome(await h.send(...unmapOf(ranges([2 ** 52, 1]))))).toBe('5/21/00')
    expect(h.device.calls).toEqual([])
  })

  it('does nothing for an empty list, no descriptors, and ranges of no blocks', async () => {
    const h = harness()
    expect(outcome(await h.send('42 00 00000000 00 0000 00'))).toBe('status 00')
    expect(outcome(await h.send(...unmapOf(ranges())))).toBe('status 00')
    expect(outcome(await h.send(...unmapOf(ranges([3, 0], [CAPACITY, 0]))))).toBe('status 00')
    expect(h.device.calls).toEqual([])
  })

  it('refuses a list without its header or shorter than announced, and ANCHOR', async () => {
    const h = harness()
    expect(outcome(await h.send('42 00 00000000 00 0007 00', { dataOut: new Uint8Array(7) }))).toBe('5/1a/00')
    expect(outcome(await h.send('42 00 00000000 00 0018 00', { dataOut: new Uint8Array(8) }))).toBe('5/1a/00')
    expect(outcome(await h.send('42 01 00000000 00 0018 00', { dataOut: ranges([0, 1]) }))).toBe('5/24/00')
  })

  it('ignores a descriptor that is cut off', async () => {
    const h = harness()
    const list = ranges([0, 1], [8, 1])
    expect(outcome(await h.send(...unmapOf(list.subarray(0, 39))))).toBe('status 00')
    expect(h.device.calls).toEqual(['trim'])
    list[3] = 31
    expect(outcome(await h.send(...unmapOf(list)))).toBe('status 00')
    expect(h.device.calls).toEqual(['trim', 'trim'])
  })

  it('takes as many descriptors as advertised, not one more', async () => {
    const h = harness()
    const most = Array.from({ length: UNMAP_DESCRIPTORS_MAX }, (): [number, number] => [0, 1])
    expect(outcome(await h.send(...unmapOf(ranges(...most))))).toBe('status 00')
    expect(outcome(await h.send(...unmapOf(ranges(...most, [0, 1]))))).toBe('5/26/00')
  })

  it('stops where the device refuses', async () => {
    const h = harness()
    h.device.failNext('BUSY')
    expect(outcome(await h.send(...unmapOf(ranges([0, 1], [8, 1]))))).toBe('status 08')
    expect(h.device.calls).toEqual(['trim'])
  })
})

describe.each([
  [
    '10',
    (flags: number, lba: number, blocks: number) =>
      `41 ${hex(flags, 2)} ${hex(lba, 8)} 00 ${hex(blocks, 4)} 00`,
  ],
  [
    '16',
    (flags: number, lba: number, blocks: number) =>
      `93 ${hex(flags, 2)} ${hex(lba, 16)} ${hex(blocks, 8)} 00 00`,
  ],
])('WRITE SAME(%s)', (_, cdb) => {
  it('writes the block over the range', async () => {
    const h = harness()
    const pattern = bytesOf(BLOCK)
    const result = await h.send(cdb(0, 3, 4), { dataOut: pattern })
    expect([outcome(result), result.transferLengthBytes]).toEqual(['status 00', BLOCK])
    expect(h.device.calls).toEqual(['writeSame'])
    expect(await readBack(h, 2, 6)).toBe('00'.repeat(BLOCK) + hexOf(pattern).repeat(4) + '00'.repeat(BLOCK))
  })

  it('deallocates zeros with UNMAP, writes them as a range without, and other patterns in any case', async () => {
    const h = harness()
    await h.send(cdb(0x08, 0, 8), { dataOut: new Uint8Array(BLOCK) })
    await h.send(cdb(0x00, 0, 8), { dataOut: new Uint8Array(BLOCK) })
    await h.send(cdb(0x08, 0, 8), { dataOut: bytesOf(BLOCK) })
    expect(h.device.calls).toEqual(['trim', 'writeZeroes', 'writeSame'])
  })

  it('of no blocks goes to the end of the medium (WSNZ 0)', async () => {
    const h = harness()
    const pattern = bytesOf(BLOCK)
    expect(outcome(await h.send(cdb(0, CAPACITY - 3, 0), { dataOut: pattern }))).toBe('status 00')
    expect(await readBack(h, CAPACITY - 4, 4)).toBe('00'.repeat(BLOCK) + hexOf(pattern).repeat(3))
    expect(outcome(await h.send(cdb(0, 0, 0), { dataOut: new Uint8Array(BLOCK) }))).toBe('status 00')
    expect(await readBack(h, CAPACITY - 4, 4)).toBe('00'.repeat(4 * BLOCK))
    expect(outcome(await h.send(cdb(0, CAPACITY, 0), { dataOut: pattern }))).toBe('5/21/00')
    expect(h.device.calls).toEqual(['writeSame', 'readNow', 'writeZeroes', 'readNow'])
  })

  it('refuses ANCHOR, what is not on the medium, and data of another length', async () => {
    const h = harness()
    const dataOut = new Uint8Array(BLOCK)
    expect(outcome(await h.send(cdb(0x18, 0, 1), { dataOut }))).toBe('5/24/00')
    expect(outcome(await h.send(cdb(0, CAPACITY - 1, 2), { dataOut }))).toBe('5/21/00')
    expect(outcome(await h.send(cdb(0, 0, 1), { dataOut: new Uint8Array(BLOCK / 2) }))).toBe('5/0e/03')
    expect(outcome(await h.send(cdb(0, 0, 1), { dataOut: new Uint8Array(2 * BLOCK) }))).toBe('5/0e/03')
    expect(h.device.calls).toEqual([])
  })
})

describe('WRITE SAME(16)', () => {
  it('without data (NDOB) writes zeros', async () => {
    const h = harness()
    await filled(h)
    expect(outcome(await h.send('93 01 0000000000000000 00000008 00 00'))).toBe('status 00')
    expect(outcome(await h.send('93 09 0000000000000008 00000008 00 00'))).toBe('status 00')
    expect(h.device.calls).toEqual(['writeZeroes', 'trim'])
    expect(await readBack(h, 0, 17)).toBe('00'.repeat(16 * BLOCK) + 'aa'.repeat(BLOCK))
  })

  it('takes the advertised length and not one block more, also where it goes to the end', async () => {
    const h = harness({ sizeBytes: GIB })
    h.device.isAbsorbing = true
    const most = WRITE_SAME_BYTES_MAX / BLOCK
    const end = GIB / BLOCK
    const zeros = (lba: number, blocks: number) => h.send(`93 09 ${hex(lba, 16)} ${hex(blocks, 8)} 00 00`)
    expect(outcome(await zeros(0, most))).toBe('status 00')
    expect(outcome(await zeros(0, most + 1))).toBe('5/24/00')
    expect(outcome(await zeros(end - most, 0))).toBe('status 00')
    expect(outcome(await zeros(end - most - 1, 0))).toBe('5/24/00')
    expect(h.device.calls).toEqual(['trim', 'trim'])
  })
})

describe('GET LBA STATUS', () => {
  const status = (lba: number, allocationLength: number) =>
    `9e 12 ${hex(lba, 16)} ${hex(allocationLength, 8)} 00 00`

  it('tells mapped from deallocated runs, from the block asked for', async () => {
    const h = harness()
    await filled(h, 16)
    const result = await h.send(status(4, 0x1000))
    expect(hexOf(result.dataIn)).toBe(
      '00000024' +
        '00000000' +
        '0000000000000004' +
        '0000000c' +
        '00' +
        '000000' +
        '0000000000000010' +
        '00007ff0' +
        '01' +
        '000000',
    )
  })

  it('puts together what the device answers in parts, as far as it asks', async () => {
    const h = harness()
    await filled(h, 16)
    h.device.allocationBytesMax = 4 * MIB
    const whole = hexOf((await h.send(status(0, 0x1000))).dataIn)
    expect(whole.slice(16)).toBe(
      ['0000000000000000', '00000010', '00000000', '0000000000000010', '00007ff0', '01000000'].join(''),
    )
    h.device.allocationBytesMax = 4096
    const part = hexOf((await h.send(status(16, 0x1000))).dataIn)
    expect(part.slice(16)).toBe('0000000000000010' + hex(8 * LBA_STATUS_CALLS_MAX, 8) + '01000000')
  })

  it('gives as many descriptors as fit, one at least', async () => {
    const h = harness()
    await filled(h, 16)
    const one = await h.send(status(0, 24))
    expect(hexOf(one.dataIn)).toBe('00000014' + '00000000' + '0000000000000000' + '00000010' + '00000000')
    expect((await h.send(status(0, 39))).dataIn?.byteLength).toBe(24)
    expect(hexOf((await h.send(status(0, 4))).dataIn)).toBe('00000014')
  })

  it('takes the last block and refuses the one behind it', async () => {
    const h = harness()
    expect(outcome(await h.send(status(CAPACITY - 1, 24)))).toBe('status 00')
    expect(outcome(await h.send(status(CAPACITY, 24)))).toBe('5/21/00')
  })
})
