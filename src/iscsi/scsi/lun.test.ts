import { describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../test/e2e/iscsi/memory-device.ts'
import { BLOCK_ERROR_CODES } from '../../base/errors.ts'
import { MIB } from '../../base/units.ts'
import { UNIT_ATTENTION } from './nexus.ts'
import { type AccessState, singlePath } from './path-state.ts'
import { bytesOf, Harness, type HarnessOptions, hexOf, outcome, portOf, UUID } from './testing.ts'

const harness = ({ unit, ...device }: HarnessOptions = {}): Harness =>
  new Harness(new MemoryDevice({ sizeBytes: 16 * MIB, uuid: UUID, ...device }), unit)

const TUR = '00 00 00 00 00 00'
const READ10 = '28 00 00000000 00 0001 00'
const WRITE10 = '2a 00 00000000 00 0001 00'

describe('unit attention', () => {
  it('tells a new nexus of the power on, once, and lets INQUIRY, REPORT LUNS and REQUEST SENSE through', async () => {
    const h = harness()
    const nexus = h.unit.attach({
      initiatorPort: 'iqn.b,i,0x1',
      port: portOf(1),
      abortTasks: async () => undefined,
    })
    expect(outcome(await h.send('12 00 00 0024 00', { nexus }))).toBe('status 00')
    expect(outcome(await h.send('a0 00 00 000000 00000100 00 00', { nexus }))).toBe('status 00')
    expect(outcome(await h.send(TUR, { nexus }))).toBe('6/29/01')
    expect(outcome(await h.send(TUR, { nexus }))).toBe('status 00')
  })

  it('comes before the refusal of an unknown command', async () => {
    const h = harness()
    h.nexus.raise(UNIT_ATTENTION.CAPACITY_CHANGED)
    expect(outcome(await h.send('ff'))).toBe('6/2a/09')
    expect(outcome(await h.send('ff'))).toBe('5/20/00')
  })

  it('is given by REQUEST SENSE as data, and is reported then', async () => {
    const h = harness()
    h.nexus.raise(UNIT_ATTENTION.CAPACITY_CHANGED)
    expect(hexOf((await h.send('03 00 0000 ff 00')).dataIn)).toBe(
      '70000600000000' + '0a' + '000000002a0900000000',
    )
    expect(hexOf((await h.send('03 01 0000 ff 00')).dataIn)).toBe('7200000000000000')
  })

  it('queues different conditions in order and one of each kind', async () => {
    const h = harness()
    h.unit.reset()
    h.memory.grow(32 * 1024 * 1024)
    h.unit.reset()
    expect([outcome(await h.send(TUR)), outcome(await h.send(TUR)), outcome(await h.send(TUR))]).toEqual([
      '6/29/03',
      '6/2a/09',
      'status 00',
    ])
  })

  it('tells every nexus that the content is another after a restore, once', async () => {
    const h = harness()
    const other = h.unit.attach({
      initiatorPort: 'iqn.b,i,0x1',
      port: portOf(1),
      abortTasks: async () => undefined,
    })
    await h.send(TUR, { nexus: other })
    await h.send(WRITE10, { dataOut: new Uint8Array(512).fill(9) })
    h.memory.restore()
    expect(outcome(await h.send(READ10)), 'no command passes before it is told').toBe('6/28/00')
    expect(outcome(await h.send(READ10, { nexus: other }))).toBe('6/28/00')
    expect(hexOf((await h.send(READ10)).dataIn)).toBe('00'.repeat(512))
  })

  it('tells a reinstated nexus of the loss of the one before', async () => {
    const h = harness()
    h.unit.detach(h.nexus)
    const nexus = h.unit.attach({
      initiatorPort: h.nexus.initiatorPort,
      port: portOf(1),
      afterNexusLoss: true,
      abortTasks: async () => undefined,
    })
    expect(outcome(await h.send(TUR, { nexus }))).toBe('6/29/07')
  })
})

describe('dispatch', () => {
  it('refuses an unknown operation code, and an unknown service action at its field', async () => {
    const h = harness()
    expect(outcome(await h.send('ff'))).toBe('5/20/00')
    const action = await h.send('9e 1f')
    expect(outcome(action)).toBe('5/24/00')
    expect(hexOf(action.sense?.subarray(15))).toBe('cc0001')
  })

  it('refuses reserved bits with a pointer to the highest of them', async () => {
    const h = harness()
    const rdprotect = await h.send('28 20 00000000 00 0001 00')
    expect(outcome(rdprotect)).toBe('5/24/00')
    expect(hexOf(rdprotect.sense?.subarray(15))).toBe('cd0001')
    const naca = await h.send('28 00 00000000 00 0001 04')
    expect(hexOf(naca.sense?.subarray(15))).toBe('ca0009')
  })

  it('ignores what follows a short CDB in the PDU', async () => {
    const h = harness()
    expect(outcome(await h.send('00 00 00 00 00 00 ff ff ff ff ff ff ff ff ff ff'))).toBe('status 00')
  })
})

describe('device errors', () => {
  it.each([
    ['OUT_OF_RANGE', '5/21/00'],
    ['BUSY', 'status 08'],
    ['NO_SPACE', '7/27/07'],
    ['MEDIUM', '3/11/00'],
    ['POISONED', 'status 08'],
    ['CLOSED', 'status 08'],
    ['READ_ONLY', '7/27/00'],
    ['RESERVATION_CONFLICT', 'status 18'],
    ['DISK', '4/44/00'],
  ] as const)('%s becomes %s', async (code, expected) => {
    const h = harness()
    h.device.failNext(code)
    expect(outcome(await h.send(WRITE10, { dataOut: bytesOf(512) }))).toBe(expected)
    h.device.failNext(code)
    expect(outcome(await h.send(READ10))).toBe(expected)
    expect(h.pool.lentBytes).toBe(0)
  })

  it('never become success or data, whatever the code', async () => {
    for (const isCached of [true, false]) {
      for (const code of BLOCK_ERROR_CODES) {
        const h = harness()
        h.device.isCached = isCached
        h.device.failNext(code)
        const result = await h.send(READ10)
        expect(result.status, code).not.toBe(0)
        expect(result.dataIn, code).toBeUndefined()
        expect(h.pool.lentBytes, code).toBe(0)
      }
    }
  })

  it('a medium error names the block', async () => {
    const h = harness()
    h.device.failNext('MEDIUM', { offsetBytes: 4096 })
    expect(hexOf((await h.send('28 00 00000000 00 0010 00')).sense)).toBe(
      'f0000300000008' + '0a' + '00000000110000000000',
    )
  })

  it('a volume that was lost answers BUSY, and INQUIRY still', async () => {
    const h = harness()
    h.memory.lose('fenced')
    expect(outcome(await h.send(TUR))).toBe('status 08')
    expect(outcome(await h.send(READ10))).toBe('status 08')
    expect(outcome(await h.send('12 00 00 0024 00'))).toBe('status 00')
  })
})

describe('abort', () => {
  it('refuses a write that was aborted before it got its place', async () => {
    const h = harness()
    const signal = { aborted: false }
    const gate = Promise.withResolvers<void>()
    h.device.gate = gate.promise
    const pending = h.send(WRITE10, { dataOut: bytesOf(512), signal })
    signal.aborted = true
    gate.resolve()
    expect(outcome(await pending)).toBe('status 40')
    expect(hexOf((await h.send(READ10)).dataIn)).toBe('00'.repeat(512))
  })
})

describe('asymmetric access', () => {
  const CASES: readonly [AccessState, string, string, string][] = [
    ['active-optimized', 'status 00', 'status 00', 'status 00'],
    ['active-non-optimized', 'status 00', 'status 00', 'status 00'],
    ['standby', '2/04/0b', 'status 00', 'status 00'],
    ['unavailable', '2/04/0c', '2/04/0c', 'status 00'],
    ['offline', '2/04/0c', '2/04/0c', 'status 00'],
    ['transitioning', '2/04/0a', '2/04/0a', 'status 00'],
  ]
  it.each(CASES)('%s: TEST UNIT READY, MODE SENSE, REPORT TARGET PORT GROUPS', async (state, ...expected) => {
    const h = harness({ unit: { path: { ...singlePath({ groupId: 1, relativePorts: () => [1] }), state } } })
    const outcomes = [
      outcome(await h.send(TUR)),
      outcome(await h.send('1a 00 3f 00 ff 00')),
      outcome(await h.send('a3 0a 00000000 000000ff 00 00')),
    ]
    expect(outcomes).toEqual(expected)
  })

  it('tells of a change', async () => {
    const listeners: (() => void)[] = []
    const path = {
      ...singlePath({ groupId: 1, relativePorts: () => [1] }),
      subscribe: (listener: () => void) => {
        listeners.push(listener)
        return () => undefined
      },
    }
    const h = harness({ unit: { path } })
    for (const listener of listeners) listener()
    expect(outcome(await h.send(TUR))).toBe('6/2a/06')
  })
})
