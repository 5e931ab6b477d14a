import { describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../../test/e2e/iscsi/memory-device.ts'
import { MIB } from '../../../base/units.ts'
import { executeAbsent } from '../absent-unit.ts'
import { COMMANDS } from '../command-table.ts'
import { UNIT_ATTENTION } from '../nexus.ts'
import { singlePath } from '../path-state.ts'
import { Harness, type HarnessOptions, hexOf, outcome, UUID } from '../testing.ts'

const harness = ({ unit, ...device }: HarnessOptions = {}): Harness =>
  new Harness(new MemoryDevice({ sizeBytes: 16 * MIB, uuid: UUID, ...device }), unit)

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
const rsoc = (option: number, opcode: number, action = 0, allocationLength = 0xffff): string =>
  `a3 0c ${hex(option, 2)} ${hex(opcode, 2)} ${hex(action, 4)} ${hex(allocationLength, 8)} 00 00`

describe('REPORT SUPPORTED OPERATION CODES', () => {
  /** The commands of a unit without atomic writes. */
  const commands = COMMANDS.commands.filter((command) => command.name !== 'WRITE ATOMIC(16)')

  it('lists every command of the table', async () => {
    const data = (await harness().send(rsoc(0, 0))).dataIn!
    expect(Buffer.from(data).readUInt32BE(0)).toBe(data.byteLength - 4)
    const listed: string[] = []
    for (let at = 4; at < data.byteLength; at += 8) listed.push(hexOf(data.subarray(at, at + 8)))
    const expected = commands.map(
      ({ opcode, serviceAction, mask }) =>
        `${hex(opcode, 2)}00${hex(serviceAction ?? 0, 4)}00${serviceAction === undefined ? '00' : '01'}${hex(mask.byteLength, 4)}`,
    )
    expect(listed).toEqual(expected)
  })

  it('adds timeouts to each when asked', async () => {
    const data = (await harness().send(rsoc(0x80, 0))).dataIn!
    expect(data.byteLength).toBe(4 + 20 * commands.length)
    expect(hexOf(data.subarray(4, 24))).toBe('0000000000020006' + '000a' + '00'.repeat(10))
  })

  it('gives the usage map of each, by the option that suits it', async () => {
    const h = harness()
    for (const { name, opcode, serviceAction, usageMap } of commands) {
      const suitable = serviceAction === undefined ? 1 : 2
      const expected = `0003${hex(usageMap.byteLength, 4)}${hexOf(usageMap)}`
      expect(hexOf((await h.send(rsoc(suitable, opcode, serviceAction))).dataIn), name).toBe(expected)
      expect(hexOf((await h.send(rsoc(3, opcode, serviceAction))).dataIn), name).toBe(expected)
      expect(outcome(await h.send(rsoc(3 - suitable, opcode, serviceAction))), name).toBe('5/24/00')
    }
  })

  it('with timeouts sets CTDP', async () => {
    const data = (await harness().send(rsoc(0x81, 0x00))).dataIn
    expect(hexOf(data)).toBe('00830006' + '000000000000' + '000a' + '00'.repeat(10))
  })

  it('says what is not supported, with whatever option', async () => {
    const h = harness()
    expect(hexOf((await h.send(rsoc(1, 0xff))).dataIn)).toBe('00010000')
    expect(hexOf((await h.send(rsoc(2, 0xff))).dataIn)).toBe('00010000')
    expect(hexOf((await h.send(rsoc(2, 0x9e, 0x1f))).dataIn)).toBe('00010000')
    expect(hexOf((await h.send(rsoc(3, 0x28, 1))).dataIn)).toBe('00010000')
    expect(hexOf((await h.send(rsoc(1, 0x9c))).dataIn)).toBe('00010000')
    const atomic = harness({ atomicWriteBytesMax: 4096 })
    expect(hexOf((await atomic.send(rsoc(1, 0x9c))).dataIn).slice(0, 8)).toBe('00030010')
  })

  it('refuses reserved options', async () => {
    expect(outcome(await harness().send(rsoc(4, 0)))).toBe('5/24/00')
  })

  it('every command that it lists is executed, every other one unknown', async () => {
    const h = harness()
    for (let opcode = 0; opcode < 256; opcode++) {
      for (let action = 0; action < 32; action++) {
        const cdb = `${hex(opcode, 2)}${hex(action, 2)}`
        const listed = commands.filter((command) => command.opcode === opcode)
        const isUnknown = outcome(await h.send(cdb)) === '5/20/00'
        expect(isUnknown, cdb).toBe(listed.length === 0)
      }
    }
  })
})

describe('REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS', () => {
  it('lists those of the session, short or extended', async () => {
    const h = harness()
    expect(hexOf((await h.send('a3 0d 00 000000 00000010 00 00')).dataIn)).toBe('da000000')
    expect(hexOf((await h.send('a3 0d 80 000000 00000010 00 00')).dataIn)).toBe('da00000c' + '00'.repeat(12))
  })

  it('needs room for four bytes', async () => {
    expect(outcome(await harness().send('a3 0d 00 000000 00000003 00 00'))).toBe('5/24/00')
  })
})

describe('REPORT LUNS', () => {
  const luns = (select: number, allocationLength = 256): string =>
    `a0 00 ${hex(select, 2)} 000000 ${hex(allocationLength, 8)} 00 00`

  it.each([
    [0x00, '00000008' + '00000000' + '0000000000000000'],
    [0x02, '00000008' + '00000000' + '0000000000000000'],
    [0x11, '00000008' + '00000000' + '0000000000000000'],
    [0x01, '00000000' + '00000000'],
    [0x10, '00000000' + '00000000'],
    [0x12, '00000000' + '00000000'],
  ])('select report %i', async (select, expected) => {
    expect(hexOf((await harness().send(luns(select))).dataIn)).toBe(expected)
  })

  it('refuses other reports, cuts to the allocation length, and settles a change of the list', async () => {
    const h = harness()
    expect(outcome(await h.send(luns(3)))).toBe('5/24/00')
    expect(hexOf((await h.send(luns(0, 8))).dataIn)).toBe('0000000800000000')
    h.nexus.raise(UNIT_ATTENTION.REPORTED_LUNS_CHANGED)
    await h.send(luns(0))
    expect(outcome(await h.send('00'))).toBe('status 00')
  })
})

describe('REPORT TARGET PORT GROUPS', () => {
  const groups = [
    { id: 1, state: 'active-optimized', preferred: true, relativePorts: [1] },
    { id: 0x102, state: 'standby', preferred: false, relativePorts: [2, 0x103] },
  ] as const
  const path = { ...singlePath({ groupId: 1, relativePorts: () => [1] }), groups: () => groups }
  const BODY =
    '80cf0001' +
    '00020001' +
    '00000001' + // preferred, active/optimized, one port
    '02cf0102' +
    '00020002' +
    '00000002' +
    '00000103' // standby, two ports

  it('lists groups with their ports', async () => {
    const h = harness({ unit: { path } })
    expect(hexOf((await h.send('a3 0a 00000000 000000ff 00 00')).dataIn)).toBe('0000001c' + BODY)
  })

  it('has an extended header, and no other format', async () => {
    const h = harness({ unit: { path } })
    expect(hexOf((await h.send('a3 2a 00000000 000000ff 00 00')).dataIn)).toBe('00000020' + '10000000' + BODY)
    expect(outcome(await h.send('a3 4a 00000000 000000ff 00 00'))).toBe('5/24/00')
  })
})

describe('a LUN without logical unit', () => {
  const send = (text: string) => {
    const cdb = new Uint8Array(16)
    cdb.set(Buffer.from(text.replaceAll(' ', ''), 'hex'))
    return executeAbsent(
      { cdb, dataOut: new Uint8Array(0), dataOutLengthExpected: 0, dataInLengthMax: 255 },
      [0, 5, 300],
    )
  }

  it('says in INQUIRY that there is none', () => {
    expect(hexOf(send('12 00 00 00ff 00').dataIn)).toBe('7f0006021f' + '00'.repeat(31))
    expect(outcome(send('12 01 00 00ff 00'))).toBe('5/24/00')
    expect(outcome(send('12 00 80 00ff 00'))).toBe('5/24/00')
  })

  it('lists the logical units that there are', () => {
    expect(hexOf(send('a0 00 00 000000 000000ff 00 00').dataIn)).toBe(
      '0000001800000000' + '0000000000000000' + '0005000000000000' + '412c000000000000',
    )
    expect(outcome(send('a0 00 ff 000000 000000ff 00 00'))).toBe('5/24/00')
  })

  it('gives the reason in REQUEST SENSE, and refuses all else with it', () => {
    expect(hexOf(send('03 01 0000 ff 00').dataIn)).toBe('7205250000000000')
    expect(hexOf(send('03 00 0000 04 00').dataIn)).toBe('70000500')
    expect(outcome(send('00'))).toBe('5/25/00')
    expect(outcome(send('28 00 00000000 00 0001 00'))).toBe('5/25/00')
  })
})
