import { describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../test/e2e/iscsi/memory-device.ts'
import { FrontendRecords } from '../../frontend/records.ts'
import type { RegistrantId } from '../../frontend/reservations/state.ts'
import type { TaskSignal } from '../../frontend/task-signal.ts'
import type { NvmeHost } from './io-types.ts'
import { ReservationLog } from './reservation-log.ts'
import { OPCODE } from './sqe.ts'
import { bytesOf, DEVICE_BYTES, hostOf, NamespaceHarness } from './testing.ts'

const OK = '0/00'
const CONFLICT = '0/83!'
const INVALID = '0/02!'
const IEKEY = 0x08
const [A, B, C] = [hostOf(0xa), hostOf(0xb), hostOf(0xc)]

const TYPE = { WE: 1, EA: 2, WE_RO: 3, EA_RO: 4, WE_AR: 5, EA_AR: 6 } as const
const REGISTER = 0
const UNREGISTER = 1
const REPLACE = 2

class Hosts extends NamespaceHarness {
  readonly memory: MemoryDevice

  constructor() {
    const memory = new MemoryDevice({ sizeBytes: DEVICE_BYTES })
    super(memory)
    this.memory = memory
  }

  register(host: NvmeHost, action: number, crkey: bigint, nrkey: bigint, flags = 0): Promise<string> {
    return this.#command(OPCODE.RESERVATION_REGISTER, host, (action | flags) >>> 0, [crkey, nrkey])
  }
  acquire(host: NvmeHost, type: number, crkey: bigint, prkey = 0n, action = 0): Promise<string> {
    return this.#command(OPCODE.RESERVATION_ACQUIRE, host, action | (type << 8), [crkey, prkey])
  }
  release(host: NvmeHost, type: number, crkey: bigint, action = 0): Promise<string> {
    return this.#command(OPCODE.RESERVATION_RELEASE, host, action | (type << 8), [crkey])
  }
  async report(lengthBytes = 4096, cdw11 = 1): Promise<{ status: string; data: Uint8Array }> {
    const cdw10 = lengthBytes / 4 - 1
    return this.send(OPCODE.RESERVATION_REPORT, { cdw10, cdw11, dataInMax: lengthBytes })
  }
  /** Generation, type, and holder or not of each entry. */
  async state(): Promise<unknown> {
    const { data } = await this.report()
    const view = new DataView(data.buffer)
    const entries = Array.from({ length: view.getUint16(5, true) }, (_, i) => 64 + i * 64)
    return {
      generation: view.getUint32(0, true),
      type: data[4],
      entries: entries.map(
        (at) =>
          `${data[at + 16]?.toString(16)}:${view.getBigUint64(at + 8, true)}${data[at + 2] === 1 ? '*' : ''}`,
      ),
    }
  }
  async #command(opcode: number, host: NvmeHost, cdw10: number, keys: bigint[]): Promise<string> {
    const dataOut = new Uint8Array(8 * keys.length)
    for (const [i, key] of keys.entries()) new DataView(dataOut.buffer).setBigUint64(8 * i, key, true)
    return this.statusOf(opcode, { cdw10, dataOut, host })
  }
}

