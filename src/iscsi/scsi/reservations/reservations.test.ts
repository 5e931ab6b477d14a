import { describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../../test/e2e/iscsi/memory-device.ts'
import { MIB } from '../../../base/units.ts'
import { FrontendRecords } from '../../../frontend/records.ts'
import { Reservations } from '../../../frontend/reservations/reservations.ts'
import type { Nexus } from '../nexus.ts'
import { bytesOf, Harness, hexOf, outcome, UUID } from '../testing.ts'
import { TYPE_CODES } from './codes.ts'

const ACTION = {
  register: 0,
  reserve: 1,
  release: 2,
  clear: 3,
  preempt: 4,
  preemptAndAbort: 5,
  registerAndIgnore: 6,
} as const
const hex = (value: number | bigint, digits: number): string => value.toString(16).padStart(digits, '0')
const READ10 = '28 00 00000000 00 0001 00'
const WRITE10 = '2a 00 00000000 00 0001 00'
const A = 0xa0a0n
const B = 0xb0b0n

interface OutOptions {
  readonly key?: bigint
  readonly actionKey?: bigint
  readonly type?: number
  readonly flags?: number
}

/** Two nexuses of one volume. */
class Pair extends Harness {
  constructor() {
    super(new MemoryDevice({ sizeBytes: 16 * MIB, uuid: UUID }))
  }

  readonly other: Nexus = this.attach('iqn.2026-11.example:second,i,0x00023d000002')

  out(nexus: Nexus, action: keyof typeof ACTION, options: OutOptions = {}) {
    const { key = 0n, actionKey = 0n, type = 0, flags = 0 } = options
    const list = `${hex(key, 16)}${hex(actionKey, 16)}00000000${hex(flags, 2)}000000`
    return this.send(`5f ${hex(ACTION[action], 2)} ${hex(type, 2)} 0000 00000018 00`, {
      nexus,
      dataOut: Uint8Array.from(Buffer.from(list, 'hex')),
    })
  }

  async both(): Promise<void> {
    await this.out(this.nexus, 'register', { actionKey: A })
    await this.out(this.other, 'register', { actionKey: B })
  }

  async report(action: number): Promise<string> {
    return hexOf((await this.send(`5e ${hex(action, 2)} 0000000000 1000 00`)).dataIn)
  }
}

describe('PERSISTENT RESERVE IN', () => {
  it('of a volume without registrations', async () => {
    const h = new Pair()
    expect(await h.report(0)).toBe('0000000000000000')
    expect(await h.report(1)).toBe('0000000000000000')
    expect(await h.report(2)).toBe('0008' + '01' + '80' + 'ea01' + '0000')
    expect(await h.report(3)).toBe('0000000000000000')
    expect(outcome(await h.send('5e 04 0000000000 1000 00'))).toBe('5/24/00')
  })

  it('gives keys, reservation and full status', async () => {
    const h = new Pair()
    await h.both()
    await h.out(h.nexus, 'reserve', { key: A, type: 5 })
    expect(await h.report(0)).toBe('00000002' + '00000010' + hex(A, 16) + hex(B, 16))
    expect(await h.report(1)).toBe('00000002' + '00000010' + hex(A, 16) + '00000000' + '00' + '05' + '0000')
    // TransportID of SPC-4: format 01b, iSCSI; initiator port name, ended by zero, padded to four
    const name = (text: string) =>
      Buffer.from(text)
        .toString('hex')
        .padEnd(2 * 44, '0')
    const transport = (text: string) => '45' + '00' + '002c' + name(text)
    expect(await h.report(3)).toBe(
      '00000002' +
        '00000090' +
        hex(A, 16) +
        '00000000' +
        '01' +
        '05' +
        '00000000' +
        '0001' +
        '00000030' +
        transport('iqn.2026-11.example:first,i,0x00023d000001') +
        hex(B, 16) +
        '00000000' +
        '00' +
        '00' +
        '00000000' +
        '0001' +
        '00000030' +
        transport('iqn.2026-11.example:second,i,0x00023d000002'),
    )
  })

  it('shows key 0 for what all registrants hold, and each as a holder', async () => {
    const h = new Pair()
    await h.both()
    await h.out(h.nexus, 'reserve', { key: A, type: 8 })
    expect((await h.report(1)).slice(16)).toBe('0000000000000000' + '00000000' + '00' + '08' + '0000')
    expect((await h.report(3)).match(/000000000108/g)?.length).toBe(2)
  })

  it('cuts to the allocation length', async () => {
    const h = new Pair()
    await h.both()
    expect(hexOf((await h.send('5e 00 0000000000 0008 00')).dataIn)).toBe('0000000200000010')
  })
})

describe('PERSISTENT RESERVE OUT', () => {
  it.each(Object.values(TYPE_CODES))('reserves and releases type %i', async (type) => {
    const h = new Pair()
    await h.both()
    expect(outcome(await h.out(h.nexus, 'reserve', { key: A, type }))).toBe('status 00')
    expect((await h.report(1)).slice(-6, -4)).toBe(hex(type, 2))
    expect(outcome(await h.out(h.nexus, 'release', { key: A, type }))).toBe('status 00')
    expect((await h.report(1)).slice(8)).toBe('00000000')
  })

  it('refuses with the status or sense of each error', async () => {
    const h = new Pair()
    await h.both()
    expect(outcome(await h.out(h.nexus, 'register', { key: B, actionKey: 1n }))).toBe('status 18')
    expect(outcome(await h.out(h.nexus, 'reserve', { key: A, type: 2 }))).toBe('5/24/00')
    expect(outcome(await h.out(h.nexus, 'reserve', { key: A, type: 0x11 }))).toBe('5/24/00')
    await h.out(h.nexus, 'reserve', { key: A, type: 1 })
    expect(outcome(await h.out(h.nexus, 'release', { key: A, type: 3 }))).toBe('5/26/04')
    expect(outcome(await h.out(h.other, 'preempt', { key: B, actionKey: 0n, type: 1 }))).toBe('5/26/00')
    expect(outcome(await h.out(h.other, 'preempt', { key: B, actionKey: A, type: 2 }))).toBe('5/24/00')
    expect(outcome(await h.out(h.other, 'preempt', { key: B, actionKey: 0xc0c0n, type: 1 }))).toBe(
      'status 18',
    )
    expect(outcome(await h.out(h.nexus, 'register', { key: A, actionKey: 1n, flags: 0x08 }))).toBe('5/26/00')
    expect(outcome(await h.out(h.nexus, 'registerAndIgnore', { actionKey: 1n, flags: 0x04 }))).toBe('5/26/00')
    expect(outcome(await h.send('5f 07 00 0000 00000018 00', { dataOut: new Uint8Array(24) }))).toBe(
      '5/24/00',
    )
    expect(outcome(await h.send('5f 00 00 0000 00000017 00', { dataOut: new Uint8Array(23) }))).toBe(
      '5/1a/00',
    )
    expect(outcome(await h.send('5f 00 00 0000 00000019 00', { dataOut: new Uint8Array(25) }))).toBe(
      '5/1a/00',
    )
    expect(outcome(await h.send('5f 00 00 0000 00000018 00', { dataOut: new Uint8Array(8) }))).toBe('5/1a/00')
  })

  it('tells the others what they lost', async () => {
    const h = new Pair()
    await h.both()
    await h.out(h.nexus, 'reserve', { key: A, type: 5 })
    await h.out(h.nexus, 'release', { key: A, type: 5 })
    expect(outcome(await h.send('00', { nexus: h.other }))).toBe('6/2a/04')
    await h.out(h.nexus, 'preempt', { key: A, actionKey: B, type: 5 })
    expect(outcome(await h.send('00', { nexus: h.other }))).toBe('6/2a/05')
    await h.out(h.other, 'register', { actionKey: B })
    await h.out(h.nexus, 'clear', { key: A })
    expect(outcome(await h.send('00', { nexus: h.other }))).toBe('6/2a/03')
    expect(outcome(await h.send('00'))).toBe('status 00')
  })

  it('PREEMPT AND ABORT aborts the tasks of those it names', async () => {
    const h = new Pair()
    await h.both()
    await h.out(h.nexus, 'preempt', { key: A, actionKey: B, type: 1 })
    expect(h.aborted).toEqual([])
    await h.send('00', { nexus: h.other })
    await h.out(h.other, 'register', { actionKey: B })
    expect(outcome(await h.out(h.nexus, 'preemptAndAbort', { key: A, actionKey: B, type: 1 }))).toBe(
      'status 00',
    )
    expect(h.aborted).toEqual([h.other.initiatorPort])
  })

  it('that could not be stored changes nothing and is repeated', async () => {
    const h = new Pair()
    h.device.failNext('BUSY')
    expect(outcome(await h.out(h.nexus, 'register', { actionKey: A }))).toBe('status 08')
    expect(await h.report(0)).toBe('0000000000000000')
    expect(outcome(await h.out(h.nexus, 'register', { actionKey: A }))).toBe('status 00')
  })

  it('a registration outlives its session', async () => {
    const h = new Pair()
    await h.both()
    h.unit.detach(h.other)
    const again = h.attach(h.other.initiatorPort)
    expect(outcome(await h.out(again, 'reserve', { key: B, type: 1 }))).toBe('status 00')
  })

  it('with APTPL survives a restart, without it not', async () => {
    for (const [flags, expected] of [
      [1, 1],
      [0, 0],
    ] as const) {
      const h = new Pair()
      await h.out(h.nexus, 'register', { actionKey: A, flags })
      await h.out(h.nexus, 'reserve', { key: A, type: 1 })
      expect((await h.report(2)).slice(6, 8)).toBe(flags === 1 ? '81' : '80')
      const restarted = new Reservations(FrontendRecords.load(h.device, { after: 'power-loss' }))
      expect(restarted.state.registrants.size).toBe(expected)
      expect(restarted.inForce).toBe(expected === 1)
    }
  })
})

describe('a write', () => {
  it('is refused by the reservation in force where it gets its place, not where it came in', async () => {
    const h = new Pair()
    await h.both()
    const gate = Promise.withResolvers<void>()
    h.device.gate = gate.promise
    const pending = h.send(WRITE10, { dataOut: bytesOf(512), nexus: h.other })
    h.device.gate = Promise.resolve()
    expect(outcome(await h.out(h.nexus, 'reserve', { key: A, type: 1 }))).toBe('status 00')
    gate.resolve()
    expect(outcome(await pending)).toBe('status 18')
    expect(hexOf((await h.send(READ10)).dataIn)).toBe('00'.repeat(512))
  })
})

describe('commands under reservations', () => {
  /** Each with what a nexus gets that is not registered: under write exclusive, under exclusive access. */
  const CASES: readonly [string, string, string, string][] = [
    ['TEST UNIT READY', '00', 'ok', 'ok'],
    ['INQUIRY', '12 00 00 0024 00', 'ok', 'ok'],
    ['REQUEST SENSE', '03 00 0000 ff 00', 'ok', 'ok'],
    ['REPORT LUNS', 'a0 00 00 000000 00000010 00 00', 'ok', 'ok'],
    ['READ CAPACITY(10)', '25 00 00000000 0000 00 00', 'ok', 'ok'],
    ['READ CAPACITY(16)', '9e 10 0000000000000000 00000020 00 00', 'ok', 'ok'],
    ['READ(10)', READ10, 'ok', 'conflict'],
    ['VERIFY(10)', '2f 00 00000000 00 0001 00', 'ok', 'conflict'],
    ['PRE-FETCH(10)', '34 00 00000000 00 0001 00', 'ok', 'conflict'],
    ['GET LBA STATUS(16)', '9e 12 0000000000000000 00000020 00 00', 'ok', 'conflict'],
    ['MODE SENSE(6)', '1a 00 3f 00 ff 00', 'ok', 'conflict'],
    ['REPORT SUPPORTED OPERATION CODES', 'a3 0c 00 00 0000 00000100 00 00', 'ok', 'conflict'],
    ['REPORT TARGET PORT GROUPS', 'a3 0a 00000000 00000100 00 00', 'ok', 'ok'],
    ['PERSISTENT RESERVE IN', '5e 00 0000000000 0100 00', 'ok', 'ok'],
    ['START STOP UNIT, start', '1b 00 0000 01 00', 'ok', 'ok'],
    ['START STOP UNIT, stop', '1b 00 0000 00 00', 'conflict', 'conflict'],
    ['PREVENT ALLOW MEDIUM REMOVAL, allow', '1e 00 0000 00 00', 'ok', 'ok'],
    ['PREVENT ALLOW MEDIUM REMOVAL, prevent', '1e 00 0000 01 00', 'conflict', 'conflict'],
    ['WRITE(10)', WRITE10, 'conflict', 'conflict'],
    ['WRITE SAME(16)', '93 01 0000000000000000 00000001 00 00', 'conflict', 'conflict'],
    ['UNMAP', '42 00 00000000 00 0000 00', 'conflict', 'conflict'],
    ['COMPARE AND WRITE', '89 00 0000000000000000 000000 01 00 00', 'conflict', 'conflict'],
    ['SYNCHRONIZE CACHE(10)', '35 00 00000000 00 0000 00', 'conflict', 'conflict'],
    ['MODE SELECT(6)', '15 10 0000 00 00', 'conflict', 'conflict'],
    ['SEND DIAGNOSTIC', '1d 04 00 0000 00', 'conflict', 'conflict'],
    ['RESERVE(6)', '16 00 0000 00 00', 'conflict', 'conflict'],
    ['RELEASE(10)', '57 00 0000000000 0000 00', 'conflict', 'conflict'],
  ]

  it.each(CASES)('%s', async (_, cdb, ...expected) => {
    const seen: string[] = []
    for (const type of [1, 3]) {
      const h = new Pair()
      await h.out(h.nexus, 'register', { actionKey: A })
      await h.out(h.nexus, 'reserve', { key: A, type })
      const result = await h.send(cdb, { nexus: h.other })
      seen.push(outcome(result) === 'status 18' ? 'conflict' : 'ok')
    }
    expect(seen).toEqual(expected)
  })
})

describe('RESERVE and RELEASE of SPC-2', () => {
  const RESERVE6 = '16 00 0000 00 00'
  const RELEASE6 = '17 00 0000 00 00'

  it.each([
    ['6', RESERVE6, RELEASE6],
    ['10', '56 00 0000000000 0000 00', '57 00 0000000000 0000 00'],
  ])('(%s) keep the unit for one nexus', async (_, reserve, release) => {
    const h = new Pair()
    expect(outcome(await h.send(reserve))).toBe('status 00')
    expect(outcome(await h.send(reserve))).toBe('status 00')
    expect(outcome(await h.send(reserve, { nexus: h.other }))).toBe('status 18')
    expect(outcome(await h.send('00', { nexus: h.other }))).toBe('status 18')
    expect(outcome(await h.send(READ10, { nexus: h.other }))).toBe('status 18')
    expect(outcome(await h.send('12 00 00 0024 00', { nexus: h.other }))).toBe('status 00')
    expect(outcome(await h.send('25', { nexus: h.other }))).toBe('status 00')
    expect(outcome(await h.send(release, { nexus: h.other }))).toBe('status 00')
    expect(outcome(await h.send(READ10, { nexus: h.other }))).toBe('status 18')
    expect(outcome(await h.send(release))).toBe('status 00')
    expect(outcome(await h.send(READ10, { nexus: h.other }))).toBe('status 00')
  })

  it('end with the nexus and with a reset', async () => {
    const h = new Pair()
    await h.send(RESERVE6)
    h.unit.detach(h.nexus)
    expect(outcome(await h.send(READ10, { nexus: h.other }))).toBe('status 00')
    await h.send(RESERVE6, { nexus: h.other })
    h.unit.reset()
    expect(h.unit.reservations.unitHolder).toBeUndefined()
  })

  it('exclude persistent reservations, for the holder too, and are excluded by registrations', async () => {
    const h = new Pair()
    await h.send(RESERVE6)
    expect(outcome(await h.out(h.nexus, 'register', { actionKey: A }))).toBe('status 18')
    expect(outcome(await h.send('5e 00 0000000000 0100 00'))).toBe('status 18')
    await h.send(RELEASE6)
    await h.out(h.other, 'register', { actionKey: B })
    expect(outcome(await h.send(RESERVE6))).toBe('status 18')
    expect(outcome(await h.send(RELEASE6, { nexus: h.other }))).toBe('status 18')
  })
})
