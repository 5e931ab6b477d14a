import { describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../../test/e2e/iscsi/memory-device.ts'
import { MIB } from '../../../base/units.ts'
import { bytesOf, Harness, type HarnessOptions, hexOf, outcome, UUID } from '../testing.ts'

const BLOCK = 512
/** 16 MiB in blocks of 512. */
const CAPACITY = 0x8000
const NAA = '6024253c4b5a4978a6b5c4d3e2f10011'
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))

const harness = ({ unit, ...device }: HarnessOptions = {}): Harness =>
  new Harness(new MemoryDevice({ sizeBytes: 16 * MIB, uuid: UUID, ...device }), unit)

/** Identification CSCD descriptor: this volume by its NAA designator, unless told otherwise. */
const cscd = (
  options: { flags?: number; kind?: string; designator?: string; blockBytes?: number } = {},
): string => {
  const { flags = 0, kind = '0103', designator = NAA, blockBytes = BLOCK } = options
  const length = designator.length / 2
  return `e4${hex(flags, 2)}0000${kind}00${hex(length, 2)}${designator.padEnd(40, '0')}00${hex(blockBytes, 6)}`
}

/** Block to block segment descriptor. */
const segment = (
  sourceLba: number,
  destinationLba: number,
  blocks: number,
  [source, destination]: readonly [number, number] = [0, 0],
): string =>
  `02000018${hex(source, 4)}${hex(destination, 4)}0000${hex(blocks, 4)}${hex(sourceLba, 16)}${hex(destinationLba, 16)}`

function listOf(
  cscds: string[],
  segments: string[],
  header: { id?: number; usage?: number } = {},
): Uint8Array {
  const { id = 1, usage = 0 } = header
  const descriptors = [cscds.join(''), segments.join('')] as const
  return bytes(
    `${hex(id, 2)}${hex(usage << 3, 2)}${hex(descriptors[0].length / 2, 4)}00000000` +
      `${hex(descriptors[1].length / 2, 8)}00000000${descriptors.join('')}`,
  )
}

const copy = (h: Harness, list: Uint8Array, lengthBytes = list.byteLength) =>
  h.send(`83 00 0000000000000000 ${hex(lengthBytes, 8)} 00 00`, { dataOut: list })
const status = (h: Harness, id: number) => h.send(`84 00 ${hex(id, 2)} 00000000000000 000000ff 00 00`)

const fill = (h: Harness, lba: number, data: Uint8Array) =>
  h.send(`8a 00 ${hex(lba, 16)} ${hex(data.byteLength / BLOCK, 8)} 00 00`, { dataOut: data })
const readBack = async (h: Harness, lba: number, blocks: number): Promise<string> =>
  hexOf((await h.send(`88 00 ${hex(lba, 16)} ${hex(blocks, 8)} 00 00`)).dataIn)