describe('Reservation Register', () => {
  it('are not for hosts without an identifier: all of them would be one registrant', async () => {
    const hosts = new Hosts()
    const nobody = hostOf(0)
    expect(await hosts.register(nobody, REGISTER, 0n, 1n)).toBe(INVALID)
    expect(await hosts.acquire(nobody, TYPE.WE, 1n)).toBe(INVALID)
    expect(await hosts.release(nobody, TYPE.WE, 1n)).toBe(INVALID)
  })

  it('registers once, with any current key, and again with the same key only', async () => {
    const h = new Hosts()
    expect(await h.register(A, REGISTER, 99n, 1n)).toBe(OK)
    expect(await h.register(A, REGISTER, 0n, 1n)).toBe(OK)
    expect(await h.register(A, REGISTER, 1n, 2n)).toBe(CONFLICT)
    expect(await h.register(A, REGISTER, 1n, 2n, IEKEY)).toBe(CONFLICT)
    expect(await h.register(B, REGISTER, 0n, 0n)).toBe(INVALID)
    expect(await h.state()).toEqual({ generation: 2, type: 0, entries: ['a:1'] })
  })

  it('unregisters with the current key, or with any when it is ignored', async () => {
    const h = new Hosts()
    expect(await h.register(A, UNREGISTER, 0n, 0n)).toBe(CONFLICT)
    expect(await h.register(A, UNREGISTER, 0n, 0n, IEKEY)).toBe(CONFLICT)
    await h.register(A, REGISTER, 0n, 1n)
    expect(await h.register(A, UNREGISTER, 0n, 0n)).toBe(CONFLICT)
    expect(await h.register(A, UNREGISTER, 2n, 0n)).toBe(CONFLICT)
    expect(await h.register(A, UNREGISTER, 1n, 5n)).toBe(OK)
    await h.register(A, REGISTER, 0n, 1n)
    expect(await h.register(A, UNREGISTER, 7n, 0n, IEKEY)).toBe(OK)
    expect(await h.state()).toEqual({ generation: 4, type: 0, entries: [] })
  })

  it('replaces the key; with IEKEY whatever was registered', async () => {
    const h = new Hosts()
    expect(await h.register(A, REPLACE, 0n, 2n)).toBe(CONFLICT)
    expect(await h.register(A, REPLACE, 0n, 2n, IEKEY)).toBe(OK)
    expect(await h.register(A, REPLACE, 1n, 3n)).toBe(CONFLICT)
    expect(await h.register(A, REPLACE, 2n, 3n)).toBe(OK)
    expect(await h.register(A, REPLACE, 9n, 4n, IEKEY)).toBe(OK)
    expect(await h.register(A, REPLACE, 4n, 0n)).toBe(INVALID)
    expect(await h.state()).toEqual({ generation: 3, type: 0, entries: ['a:4'] })
  })

  it('keeps or changes the persistence through power loss', async () => {
    const h = new Hosts()
    const persists = async (): Promise<number | undefined> => (await h.report()).data[9]
    await h.register(A, REGISTER, 0n, 1n, 0xc0000000)
    expect(await persists()).toBe(1)
    await h.register(B, REGISTER, 0n, 2n)
    expect(await persists()).toBe(1)
    expect(
      FrontendRecords.load(h.memory, { after: 'power-loss' }).current.reservations.registrants.size,
    ).toBe(2)
    await h.register(B, REPLACE, 2n, 2n, 0x80000000)
    expect(await persists()).toBe(0)
    expect(
      FrontendRecords.load(h.memory, { after: 'power-loss' }).current.reservations.registrants.size,
    ).toBe(0)
    expect(await h.register(A, REPLACE, 1n, 1n, 0x40000000)).toBe(INVALID)
    expect(await h.namespace.setReservationPersistence(A, true)).toBe(0)
    expect([await persists(), h.namespace.reservationPersistence]).toEqual([1, true])
    h.device.failNext('BUSY')
    expect(await h.namespace.setReservationPersistence(A, false)).toBe(0x303)
    expect(h.namespace.reservationPersistence).toBe(true)
  })

  it('refuses actions that do not exist, and data that is too short', async () => {
    const h = new Hosts()
    expect(await h.register(A, 3, 0n, 1n)).toBe(INVALID)
    for (const [opcode, bytes] of [
      [OPCODE.RESERVATION_REGISTER, 15],
      [OPCODE.RESERVATION_ACQUIRE, 15],
      [OPCODE.RESERVATION_RELEASE, 7],
    ] as const) {
      expect(await h.statusOf(opcode, { dataOut: new Uint8Array(bytes) })).toBe('0/0f!')
    }
  })
})

