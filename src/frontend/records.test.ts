import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../test/e2e/iscsi/memory-device.ts'
import { crc32c } from '../base/crc32c.ts'
import { MIB } from '../base/units.ts'
import { FrontendRecords } from './records.ts'
import { decodeFrontendState, encodeFrontendState } from './records-codec.ts'
import { NO_RESERVATIONS, type ReservationState } from './reservations/state.ts'
import { begin, type SanitizeOperation } from './sanitize/operation.ts'

const reservations: ReservationState = {
  generation: 7,
  persistent: true,
  registrants: new Map([['a', 1n]]),
  reservation: undefined,
}
const operation: SanitizeOperation = {
  state: 'failed',
  method: 'overwrite',
  unrestricted: true,
  passes: 3,
  invert: true,
  pattern: Uint8Array.of(0xaa, 0x55),
  passesDone: 1,
  doneBytes: 0x1_0000_2000,
}

/** From the tables in records-codec.ts and sanitize/codec.ts, without the checksum. */
const GOLDEN =
  '42525356' + // magic
  '0200' + // version 2
  '00' +
  '00' +
  '2e000000' + // 46 bytes
  '00000000' +
  '00000000' +
  'ffffffff' +
  '07' + // failed, unrestricted, invert
  '01' + // overwrite
  '03' +
  '01' +
  '0200' +
  '0000' +
  '0020000001000000' +
  'aa55'

describe('the records of the front ends as bytes', () => {
  it('have the documented bytes with a sanitize operation, and version 1 without', () => {
    const encoded = encodeFrontendState({ reservations: NO_RESERVATIONS, sanitize: operation })
    expect(Buffer.from(encoded.subarray(0, -4)).toString('hex')).toBe(GOLDEN)
    expect(decodeFrontendState(encoded)).toEqual({ reservations: NO_RESERVATIONS, sanitize: operation })
    expect(encodeFrontendState({ reservations, sanitize: undefined })[4]).toBe(1)
  })

  it('round-trip', () => {
    const operations = fc.record({
      state: fc.constantFrom('running' as const, 'failed' as const),
      method: fc.constant('overwrite' as const),
      unrestricted: fc.boolean(),
      passes: fc.constant(31),
      invert: fc.boolean(),
      pattern: fc.uint8Array({ minLength: 1, maxLength: 4096 }),
      passesDone: fc.nat(31),
      doneBytes: fc.nat(2 ** 50),
    })
    fc.assert(
      fc.property(operations, (sanitize) => {
        expect(decodeFrontendState(encodeFrontendState({ reservations, sanitize }))).toEqual({
          reservations,
          sanitize,
        })
      }),
      { numRuns: 50 },
    )
  })

  it.each([
    ['method', 25, 3],
    ['method without its pattern', 25, 2],
    ['passes', 26, 0],
    ['passes done', 27, 4],
    ['length of the pattern', 28, 1],
    ['padding', 30, 1],
    ['flags', 24, 8],
  ])('are refused with a wrong %s', (_, at, value) => {
    const encoded = encodeFrontendState({ reservations: NO_RESERVATIONS, sanitize: operation })
    encoded[at] = value
    // the checksum is the codec's; what it protects is wrong by itself
    expect(() => decodeFrontendState(withChecksum(encoded))).toThrow('records of the front ends')
  })
})

describe('changes', () => {
  it('of one part leave the other as it is, whatever their order', async () => {
    const device = new MemoryDevice({ sizeBytes: MIB })
    const records = FrontendRecords.load(device, { after: 'power-loss' })
    const sanitize = begin(operation)
    await Promise.all([
      records.change({ sanitize }),
      records.change({ reservations }),
      records.change({ sanitize: operation }),
    ])
    expect(records.current).toEqual({ reservations, sanitize: operation })
    expect(decodeFrontendState(device.frontendState())).toEqual(records.current)
    await records.change({ sanitize: undefined })
    expect(decodeFrontendState(device.frontendState())).toEqual({ reservations, sanitize: undefined })
  })

  it('that are refused where they get their place have not happened', async () => {
    const device = new MemoryDevice({ sizeBytes: MIB })
    const records = FrontendRecords.load(device, { after: 'power-loss' })
    const refuse = (): void => {
      throw new Error('refused')
    }
    await expect(records.change({ sanitize: operation }, { admit: refuse })).rejects.toThrow('refused')
    await records.change({ reservations })
    expect(records.current).toEqual({ reservations, sanitize: undefined })
  })
})

it('a loss of power ends reservations that did not ask to persist, and no operation', async () => {
  const device = new MemoryDevice({ sizeBytes: MIB })
  const records = FrontendRecords.load(device, { after: 'power-loss' })
  await records.change({ reservations: { ...reservations, persistent: false }, sanitize: operation })
  expect(FrontendRecords.load(device, { after: 'failover' }).current).toEqual(records.current)
  expect(FrontendRecords.load(device, { after: 'power-loss' }).current).toEqual({
    reservations: NO_RESERVATIONS,
    sanitize: operation,
  })
})

function withChecksum(encoded: Uint8Array): Uint8Array {
  const end = encoded.byteLength - 4
  new DataView(encoded.buffer).setUint32(end, crc32c(encoded.subarray(0, end)), true)
  return encoded
}