describe('EXTENDED COPY', () => {
  it('copies every segment, by the NAA or the UUID designator', async () => {
    const h = harness()
    const data = bytesOf(8 * BLOCK)
    await fill(h, 0, data)
    const byUuid = cscd({ kind: '010a', designator: `1000${hexOf(UUID)}` })
    const list = listOf([cscd(), byUuid], [segment(0, 100, 8, [0, 1]), segment(2, 200, 1, [1, 0])])
    const result = await copy(h, list)
    expect([outcome(result), result.transferLengthBytes]).toEqual(['status 00', list.byteLength])
    expect(await readBack(h, 100, 8)).toBe(hexOf(data))
    expect(await readBack(h, 200, 1)).toBe(hexOf(data.subarray(2 * BLOCK, 3 * BLOCK)))
    expect(h.pool.lentBytes).toBe(0)
  })

  it('copies more than one buffer right where source and destination overlap, in both directions', async () => {
    const blocks = (5 * MIB) / 2 / BLOCK
    const data = bytesOf(blocks * BLOCK)
    for (const [from, to] of [
      [0, 100],
      [100, 0],
    ] as const) {
      const h = harness()
      await fill(h, from, data)
      expect(outcome(await copy(h, listOf([cscd()], [segment(from, to, blocks)])))).toBe('status 00')
      expect((await readBack(h, to, blocks)) === hexOf(data)).toBe(true)
    }
  })

  it('takes the last block and refuses the one behind it, for source and destination', async () => {
    const h = harness()
    expect(outcome(await copy(h, listOf([cscd()], [segment(CAPACITY - 1, 0, 1)])))).toBe('status 00')
    expect(outcome(await copy(h, listOf([cscd()], [segment(CAPACITY - 1, 0, 2)])))).toBe('a/00/00')
    expect(outcome(await copy(h, listOf([cscd()], [segment(0, CAPACITY - 1, 2)])))).toBe('a/00/00')
    expect(outcome(await copy(h, listOf([cscd()], [segment(0, 2 ** 52, 1)])))).toBe('a/00/00')
    expect(outcome(await copy(h, listOf([cscd()], [segment(0, CAPACITY, 0)])))).toBe('status 00')
  })

  it('does nothing for an empty list', async () => {
    const h = harness()
    expect(outcome(await copy(h, new Uint8Array(0)))).toBe('status 00')
    expect(outcome(await copy(h, listOf([], [])))).toBe('status 00')
    expect(h.device.calls).toEqual([])
  })

  const OTHER = NAA.replace(/11$/, '12')
  it.each([
    ['an index without descriptor', listOf([cscd()], [segment(0, 8, 1, [0, 1])]), 'a/08/04'],
    ['another volume', listOf([cscd({ designator: OTHER })], [segment(0, 8, 1)]), 'a/08/04'],
    ['the null unit', listOf([cscd({ flags: 0x20 })], [segment(0, 8, 1)]), 'a/08/04'],
    ['a designator of the port', listOf([cscd({ kind: '0113' })], [segment(0, 8, 1)]), 'a/08/04'],
    ['a designator of a type not known', listOf([cscd({ kind: '0102' })], [segment(0, 8, 1)]), 'a/08/04'],
    ['a tape', listOf([cscd({ flags: 0x01 })], [segment(0, 8, 1)]), 'a/0d/03'],
    ['another block length', listOf([cscd({ blockBytes: 4096 })], [segment(0, 8, 1)]), 'a/26/00'],
    ['another kind of CSCD descriptor', listOf([`e0${cscd().slice(2)}`], [segment(0, 8, 1)]), '5/26/07'],
    ['another kind of segment', listOf([cscd()], [`04${segment(0, 8, 1).slice(2)}`]), '5/26/09'],
    ['too many CSCD descriptors', listOf(Array(5).fill(cscd()), [segment(0, 8, 1)]), '5/26/06'],
    ['too many segments', listOf([cscd()], Array(9).fill(segment(0, 8, 1))), '5/26/08'],
    ['too long a list', listOf(Array(5).fill(cscd()), Array(9).fill(segment(0, 8, 1))), '5/1a/00'],
    ['half a CSCD descriptor', listOf([cscd().slice(32)], [segment(0, 8, 1)]), '5/26/00'],
    ['half a segment', listOf([cscd()], [segment(0, 8, 1).slice(0, 16)]), '5/26/00'],
    ['a list without its header', new Uint8Array(15), '5/1a/00'],
    ['a reserved list identifier usage', listOf([cscd()], [segment(0, 8, 1)], { usage: 1 }), '5/26/00'],
    ['an identifier where there is none', listOf([cscd()], [segment(0, 8, 1)], { usage: 3 }), '5/26/00'],
  ])('refuses %s', async (_, list, expected) => {
    const h = harness()
    expect(outcome(await copy(h, list))).toBe(expected)
    expect(h.device.calls).toEqual([])
  })

  it('refuses inline data, and a list shorter than announced or absurdly long', async () => {
    const h = harness()
    const inline = listOf([cscd()], [segment(0, 8, 1)])
    inline[15] = 1
    expect(outcome(await copy(h, inline))).toBe('5/26/0b')
    const list = listOf([cscd()], [segment(0, 8, 1)])
    expect(outcome(await copy(h, list.subarray(0, 40), list.byteLength))).toBe('5/1a/00')
    expect(outcome(await copy(h, list, 0xffffffff))).toBe('5/1a/00')
  })

  it('is a write: protected, reserved, aborted as one', async () => {
    const h = harness()
    const list = listOf([cscd()], [segment(0, 8, 1)])
    h.device.readOnly = true
    expect(outcome(await copy(h, list))).toBe('7/27/00')
    h.device.readOnly = false
    const other = h.attach('iqn.other,i,0x1')
    await h.send('16 00 0000 00 00', { nexus: other })
    expect(outcome(await copy(h, list))).toBe('status 18')
    await h.send('17 00 0000 00 00', { nexus: other })
    const aborted = await h.send(`83 00 0000000000000000 ${hex(list.byteLength, 8)} 00 00`, {
      dataOut: list,
      signal: { aborted: true },
    })
    expect(outcome(aborted)).toBe('status 40')
    expect(h.pool.lentBytes).toBe(0)
  })

  it('that failed before anything was copied is repeated, after that it is aborted at its segment', async () => {
    const h = harness()
    const list = listOf([cscd()], [segment(0, 8, 1), segment(1, 9, 1)])
    h.device.failNext('BUSY')
    expect(outcome(await copy(h, list))).toBe('status 08')
    const gate = Promise.withResolvers<void>()
    h.device.gate = gate.promise
    const pending = copy(h, list)
    h.device.gate = Promise.resolve()
    gate.resolve()
    while (!h.device.calls.includes('write')) await Promise.resolve()
    h.device.failNext('BUSY')
    const result = await pending
    expect(outcome(result)).toBe('a/0d/01')
    expect(hexOf(result.sense?.subarray(8, 12))).toBe('00000001')
    expect(hexOf((await status(h, 1)).dataIn)).toBe('00000008' + '02' + '0001' + '00' + '00000200')
  })
})