describe('Reservation Acquire and Release', () => {
  it('need a registration with its key, a type, and no IEKEY', async () => {
    const h = new Hosts()
    expect(await h.acquire(A, TYPE.WE, 1n)).toBe(CONFLICT)
    expect(await h.release(A, TYPE.WE, 1n)).toBe(CONFLICT)
    await h.register(A, REGISTER, 0n, 1n)
    expect(await h.acquire(A, TYPE.WE, 2n)).toBe(CONFLICT)
    for (const type of [0, 7, 255]) expect(await h.acquire(A, type, 1n)).toBe(INVALID)
    expect(await h.acquire(A, TYPE.WE, 1n, 0n, IEKEY)).toBe(INVALID)
    expect(await h.release(A, TYPE.WE, 1n, IEKEY)).toBe(INVALID)
    expect(await h.acquire(A, TYPE.WE, 1n, 0n, 3)).toBe(INVALID)
    expect(await h.release(A, TYPE.WE, 1n, 2)).toBe(INVALID)
  })

  it.each(Object.values(TYPE))('type %i is taken, taken again, and released', async (type) => {
    const h = new Hosts()
    await h.register(A, REGISTER, 0n, 1n)
    await h.register(B, REGISTER, 0n, 2n)
    expect(await h.acquire(A, type, 1n)).toBe(OK)
    expect(await h.acquire(A, type, 1n)).toBe(OK)
    expect(await h.acquire(A, (type % 6) + 1, 1n)).toBe(CONFLICT)
    const isAllRegistrants = type >= TYPE.WE_AR
    expect(await h.acquire(B, type, 2n)).toBe(isAllRegistrants ? OK : CONFLICT)
    expect(await h.state()).toMatchObject({ type, entries: ['a:1*', isAllRegistrants ? 'b:2*' : 'b:2'] })
    expect(await h.release(A, (type % 6) + 1, 1n)).toBe(INVALID)
    expect(await h.release(A, type, 1n)).toBe(OK)
    expect(await h.state()).toMatchObject({ type: 0, entries: ['a:1', 'b:2'] })
    expect(await h.release(B, type, 2n)).toBe(OK)
  })

  it('clear ends everything, by any registrant', async () => {
    const h = new Hosts()
    await h.register(A, REGISTER, 0n, 1n)
    await h.register(B, REGISTER, 0n, 2n)
    await h.acquire(A, TYPE.EA, 1n)
    expect(await h.release(B, 0, 3n, 1)).toBe(CONFLICT)
    expect(await h.release(B, 0, 2n, 1)).toBe(OK)
    expect(await h.state()).toEqual({ generation: 3, type: 0, entries: [] })
  })
})

describe('preempting', () => {
  it('takes the reservation from its holder, whose registration goes', async () => {
    const h = new Hosts()
    for (const [host, key] of [
      [A, 1n],
      [B, 2n],
      [C, 1n],
    ] as const) {
      await h.register(host, REGISTER, 0n, key)
    }
    await h.acquire(A, TYPE.EA, 1n)
    expect(await h.acquire(B, TYPE.WE, 2n, 1n, 1)).toBe(OK)
    expect(await h.state()).toEqual({ generation: 4, type: TYPE.WE, entries: ['b:2*'] })
  })

  it('removes registrations of others than the holder, and needs one', async () => {
    const h = new Hosts()
    await h.register(A, REGISTER, 0n, 1n)
    await h.register(B, REGISTER, 0n, 2n)
    await h.acquire(A, TYPE.EA_RO, 1n)
    expect(await h.acquire(A, TYPE.WE, 1n, 2n, 1)).toBe(OK)
    expect(await h.state()).toMatchObject({ type: TYPE.EA_RO, entries: ['a:1*'] })
    expect(await h.acquire(A, TYPE.WE, 1n, 2n, 1)).toBe(CONFLICT)
    expect(await h.acquire(A, TYPE.WE, 1n, 0n, 1)).toBe(INVALID)
  })

  it('key 0 preempts all others where all registrants hold', async () => {
    const h = new Hosts()
    await h.register(A, REGISTER, 0n, 1n)
    await h.register(B, REGISTER, 0n, 2n)
    await h.acquire(A, TYPE.EA_AR, 1n)
    expect(await h.acquire(B, TYPE.WE, 2n, 0n, 1)).toBe(OK)
    expect(await h.state()).toMatchObject({ type: TYPE.WE, entries: ['b:2*'] })
  })

  it('and aborting ends the commands of every controller of the preempted, at all front ends', async () => {
    const h = new Hosts()
    await h.register(A, REGISTER, 0n, 1n)
    await h.register(B, REGISTER, 0n, 2n)
    await h.acquire(A, TYPE.WE, 1n)
    const aborted: unknown[] = []
    const attach = (host: NvmeHost): (() => void) =>
      h.namespace.attach({
        host,
        abortCommands: async () => void aborted.push(host.controllerId),
        onReservationNotice: () => undefined,
      })
    attach(hostOf(0xa, 10))
    attach(hostOf(0xa, 11))
    const detach = attach(hostOf(0xa, 12))
    attach(hostOf(0xb, 13))
    detach()
    const heard: [readonly RegistrantId[], TaskSignal | undefined][] = []
    h.volume.reservations.subscribeAborts(async (victims, except) => void heard.push([victims, except]))
    expect(await h.acquire(B, TYPE.WE, 2n, 1n, 1)).toBe(OK)
    expect(aborted).toEqual([])
    await h.register(A, REGISTER, 0n, 1n)
    expect(await h.acquire(B, TYPE.WE, 2n, 1n, 2)).toBe(OK)
    expect(aborted).toEqual([10, 11])
    expect(heard.map(([victims]) => victims)).toEqual([[A.registrant]])
  })
})

