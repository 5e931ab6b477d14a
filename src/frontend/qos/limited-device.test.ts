import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/e2e/iscsi/manual-clock.ts'
import { MemoryDevice } from '../../../test/e2e/iscsi/memory-device.ts'
import { KIB, MIB } from '../../base/units.ts'
import { LimitedDevice } from './limited-device.ts'
import { NO_QOS_LIMITS, OperationLimiter, type QosLimits } from './limiter.ts'

function limited(limits: Partial<QosLimits>, options: { waitMsMax?: number; queueMax?: number } = {}) {
  const clock = new ManualClock()
  const limiter = new OperationLimiter({ clock, ...options })
  limiter.setLimits({ ...NO_QOS_LIMITS, ...limits })
  const inner = new MemoryDevice({ sizeBytes: 8 * MIB })
  return { clock, limiter, inner, device: new LimitedDevice(inner, limiter) }
}
type Limited = ReturnType<typeof limited>

/** `workers` hosts that each do the next operation when the last is done; how many were done in `seconds`. */
async function load(
  { clock, device }: Limited,
  { workers, seconds, bytes = 4 * KIB }: { workers: number; seconds: number; bytes?: number },
): Promise<number> {
  let done = 0
  let isOver = false
  const worker = async (index: number): Promise<void> => {
    const content = new Uint8Array(bytes)
    while (!isOver) {
      if (index % 2 === 0) await device.write(0, content)
      else if (!device.readNow(0, content)) await device.read(0, content)
      if (!isOver) done++
    }
  }
  const running = Array.from({ length: workers }, (_, index) => worker(index))
  for (let ms = 0; ms < seconds * 1000; ms += 5) {
    await clock.yield()
    clock.advance(5)
  }
  await clock.yield()
  isOver = true
  const all = Promise.all(running)
  for (let i = 0; i < 1000; i++) {
    clock.advance(100)
    await clock.yield()
  }
  await all
  return done
}