describe('RECEIVE COPY STATUS', () => {
  it('tells of a copy that asked to be kept, by its nexus', async () => {
    const h = harness()
    expect(outcome(await status(h, 7))).toBe('5/24/00')
    await copy(h, listOf([cscd()], [segment(0, 8, 4)], { id: 7 }))
    expect(hexOf((await status(h, 7)).dataIn)).toBe('00000008' + '01' + '0001' + '00' + '00000800')
    const other = h.attach('iqn.other,i,0x1')
    const elsewhere = await h.send('84 00 07 00000000000000 000000ff 00 00', { nexus: other })
    expect(outcome(elsewhere)).toBe('5/24/00')
  })

  it('knows nothing of a copy that asked not to be kept', async () => {
    const h = harness()
    await copy(h, listOf([cscd()], [segment(0, 8, 4)], { id: 7, usage: 2 }))
    await copy(h, listOf([cscd()], [segment(0, 8, 4)], { id: 0, usage: 3 }))
    expect(outcome(await status(h, 7))).toBe('5/24/00')
    expect(outcome(await status(h, 0))).toBe('5/24/00')
  })

  it('keeps the last sixteen', async () => {
    const h = harness()
    for (let id = 0; id < 17; id++) await copy(h, listOf([cscd()], [segment(0, 8, 1)], { id }))
    expect(outcome(await status(h, 0))).toBe('5/24/00')
    expect(outcome(await status(h, 1))).toBe('status 00')
    expect(outcome(await status(h, 16))).toBe('status 00')
  })

  it('tells of a copy under way, whose identifier is taken; nine at a time are one too many', async () => {
    const h = harness()
    const gate = Promise.withResolvers<void>()
    h.device.gate = gate.promise
    const start = (id: number) => copy(h, listOf([cscd()], [segment(0, 8, 1)], { id }))
    const pending = Array.from({ length: 8 }, (_, id) => start(id))
    expect(hexOf((await status(h, 3)).dataIn)).toBe('00000008' + '00' + '0000' + '00' + '00000000')
    expect(outcome(await start(9))).toBe('status 08')
    gate.resolve()
    expect((await Promise.all(pending)).map(outcome)).toEqual(Array(8).fill('status 00'))
    const again = Promise.withResolvers<void>()
    h.device.gate = again.promise
    const first = start(1)
    expect(outcome(await start(1))).toBe('5/00/16')
    again.resolve()
    expect(outcome(await first)).toBe('status 00')
    expect(h.unit.copies.active).toBe(0)
  })
})

describe('RECEIVE COPY OPERATING PARAMETERS', () => {
  it('gives the limits', async () => {
    const result = await harness().send('84 03 0000000000000000 00000100 00 00')
    expect(hexOf(result.dataIn)).toBe(
      '0000002a' + // available data
        '01' +
        '000000' + // SNLID
        '0004' +
        '0008' + // CSCD and segment descriptors
        '00000160' + // descriptor list length
        '02000000' + // segment length: 32 MiB
        '00000000' +
        '00000000' +
        '00000000' +
        '0000' + // no inline data, no held data
        '0008' +
        '08' + // concurrent copies
        '09' +
        '00' +
        '00' +
        '000000' + // data segment granularity 2^9
        '02' +
        '02' +
        'e4',
    )
  })
})