/** Figure "Command Behavior in the Presence of a Reservation": refused or not, for the host, by type. */
describe('the truth table of access', () => {
  const READS = [OPCODE.READ, OPCODE.COMPARE, OPCODE.VERIFY]
  const WRITES = [OPCODE.WRITE, OPCODE.WRITE_ZEROES, OPCODE.DATASET_MANAGEMENT, OPCODE.FLUSH]
  const fieldsOf = (opcode: number): object => {
    if (opcode === OPCODE.READ) return { dataInMax: 512 }
    return opcode === OPCODE.VERIFY ? {} : { dataOut: new Uint8Array(512) }
  }

  it.each([
    // type, stranger reads, stranger writes, registrant reads, registrant writes
    [TYPE.WE, true, false, true, false],
    [TYPE.EA, false, false, false, false],
    [TYPE.WE_RO, true, false, true, true],
    [TYPE.EA_RO, false, false, true, true],
    [TYPE.WE_AR, true, false, true, true],
    [TYPE.EA_AR, false, false, true, true],
  ])('type %i', async (type, strangerReads, strangerWrites, registrantReads, registrantWrites) => {
    const h = new Hosts()
    await h.register(A, REGISTER, 0n, 1n)
    await h.register(B, REGISTER, 0n, 2n)
    await h.acquire(A, type, 1n)
    const statuses = async (host: NvmeHost, opcodes: readonly number[]): Promise<string[]> =>
      Promise.all(opcodes.map((opcode) => h.statusOf(opcode, { ...fieldsOf(opcode), host })))
    const all = (isAllowed: boolean, opcodes: readonly number[]): string[] =>
      opcodes.map(() => (isAllowed ? OK : CONFLICT))
    expect(await statuses(A, [...READS, ...WRITES])).toEqual(all(true, [...READS, ...WRITES]))
    expect(await statuses(B, READS)).toEqual(all(registrantReads, READS))
    expect(await statuses(B, WRITES)).toEqual(all(registrantWrites, WRITES))
    expect(await statuses(C, READS)).toEqual(all(strangerReads, READS))
    expect(await statuses(C, WRITES)).toEqual(all(strangerWrites, WRITES))
    // anybody may register and look
    expect((await h.report()).status).toBe(OK)
    expect(await h.register(C, REGISTER, 0n, 3n)).toBe(OK)
  })

  it('a write that waits is refused by the reservation that is in force when it gets its place', async () => {
    const h = new Hosts()
    await h.register(A, REGISTER, 0n, 1n)
    h.memory.hold()
    const waiting = h.statusOf(OPCODE.WRITE, { dataOut: bytesOf(512), host: B })
    const taken = h.acquire(A, TYPE.WE, 1n)
    expect(await taken).toBe(OK)
    h.memory.letGo()
    expect(await waiting).toBe(CONFLICT)
  })
})

describe('hosts of iSCSI and NVMe on one volume', () => {
  const ISCSI: RegistrantId = 'iscsi,1,iqn.2026-11.org.example:x,i,0x00023d000001'

  it('respect each other', async () => {
    const h = new Hosts()
    const { reservations } = h.volume
    const iscsi = { from: ISCSI, key: 0x1122n }
    await reservations.execute({
      kind: 'register',
      from: ISCSI,
      currentKey: 0n,
      newKey: 0x1122n,
      persistent: undefined,
    })
    await reservations.execute({ kind: 'reserve', ...iscsi, type: 'write-exclusive' })
    expect(await h.statusOf(OPCODE.WRITE, { dataOut: bytesOf(512), host: A })).toBe(CONFLICT)
    expect(await h.statusOf(OPCODE.READ, { dataInMax: 512, host: A })).toBe(OK)
    await h.register(A, REGISTER, 0n, 7n)
    expect(await h.acquire(A, TYPE.EA, 7n)).toBe(CONFLICT)
    expect(await h.acquire(A, TYPE.EA, 7n, 0x1122n, 2)).toBe(OK)
    expect([reservations.conflicts(ISCSI, 'read'), reservations.conflicts(A.registrant, 'write')]).toEqual([
      true,
      false,
    ])
  })

  it('RESERVE of SPC-2 puts reservations out of use, and keeps others out', async () => {
    const h = new Hosts()
    h.volume.reservations.setUnitHolder(ISCSI)
    expect(await h.register(A, REGISTER, 0n, 1n)).toBe(CONFLICT)
    expect(await h.statusOf(OPCODE.READ, { dataInMax: 512 })).toBe(CONFLICT)
    h.volume.reservations.setUnitHolder(undefined)
    expect(await h.register(A, REGISTER, 0n, 1n)).toBe(OK)
  })
})

