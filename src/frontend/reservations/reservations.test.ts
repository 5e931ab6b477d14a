import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32c } from '../../base/crc32c.ts'
import { FrontendRecords, type RecordStore } from '../records.ts'
import { decodeFrontendState, encodeFrontendState } from '../records-codec.ts'
import { Reservations } from './reservations.ts'
import { isAllRegistrants, NO_RESERVATIONS, RESERVATION_TYPES, type ReservationState } from './state.ts'

const encodeReservations = (reservations: ReservationState): Uint8Array =>
  encodeFrontendState({ reservations, sanitize: undefined })
const decodeReservations = (bytes: Uint8Array): ReservationState => decodeFrontendState(bytes).reservations

const stateOf = (persistent: boolean): ReservationState => ({
  generation: 7,
  persistent,
  registrants: new Map([
    ['iscsi,1,iqn.a,i,0x1', 0x1122334455667788n],
    ['nvme,00', 1n],
  ]),
  reservation: { type: 'exclusive-access', holder: 'nvme,00' },
})

/** `stateOf(true)`, laid out by hand from the table in codec.ts; the checksum is that of the library. */
const GOLDEN =
  '42525356' +
  '0100' +
  '02' +
  '01' +
  '4a000000' +
  '07000000' +
  '02000000' +
  '01000000' +
  '8877665544332211' +
  '1300' +
  Buffer.from('iscsi,1,iqn.a,i,0x1').toString('hex') +
  '0100000000000000' +
  '0700' +
  Buffer.from('nvme,00').toString('hex')

describe('encoded reservations', () => {
  it('have the documented bytes', () => {
    const encoded = encodeReservations(stateOf(true))
    expect(Buffer.from(encoded.subarray(0, -4)).toString('hex')).toBe(GOLDEN)
    expect(Buffer.from(encoded).readUInt32LE(encoded.byteLength - 4)).toBe(crc32c(Buffer.from(GOLDEN, 'hex')))
    expect(decodeReservations(encoded)).toEqual(stateOf(true))
  })

  it('round-trip', () => {
    const registrants = fc.uniqueArray(
      fc.tuple(fc.string({ minLength: 1, maxLength: 60 }), fc.bigInt(1n, 2n ** 64n - 1n)),
      {
        minLength: 1,
        maxLength: 20,
        selector: ([id]) => id,
      },
    )
    fc.assert(
      fc.property(
        registrants,
        fc.option(fc.constantFrom(...RESERVATION_TYPES)),
        fc.boolean(),
        (pairs, type, persistent) => {
          const holder = type !== null && isAllRegistrants(type) ? undefined : pairs[0]![0]
          const state: ReservationState = {
            generation: 3,
            persistent,
            registrants: new Map(pairs),
            reservation: type === null ? undefined : { type, holder },
          }
          expect(decodeReservations(encodeReservations(state))).toEqual(state)
        },
      ),
    )
  })

  it('are empty at first', () => {
    expect(decodeReservations(new Uint8Array(0))).toBe(NO_RESERVATIONS)
  })

  it('are refused when damaged anywhere, cut short, or of a later version', () => {
    const encoded = encodeReservations(stateOf(true))
    for (let at = 0; at < encoded.byteLength; at++) {
      const damaged = Uint8Array.from(encoded)
      damaged[at]! ^= 0x40
      expect(() => decodeReservations(damaged), `byte ${at}`).toThrow(/stored records|version/)
      if (at > 0) expect(() => decodeReservations(encoded.subarray(0, at))).toThrow(/stored records/)
    }
    const later = Uint8Array.from(encoded)
    later[4] = 3
    expect(() => decodeReservations(later)).toThrow('version 3')
  })
})

class Store implements RecordStore {
  bytes: Uint8Array = new Uint8Array(0)
  gate: Promise<void> = Promise.resolve()
  frontendState(): Uint8Array {
    return this.bytes
  }
  async setFrontendState(state: Uint8Array): Promise<void> {
    await this.gate
    this.bytes = state
  }
}

