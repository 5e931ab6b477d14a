import { describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../../test/e2e/iscsi/memory-device.ts'
import { MIB } from '../../../base/units.ts'
import { bytesOf, Harness, type HarnessOptions, hexOf, outcome } from '../testing.ts'

const harness = ({ unit, ...device }: HarnessOptions = {}): Harness =>
  new Harness(new MemoryDevice({ sizeBytes: 16 * MIB, ...device }), unit)

const BLOCK = 512
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
const read10 = (lba: number, blocks: number): string => `28 00 ${hex(lba, 8)} 00 ${hex(blocks, 4)} 00`

/** Lets everything that can go on go on. */
const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('WRITE ATOMIC(16)', () => {
  const atomic = (blocks: number, boundary = 0) =>
    `9c 00 0000000000000000 ${hex(boundary, 4)} ${hex(blocks, 4)} 00 00`

  it('is unknown unless the device has atomic writes', async () => {
    expect(outcome(await harness().send(atomic(1), { dataOut: bytesOf(BLOCK) }))).toBe('5/20/00')
  })

  it('writes up to the advertised length in one call, and refuses more, a boundary, and short data', async () => {
    const h = harness({ atomicWriteBytesMax: 16384 })
    expect(outcome(await h.send(atomic(32), { dataOut: bytesOf(16384) }))).toBe('status 00')
    expect(h.device.calls).toEqual(['write'])
    expect(outcome(await h.send(atomic(33), { dataOut: bytesOf(33 * BLOCK) }))).toBe('5/24/00')
    expect(outcome(await h.send(atomic(1, 1), { dataOut: bytesOf(BLOCK) }))).toBe('5/24/00')
    expect(outcome(await h.send(atomic(2), { dataOut: bytesOf(BLOCK) }))).toBe('5/0e/03')
    expect(outcome(await h.send(atomic(0)))).toBe('status 00')
  })
})

describe('WRITE ATOMIC(16) beside a read that waits for the disk', () => {
  const atomic = '9c 00 0000000000000004 0000 0008 00 00'
  const start = (): Harness => {
    const h = harness({ atomicWriteBytesMax: 16384 })
    h.device.isCached = false
    h.memory.hold()
    return h
  }
  const dataOut = bytesOf(8 * BLOCK)

  it('waits for one that overlaps', async () => {
    const h = start()
    const reading = h.send(read10(0, 8))
    const writing = h.send(atomic, { dataOut })
    const beside = h.send(read10(12, 8))
    await turns()
    expect(h.device.calls).toEqual(['readNow', 'read', 'readNow', 'read'])
    h.memory.letGo()
    expect(hexOf((await reading).dataIn)).toBe('00'.repeat(8 * BLOCK))
    expect(outcome(await writing)).toBe('status 00')
    await beside
    expect(h.device.calls.at(-1)).toBe('write')
  })

  it('is waited for by one that comes later, in the order of arrival', async () => {
    const h = start()
    const before = h.send(read10(0, 8))
    const writing = h.send(atomic, { dataOut })
    const after = h.send(read10(8, 8))
    await turns()
    expect(h.device.calls).toEqual(['readNow', 'read', 'readNow'])
    h.memory.letGo()
    await Promise.all([before, writing])
    expect(hexOf((await after).dataIn)).toBe(hexOf(dataOut.subarray(4 * BLOCK)) + '00'.repeat(4 * BLOCK))
  })

  it('does not wait for other atomic writes, and lets go after a failure', async () => {
    const h = harness({ atomicWriteBytesMax: 16384 })
    h.device.failNext('BUSY')
    const [first, second] = await Promise.all([h.send(atomic, { dataOut }), h.send(atomic, { dataOut })])
    expect([outcome(first), outcome(second)]).toEqual(['status 08', 'status 00'])
    h.device.isCached = false
    expect(outcome(await h.send(read10(0, 8)))).toBe('status 00')
  })
})