describe('Reservation Report', () => {
  it('has the bytes of the figure', async () => {
    const h = new Hosts()
    await h.register(A, REGISTER, 0n, 0x1122334455667788n, 0xc0000000)
    await h.register(B, REGISTER, 0n, 2n)
    await h.acquire(A, TYPE.EA_RO, 0x1122334455667788n)
    for (const controllerId of [0x0102, 0x0101]) {
      h.namespace.attach({
        host: hostOf(0xa, controllerId),
        abortCommands: async () => undefined,
        onReservationNotice: () => undefined,
      })
    }
    const { status, data } = await h.report(256)
    const entry = (cntlid: string, rcsts: string, key: string, id: string): string =>
      `${cntlid}${rcsts}0000000000${key}${id.repeat(16)}${'00'.repeat(32)}`
    expect(status).toBe(OK)
    expect(Buffer.from(data).toString('hex')).toBe(
      `0200000004030000000100${'00'.repeat(53)}` +
        entry('0101', '01', '8877665544332211', '0a') +
        entry('0201', '01', '8877665544332211', '0a') +
        entry('ffff', '00', '0200000000000000', '0b'),
    )
  })

  it('is as long as asked for, cut or padded, and of 128-bit identifiers only', async () => {
    const h = new Hosts()
    await h.register(A, REGISTER, 0n, 1n)
    const whole = (await h.report(4096)).data
    expect(whole.byteLength).toBe(4096)
    for (const lengthBytes of [4, 24, 64, 68, 128]) {
      expect((await h.report(lengthBytes)).data).toEqual(whole.subarray(0, lengthBytes))
    }
    expect((await h.report(4096, 0)).status).toBe('0/18!')
    expect(await h.statusOf(OPCODE.RESERVATION_REPORT, { cdw10: 15, cdw11: 1, dataInMax: 60 })).toBe('0/0f!')
  })

  it('gives a registrant of iSCSI an identifier of its own', async () => {
    const h = new Hosts()
    for (const from of ['iscsi,1,iqn.a,i,0x1', 'iscsi,1,iqn.b,i,0x1']) {
      await h.volume.reservations.execute({
        kind: 'register',
        from,
        currentKey: 0n,
        newKey: 5n,
        persistent: undefined,
      })
    }
    const { data } = await h.report()
    const ids = [80, 144].map((at) => Buffer.from(data.subarray(at, at + 16)).toString('hex'))
    expect(new Set([...ids, '00'.repeat(16)]).size).toBe(3)
    expect((await h.report()).data).toEqual(data)
  })
})

describe('notices', () => {
  it('go to the controllers of the host that they concern', async () => {
    const h = new Hosts()
    const heard: string[] = []
    for (const host of [A, B, C]) {
      h.namespace.attach({
        host,
        abortCommands: async () => undefined,
        onReservationNotice: (what) => heard.push(`${host.controllerId.toString(16)} ${what}`),
      })
      await h.register(host, REGISTER, 0n, BigInt(host.controllerId))
    }
    await h.acquire(A, TYPE.WE_RO, 0xan)
    await h.release(A, TYPE.WE_RO, 0xan)
    await h.acquire(A, TYPE.WE, 0xan, 0xbn, 1)
    await h.release(A, 0, 0xan, 1)
    expect(heard).toEqual([
      'b reservation-released',
      'c reservation-released',
      'b registration-preempted',
      'c reservation-preempted',
    ])
    h.namespace.close()
    await h.register(A, REGISTER, 0n, 1n)
    expect(heard.length).toBe(4)
  })

  it('fill a log of pages that are read one by one', () => {
    const log = new ReservationLog(1)
    expect(log.take()).toEqual(new Uint8Array(64))
    expect(log.add('registration-preempted')).toBe(true)
    expect(log.add('reservation-released')).toBe(true)
    log.setMask(0x08)
    expect([log.add('reservation-preempted'), log.length, log.mask]).toEqual([false, 2, 8])
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
    expect(hex(log.take())).toBe(`01000000000000000101000001000000${'00'.repeat(48)}`)
    expect(hex(log.take())).toBe(`02000000000000000200000001000000${'00'.repeat(48)}`)
    expect(log.length).toBe(0)
  })

  it('keep the newest 255 pages', () => {
    const log = new ReservationLog(1)
    for (let i = 0; i < 300; i++) log.add('reservation-released')
    expect(log.length).toBe(255)
    const page = log.take()
    expect([new DataView(page.buffer).getBigUint64(0, true), page[9]]).toEqual([46n, 254])
  })
})