const reservationsOf = (store: RecordStore, options: { after: 'power-loss' | 'failover' }): Reservations =>
  new Reservations(FrontendRecords.load(store, options))

const register = (from: string, key: bigint, persistent: boolean) =>
  ({ kind: 'register', from, currentKey: 0n, newKey: key, persistent }) as const
const exclusive = (from: string, key: bigint) =>
  ({ kind: 'reserve', from, key, type: 'exclusive-access' }) as const

describe('reservations in force', () => {
  it('survive a loss of power when they were asked to, and a failover always', async () => {
    for (const persistent of [true, false]) {
      const store = new Store()
      const first = reservationsOf(store, { after: 'power-loss' })
      await first.execute(register('a', 1n, persistent))
      await first.execute(exclusive('a', 1n))
      expect(reservationsOf(store, { after: 'failover' }).state).toEqual(first.state)
      const restarted = reservationsOf(store, { after: 'power-loss' })
      expect(restarted.state).toEqual(persistent ? first.state : NO_RESERVATIONS)
      expect(restarted.inForce).toBe(persistent)
    }
  })

  it('while a change is on its way both the old and the new state bind', async () => {
    const store = new Store()
    const reservations = reservationsOf(store, { after: 'power-loss' })
    await reservations.execute(register('a', 1n, true))
    await reservations.execute(register('b', 2n, true))
    await reservations.execute(exclusive('a', 1n))
    const gate = Promise.withResolvers<void>()
    store.gate = gate.promise
    const pending = reservations.execute({
      kind: 'preempt',
      from: 'b',
      key: 2n,
      victimKey: 1n,
      type: 'exclusive-access',
    })
    await Promise.resolve()
    expect([reservations.conflicts('a', 'write'), reservations.conflicts('b', 'write')]).toEqual([true, true])
    gate.resolve()
    await pending
    expect([reservations.conflicts('a', 'write'), reservations.conflicts('b', 'write')]).toEqual([
      true,
      false,
    ])
  })

  it('a change that could not be stored did not happen', async () => {
    const store = new Store()
    const reservations = reservationsOf(store, { after: 'power-loss' })
    await reservations.execute(register('a', 1n, true))
    store.gate = Promise.reject(new Error('disk'))
    await expect(reservations.execute(exclusive('a', 1n))).rejects.toThrow('disk')
    expect(reservations.inForce).toBe(false)
    store.gate = Promise.resolve()
    expect((await reservations.execute(exclusive('a', 1n))).ok).toBe(true)
  })

  it('changes run one after the other', async () => {
    const reservations = reservationsOf(new Store(), { after: 'power-loss' })
    const verdicts = await Promise.all([
      reservations.execute(register('a', 1n, false)),
      reservations.execute(register('b', 2n, false)),
      reservations.execute(exclusive('a', 1n)),
      reservations.execute(exclusive('b', 2n)),
    ])
    expect(verdicts.map((verdict) => verdict.ok)).toEqual([true, true, true, false])
  })

  it('tells listeners what changed for whom', async () => {
    const reservations = reservationsOf(new Store(), { after: 'power-loss' })
    const heard: unknown[] = []
    const end = reservations.subscribe((notices) => heard.push(...notices))
    await reservations.execute(register('a', 1n, false))
    await reservations.execute(register('b', 2n, false))
    await reservations.execute({ kind: 'clear', from: 'a', key: 1n })
    expect(heard).toEqual([{ to: 'b', what: 'reservation-preempted' }])
    end()
  })

  it('RESERVE of SPC-2 excludes all but its holder', () => {
    const reservations = reservationsOf(new Store(), { after: 'power-loss' })
    reservations.setUnitHolder('a')
    expect([
      reservations.inForce,
      reservations.conflicts('a', 'write'),
      reservations.conflicts('b', 'read'),
    ]).toEqual([true, false, true])
    reservations.setUnitHolder(undefined)
    expect(reservations.inForce).toBe(false)
  })
})