describe('a device with limits', () => {
  it.each([
    [{ iops: 100 }, 4 * KIB, 100],
    [{ iops: 5000 }, 4 * KIB, 5000],
    [{ iops: 1000, iopsBurst: 1 }, 4 * KIB, 1000],
    [{ bytesPerSecond: MIB }, 4 * KIB, 256],
    [{ bytesPerSecond: 10 * MIB }, MIB, 10],
    [{ iops: 1000, bytesPerSecond: MIB }, 4 * KIB, 256],
    [{ iops: 100, bytesPerSecond: 100 * MIB }, 4 * KIB, 100],
  ])('%o holds its rate within 2 %%, with %i bytes at a time', async (limits, bytes, perSecond) => {
    const seconds = 20
    const on = limited(limits)
    const done = await load(on, { workers: 8, seconds, bytes })
    const burst = perSecond * 0.1
    expect(Math.abs(done - burst - perSecond * seconds)).toBeLessThanOrEqual(0.02 * perSecond * seconds + 1)
    expect(on.limiter.counters.refusedOperations).toBe(0)
  })

  it('lets a burst through at once, and then the rate', async () => {
    const { device, limiter } = limited({ iops: 10, iopsBurst: 50 })
    const target = new Uint8Array(4 * KIB)
    let now = 0
    while (device.readNow(0, target)) now++
    expect(now).toBe(50)
    expect(limiter.counters).toMatchObject({ throttledOperations: 0, waiting: 0 })
  })

  it('takes no token for a read that it did not have at hand', async () => {
    const { device, inner } = limited({ iops: 1, iopsBurst: 1 })
    inner.readNow = () => false
    const target = new Uint8Array(4 * KIB)
    for (let i = 0; i < 5; i++) expect(device.readNow(0, target)).toBe(false)
    await device.read(0, target)
  })

  it('keeps the order, and nothing passes what waits', async () => {
    const { clock, device } = limited({ iops: 10, iopsBurst: 1 })
    const order: string[] = []
    const block = new Uint8Array(4 * KIB)
    const note = (what: string) => () => void order.push(what)
    await device.write(0, block)
    const all = [
      device.write(0, block).then(note('write')),
      device.read(0, block).then(note('read')),
      device.trim(0, 4 * KIB).then(note('trim')),
      device.write(0, block).then(note('last')),
    ]
    for (let i = 0; i < 4; i++) {
      clock.advance(100)
      expect(device.readNow(0, block)).toBe(false)
      await clock.yield()
      expect(order).toHaveLength(i + 1)
    }
    await Promise.all(all)
    expect(order).toEqual(['write', 'read', 'trim', 'last'])
  })

  it('starves no flush', async () => {
    const { device } = limited({ iops: 1, iopsBurst: 1 })
    const block = new Uint8Array(4 * KIB)
    await device.write(0, block)
    const waiting = Array.from({ length: 100 }, () => device.write(0, block).catch(() => 'busy'))
    await device.flush()
    await device.setFrontendState(new Uint8Array(1))
    await device.checkpoint()
    expect(waiting).toHaveLength(100)
  })

  it('answers BUSY to what waited too long or found the queue full', async () => {
    const { clock, device, limiter } = limited({ iops: 1, iopsBurst: 1 }, { waitMsMax: 2500, queueMax: 4 })
    const block = new Uint8Array(4 * KIB)
    await device.write(0, block)
    const answers: string[] = []
    const waiting = Array.from({ length: 5 }, (_, i) =>
      device.write(0, block).then(
        () => answers.push(`done ${i}`),
        ({ code }) => answers.push(`${code} ${i}`),
      ),
    )
    await clock.yield()
    expect(answers).toEqual(['BUSY 4'])
    clock.advance(2499)
    await clock.yield()
    expect(answers).toEqual(['BUSY 4', 'done 0', 'done 1'])
    clock.advance(1)
    await Promise.all(waiting)
    expect(answers).toEqual(['BUSY 4', 'done 0', 'done 1', 'BUSY 2', 'BUSY 3'])
    expect(limiter.counters).toEqual({
      throttledOperations: 4,
      waitedMs: 1000 + 2000 + 2 * 2500,
      refusedOperations: 3,
      waiting: 0,
    })
  })

  it('applies new limits at once, to what waits too; none let all go', async () => {
    const { clock, device, limiter } = limited({ bytesPerSecond: 4 * KIB, bytesBurst: 4 * KIB })
    const block = new Uint8Array(4 * KIB)
    let done = 0
    await device.write(0, block)
    const all = Array.from({ length: 50 }, () => device.write(0, block).then(() => done++))
    limiter.setLimits({ ...NO_QOS_LIMITS, iops: 10, iopsBurst: 5 })
    await clock.yield()
    expect(done).toBe(5)
    clock.advance(500)
    await clock.yield()
    expect(done).toBe(10)
    limiter.setLimits(NO_QOS_LIMITS)
    await Promise.all(all)
    expect(done).toBe(50)
    expect(limiter.isUnlimited).toBe(true)
    expect(device.readNow(0, block)).toBe(true)
  })

  it('ends what waits when the volume goes', async () => {
    const { device, limiter } = limited({ iops: 1, iopsBurst: 1 })
    const block = new Uint8Array(4 * KIB)
    await device.write(0, block)
    const waiting = device.write(0, block)
    limiter.close()
    await expect(waiting).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(device.write(0, block)).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('is the device that it stands for in everything else', async () => {
    const { device, inner } = limited({})
    expect(device).toMatchObject({
      uuid: inner.uuid,
      name: inner.name,
      sizeBytes: inner.sizeBytes,
      readOnly: inner.readOnly,
      logicalBlockBytes: inner.logicalBlockBytes,
      atomicWriteBytesMax: inner.atomicWriteBytesMax,
    })
    const block = new Uint8Array(4 * KIB).fill(7)
    await device.write(0, block)
    expect(await device.compareAndWrite(0, block, new Uint8Array(4 * KIB).fill(8))).toEqual({ equal: true })
    await device.readModifyWrite(0, 4 * KIB, (content) => content.fill(9))
    await device.writeSame(4 * KIB, 4 * KIB, new Uint8Array(device.logicalBlockBytes).fill(3))
    await device.writeZeroes(8 * KIB, 4 * KIB)
    const target = new Uint8Array(12 * KIB)
    await device.read(0, target)
    expect([target[0], target[4 * KIB], target[8 * KIB]]).toEqual([9, 3, 0])
  })
})
