import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DATA_DIRECTORY, emptyStorage, type SimProcess, startProcess } from '../../test/sim/machine.ts'
import { Scheduler } from '../../test/sim/scheduler.ts'
import type { DeviceEvent } from '../base/ports/block-device.ts'
import { epochNumber, KIB, MIB } from '../base/units.ts'
import { Volume } from '../blockvol/volume.ts'
import { LedDevice } from './device.ts'

const DIRECTORY = `${DATA_DIRECTORY}/volume`
const epoch = { number: epochNumber(2), id: 2n }
const BLOCK = new Uint8Array(4096).fill(7)

describe('a device behind a lease', () => {
  let scheduler: Scheduler
  let process: SimProcess
  let volume: Volume
  let leftUs: number[]
  let device: LedDevice
  let quiet: number

  const run = <T>(work: () => Promise<T>): Promise<T> => scheduler.until(work(), { what: 'the test' })
  const until = (untilMs: number, kind: 'until' | 'draining' = 'until'): void =>
    device.serve({ kind, epoch, untilMs })

  beforeEach(async () => {
    scheduler = new Scheduler(3)
    process = startProcess({ storage: emptyStorage(), scheduler, seed: 1 })
    quiet = 0
    await run(async () => {
      const shape = { sizeBytes: MIB, logicalBlockBytes: 512, logBytes: 64 * KIB } as const
      await Volume.create(process, {
        directory: DIRECTORY,
        uuid: new Uint8Array(16).fill(1),
        name: 'v',
        ...shape,
      })
      volume = await Volume.open(process, { directory: DIRECTORY, tuning: { scrubIntervalMs: 0 } })
    })
    leftUs = []
    device = new LedDevice({
      volume,
      clock: process.clock,
      epoch,
      onQuiet: () => {
        quiet++
      },
      onLatency: () => undefined,
      leaseLeft: { record: (us) => leftUs.push(us) },
    })
  })
  afterEach(() => run(() => volume.close()))

  const pass = (ms: number): Promise<void> => process.clock.sleep(ms)

  it('answers nobody before it is told to', () =>
    run(async () => {
      await expect(device.read(0, new Uint8Array(4096))).rejects.toMatchObject({ code: 'BUSY' })
      expect(() => device.readNow(0, new Uint8Array(4096))).toThrow(/lease/)
      until(scheduler.nowMs + 100)
      await device.write(0, BLOCK)
      const target = new Uint8Array(4096)
      await device.read(0, target)
      expect(target).toEqual(BLOCK)
    }))

  it('refuses a command that is taken when the lease is over, to the millisecond', () =>
    run(async () => {
      until(scheduler.nowMs)
      await expect(device.write(0, BLOCK)).rejects.toMatchObject({ code: 'BUSY' })
      until(scheduler.nowMs + 1000)
      await device.write(0, BLOCK)
    }))

  it('tells what was left of the lease each time it is renewed', () =>
    run(async () => {
      until(scheduler.nowMs + 1000)
      await pass(300)
      until(scheduler.nowMs + 1000)
      until(scheduler.nowMs)
      await pass(5)
      until(scheduler.nowMs + 1000)
      expect(leftUs).toEqual([700_000, 0])
    }))

  it('gives no LSN when the lease is over by then', () =>
    run(async () => {
      const before = volume.status().appendedLsn
      until(scheduler.nowMs + 1)
      // what is taken waits behind an append that is under way
      const first = volume.write(0, BLOCK)
      let admitted = 0
      const writing = device.write(4096, BLOCK, { admit: () => admitted++ })
      until(scheduler.nowMs)
      await expect(writing).rejects.toMatchObject({ code: 'BUSY' })
      await first
      expect(volume.status().appendedLsn).toBe(before + 1)
      expect(admitted).toBe(0)
    }))

  it('does not tell of what was done when the lease was over by then', () =>
    run(async () => {
      until(scheduler.nowMs + 1000)
      let admitted = 0
      const writing = device.write(0, BLOCK, {
        admit: () => {
          admitted++
          queueMicrotask(() => until(scheduler.nowMs))
        },
      })
      await expect(writing).rejects.toMatchObject({ code: 'BUSY' })
      expect(admitted).toBe(1)
    }))

  it('holds changes back while it drains, says when none is under way, and goes on', () =>
    run(async () => {
      const lateMs = scheduler.nowMs + 10_000
      until(lateMs)
      const underway = device.write(0, BLOCK)
      until(lateMs, 'draining')
      expect(quiet).toBe(0)
      let isWritten = false
      const held = device.write(4096, BLOCK).then(() => {
        isWritten = true
      })
      await underway
      expect(quiet).toBe(1)
      await device.read(0, new Uint8Array(4096))
      await device.flush()
      await pass(100)
      expect(isWritten).toBe(false)
      until(lateMs)
      await held
      expect(isWritten).toBe(true)
      until(lateMs, 'draining')
      expect(quiet).toBe(2)
    }))

  it('is lost for good, held commands included, and tells of it within the call', () =>
    run(async () => {
      const events: DeviceEvent[] = []
      device.subscribe((event) => events.push(event))
      until(scheduler.nowMs + 10_000, 'draining')
      const held = device.trim(0, 4096)
      device.lose('a higher epoch')
      device.lose('again')
      expect(events).toEqual([{ kind: 'lost', reason: 'a higher epoch' }])
      await expect(held).rejects.toMatchObject({ code: 'CLOSED' })
      until(scheduler.nowMs + 10_000)
      await expect(device.flush()).rejects.toMatchObject({ code: 'CLOSED' })
      expect(() => device.readNow(0, new Uint8Array(4096))).toThrow(/a higher epoch/)
    }))

  it('passes on what it is and what happens to the volume', () =>
    run(async () => {
      const events: DeviceEvent[] = []
      const end = device.subscribe((event) => events.push(event))
      until(scheduler.nowMs + 10_000)
      expect([device.name, device.sizeBytes, device.readOnly]).toEqual(['v', MIB, false])
      await volume.resize(2 * MIB)
      expect(events).toEqual([{ kind: 'resized', sizeBytes: 2 * MIB }])
      end()
      await device.setFrontendState(Uint8Array.of(5))
      expect(device.frontendState()).toEqual(Uint8Array.of(5))
      await device.writeZeroes(0, 4096)
      await device.writeSame(0, 4096, new Uint8Array(512).fill(2))
      await device.readModifyWrite(0, 512, (content) => content.fill(9))
      expect(await device.compareAndWrite(0, new Uint8Array(512).fill(9), new Uint8Array(512))).toEqual({
        equal: true,
      })
      expect(await device.allocation(0, 4096, 4)).toHaveLength(1)
    }))

  it('holds hosts back from writing for a moment, once those under way are over', () =>
    run(async () => {
      until(scheduler.nowMs + 10_000)
      let isOver = false
      const underway = device.write(0, BLOCK).then(() => {
        isOver = true
      })
      const hold = await device.holdWrites(1000)
      expect(isOver).toBe(true)
      await expect(device.holdWrites(1000)).rejects.toMatchObject({ code: 'BUSY' })
      let held = 0
      const waiting = [
        device.write(0, BLOCK),
        device.trim(4096, 4096),
        device.setFrontendState(new Uint8Array(1)),
      ].map((change) => change.then(() => held++))
      await pass(500)
      await device.read(0, new Uint8Array(4096))
      await device.flush()
      expect(held).toBe(0)
      expect(device.releaseWrites('another')).toBe(false)
      expect(device.releaseWrites(hold)).toBe(true)
      await Promise.all([underway, ...waiting])
      expect(device.releaseWrites(hold)).toBe(false)
    }))

  it('lets writes go by itself, and tells', () =>
    run(async () => {
      until(scheduler.nowMs + 100_000)
      const hold = await device.holdWrites(1000)
      const beganMs = scheduler.nowMs
      await device.write(0, BLOCK)
      expect(scheduler.nowMs - beganMs).toBeGreaterThanOrEqual(1000)
      expect(device.releaseWrites(hold)).toBe(false)
      await expect(device.holdWrites(5001)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
      const second = await device.holdWrites(1000)
      await pass(1001)
      expect(device.releaseWrites(second), 'nobody wrote, and somebody might have').toBe(false)
    }))

  it('holds nobody past its end', () =>
    run(async () => {
      until(scheduler.nowMs + 100)
      const hold = await device.holdWrites(5000)
      const waiting = device.write(0, BLOCK)
      await pass(200)
      await expect(device.holdWrites(100), 'the lease is over').rejects.toMatchObject({ code: 'BUSY' })
      device.lose('a higher epoch')
      await expect(waiting).rejects.toMatchObject({ code: 'CLOSED' })
      expect(device.releaseWrites(hold)).toBe(false)
    }))
})
