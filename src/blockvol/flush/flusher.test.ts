import { beforeEach, describe, expect, it } from 'vitest'
import { Life, SimClock } from '../../../test/sim/clock.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import { BlockError } from '../../base/errors.ts'
import { logPosition, lsn } from '../../base/units.ts'
import { codeOf } from '../../io/test-support.ts'
import { Generation } from '../dirty/dirty-map.ts'
import type { Cut } from './cut.ts'
import { Flusher } from './flusher.ts'

const RETRY_MS = 1000

describe('the flusher', () => {
  let scheduler: Scheduler
  let appended: number
  let checkpoint: number
  let error: unknown
  let cuts: number[]
  let failures: unknown[]
  let stalls: unknown[]
  let held: { passed: Promise<void>; pass: () => void } | undefined
  let flusher: Flusher<Cut>
  let waiting: Cut[]
  beforeEach(() => {
    scheduler = new Scheduler(1)
    appended = 0
    checkpoint = 0
    error = undefined
    cuts = []
    failures = []
    stalls = []
    held = undefined
    waiting = []
    flusher = new Flusher({
      clock: new SimClock(scheduler, new Life()),
      retryMs: RETRY_MS,
      isNeeded: () => appended > checkpoint,
      freeze: () => ({ generation: new Generation(), lsn: lsn(appended), position: logPosition(0) }),
      takeWaiting: () => waiting.shift(),
      flush: async (cut) => {
        cuts.push(cut.lsn)
        await held?.passed
        if (error !== undefined) throw error
        checkpoint = cut.lsn
      },
      onFailed: (failure) => failures.push(failure),
      onStalled: (stall) => stalls.push(stall),
    })
  })
  const hold = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    held = { passed: promise, pass: resolve }
    return resolve
  }

  it('does nothing when nothing was appended', async () => {
    flusher.kick()
    await flusher.through(0)
    expect(cuts).toEqual([])
  })

  it('answers when the checkpoint has reached the LSN, with another cycle for what came meanwhile', async () => {
    appended = 5
    const pass = hold()
    const first = flusher.through(5)
    appended = 9
    const second = flusher.through(9)
    held = undefined
    pass()
    await Promise.all([first, second])
    expect(cuts).toEqual([5, 9])
    expect(flusher.cycles).toBe(2)
    await flusher.through(7)
    expect(cuts).toEqual([5, 9])
  })

  it.each(['NO_SPACE', 'MEDIUM'] as const)(
    'stops with a reason on %s, and tries the same cut again later',
    async (code) => {
      appended = 5
      error = new BlockError(code, 'not now')
      expect(await codeOf(flusher.through(5))).toBe(code)
      expect(flusher.stall).toBe(error)
      appended = 8
      await scheduler.pass(RETRY_MS + 1)
      expect(stalls).toHaveLength(1)
      error = undefined
      await scheduler.pass(RETRY_MS + 1)
      await flusher.through(8)
      expect(flusher.stall).toBeUndefined()
      expect(cuts.slice(0, 3)).toEqual([5, 5, 5])
      expect(cuts.at(-1)).toBe(8)
      expect(failures).toEqual([])
    },
  )

  it('flushes cuts that wait in their order, and then what came after them', async () => {
    appended = 9
    waiting = [3, 5].map((at) => ({
      generation: new Generation(),
      lsn: lsn(at),
      position: logPosition(0),
    }))
    await flusher.through(4)
    await flusher.through(9)
    expect(cuts).toEqual([3, 5, 9])
  })

  it('does not wait for the retry when somebody asks', async () => {
    appended = 5
    error = new BlockError('NO_SPACE', 'not now')
    expect(await codeOf(flusher.through(5))).toBe('NO_SPACE')
    error = undefined
    await flusher.through(5)
    expect(checkpoint).toBe(5)
  })

  it('reports an error of the disk, and does not try again', async () => {
    appended = 5
    error = new BlockError('DISK', 'EIO')
    expect(await codeOf(flusher.through(5))).toBe('DISK')
    expect(failures).toEqual([error])
    await scheduler.pass(10 * RETRY_MS)
    expect(cuts).toEqual([5])
  })

  it('closes after the cycle that runs, and fails who waits', async () => {
    appended = 5
    const pass = hold()
    const waiting = codeOf(flusher.through(5))
    const closed = flusher.close(new BlockError('CLOSED', 'closed'))
    expect(await waiting).toBe('CLOSED')
    pass()
    await closed
    appended = 9
    flusher.kick()
    expect(cuts).toEqual([5])
  })
})
