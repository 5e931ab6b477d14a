import { beforeEach, describe, expect, it } from 'vitest'
import { Gate, HookedDisk, injected } from '../../../test/blockvol/hooked-disk.ts'
import { realDisk, useScratch } from '../../../test/blockvol/scratch.ts'
import { isZero } from '../../base/binary.ts'
import { MIB } from '../../base/units.ts'
import { LogFile } from './log-file.ts'
import { LogPrefill, PREFILLED_BYTES } from './log-prefill.ts'

const RING_BYTES = 24 * MIB

describe('zeros ahead of the head', () => {
  const scratch = useScratch()
  let disk: HookedDisk
  let file: LogFile
  const failed = (error: unknown): never => expect.fail(String(error))
  beforeEach(async () => {
    disk = new HookedDisk(realDisk)
    const raw = await disk.open(scratch.next(), { create: 'new' })
    const stale = new Uint8Array(MIB).fill(0xff)
    for (let at = 0; at < RING_BYTES; at += MIB) await raw.write([stale], at)
    file = new LogFile(raw, RING_BYTES)
  })

  /** The megabytes of the ring that hold nothing but zeros. */
  async function zeroed(): Promise<number[]> {
    const found: number[] = []
    const target = new Uint8Array(MIB)
    for (let at = 0; at < RING_BYTES; at += MIB) {
      await file.read(target, at)
      if (isZero(target)) found.push(at / MIB)
    }
    return found
  }

  /** Runs steps for as long as `head` wants some. */
  async function advance(prefill: LogPrefill, head: number, done: () => number): Promise<void> {
    for (;;) {
      const before = done()
      prefill.advance(head, 0)
      await prefill.quiesced()
      if (done() === before) return
    }
  }

  it('fill a window on the first lap, well clear of the head, and nothing past the end of the ring', async () => {
    let steps = 0
    const prefill = new LogPrefill(file, 0, () => steps++, failed)
    await advance(prefill, 0, () => steps)
    expect(await zeroed()).toEqual(Array.from({ length: 12 }, (_, i) => PREFILLED_BYTES / MIB + i))
    await advance(prefill, 9 * MIB + 512, () => steps)
    expect(await zeroed()).toEqual(Array.from({ length: 20 }, (_, i) => PREFILLED_BYTES / MIB + i))
    const before = steps
    await advance(prefill, 23 * MIB + 512, () => steps)
    expect(steps).toBe(before)
  })

  it('leave what stands between the head and the window alone, when the head jumped over it', async () => {
    let steps = 0
    const prefill = new LogPrefill(file, 5 * MIB + 512, () => steps++, failed)
    await advance(prefill, 7 * MIB + 512, () => steps)
    expect((await zeroed())[0]).toBe(12)
  })

  it('are not written on later laps', async () => {
    let steps = 0
    const prefill = new LogPrefill(file, RING_BYTES + MIB, () => steps++, failed)
    await advance(prefill, RING_BYTES + 2 * MIB, () => steps)
    expect(await zeroed()).toEqual([])
  })

  it('tell where they are on their way, so that no append meets them', async () => {
    const gate = new Gate()
    disk.hook = ({ name }) => (name === 'write' ? gate.pass() : undefined)
    const prefill = new LogPrefill(file, 0, () => undefined, failed)
    expect(prefill.startedMs).toBe(Number.POSITIVE_INFINITY)
    prefill.advance(0, 17)
    expect(prefill.startedMs).toBe(17)
    expect(prefill.isIn(0, 4 * MIB)).toBe(false)
    expect(prefill.isIn(0, 4 * MIB + 1)).toBe(true)
    expect(prefill.isIn(5 * MIB - 1, 6 * MIB)).toBe(true)
    expect(prefill.isIn(5 * MIB, 6 * MIB)).toBe(false)
    gate.open()
    await prefill.quiesced()
    expect(prefill.isIn(0, RING_BYTES)).toBe(false)
    expect(prefill.startedMs).toBe(Number.POSITIVE_INFINITY)
  })

  it('report a disk that fails', async () => {
    disk.hook = ({ name }) => {
      if (name === 'write') throw injected(name)
    }
    const failures: unknown[] = []
    const prefill = new LogPrefill(file, 0, expect.fail, (error) => failures.push(error))
    prefill.advance(0, 0)
    await prefill.quiesced()
    expect(failures).toMatchObject([{ code: 'DISK' }])
  })
})
