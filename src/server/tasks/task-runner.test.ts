import { beforeEach, describe, expect, it } from 'vitest'
import { emptyStorage, startProcess } from '../../../test/sim/machine.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import { BlockError } from '../../base/errors.ts'
import { silentLogger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { TaskKind } from '../../rpc/tasks.ts'
import { type TaskRun, TaskRunner } from './task-runner.ts'

const VOLUME = '11111111-2222-4333-8444-555555555555'
const task = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

describe('tasks', () => {
  let scheduler: Scheduler
  let clock: Clock
  let tasks: TaskRunner
  let fatal: unknown[]
  const run = (work: () => Promise<void>): Promise<void> =>
    scheduler.until(work(), { what: 'the test', limitMs: 10_000_000 })

  beforeEach(() => {
    scheduler = new Scheduler(1)
    clock = startProcess({ storage: emptyStorage(), scheduler, seed: 1 }).clock
    fatal = []
    tasks = new TaskRunner({ clock, logger: silentLogger, onFatal: (error) => fatal.push(error) })
  })

  /** Runs until it is told to end, and tells how often it was begun. */
  function begun(
    n: number,
    volume: string | null = VOLUME,
    kind: TaskKind = 'verifyBackup',
  ): { count: number } {
    const times = { count: 0 }
    const work = async ({ signal }: TaskRun): Promise<string> => {
      times.count++
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      throw new BlockError('DISCONNECTED', 'what it was doing was cut')
    }
    tasks.start({ task: task(n), kind, volume, work })
    return times
  }

  it('tell how far they are, and what came of them', () =>
    run(async () => {
      const go = Promise.withResolvers<void>()
      const work = async ({ progress, say }: TaskRun): Promise<string> => {
        progress({ done: 3, total: 10, unit: 'objects' })
        say('waits for the store')
        await go.promise
        return '{"a":1}'
      }
      expect(tasks.view(task(1)).state).toBe('unknown')
      tasks.start({ task: task(1), kind: 'backup', volume: VOLUME, work })
      expect(tasks.view(task(1))).toMatchObject({
        ...{ state: 'running', done: 3, total: 10, unit: 'objects', message: 'waits for the store' },
      })
      expect(tasks.of(VOLUME)).toMatchObject([{ kind: 'backup', progress: { done: 3 } }])
      go.resolve()
      await clock.sleep(1)
      expect(tasks.view(task(1))).toMatchObject({ state: 'succeeded', result: '{"a":1}', message: null })
      expect(tasks.of(VOLUME)).toEqual([])
    }))

  it('are begun once, and anew only when they did not succeed', () =>
    run(async () => {
      const [first, second] = [begun(1), begun(1)]
      expect([first.count, second.count]).toEqual([1, 0])
      tasks.cancel(task(1))
      await clock.sleep(20)
      expect(tasks.view(task(1))).toMatchObject({ state: 'cancelled', message: 'it was cancelled' })
      expect(begun(1).count).toBe(1)
      tasks.cancel(task(1))
      await clock.sleep(20)
      let times = 0
      const work = async (): Promise<string> => String(++times)
      for (let i = 0; i < 2; i++) {
        tasks.start({ task: task(2), kind: 'backup', volume: null, work })
        await clock.sleep(1)
      }
      expect(tasks.view(task(2)).result).toBe('1')
    }))

  it('of which two would write the same volume run one after the other', () =>
    run(async () => {
      begun(1, VOLUME, 'restoreBackup')
      begun(2, VOLUME, 'backup')
      begun(3, '22222222-2222-4333-8444-555555555555', 'hydrate')
      const busy = expect.objectContaining({ code: 'BUSY' })
      expect(() => begun(4, VOLUME, 'restoreBackup')).toThrow(busy)
      expect(() => begun(4, VOLUME, 'hydrate')).toThrow(busy)
      tasks.cancel(task(1))
      // it may write until it is over
      expect(() => begun(4, VOLUME, 'restoreBackup')).toThrow(busy)
      await clock.sleep(20)
      expect(begun(4, VOLUME, 'restoreBackup').count).toBe(1)
      await tasks.close()
    }))

  it('end with the lead of their volume, and no others', () =>
    run(async () => {
      begun(1)
      begun(2, '22222222-2222-4333-8444-555555555555')
      begun(3, null)
      await tasks.endOf(VOLUME)
      expect(tasks.view(task(1))).toMatchObject({ state: 'failed', code: 'CONFLICT' })
      expect([2, 3].map((n) => tasks.view(task(n)).state)).toEqual(['running', 'running'])
      await tasks.close()
      expect(tasks.view(task(3))).toMatchObject({ state: 'failed', code: 'CLOSED' })
      expect(() => begun(4)).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    }))

  it('are bounded in number, and forgotten after an hour', () =>
    run(async () => {
      for (let n = 0; n < 32; n++) begun(n, null)
      expect(() => begun(40)).toThrow(expect.objectContaining({ code: 'BUSY' }))
      tasks.cancel(task(7))
      await clock.sleep(20)
      expect(begun(40).count).toBe(1)
      await clock.sleep(3_500_000)
      expect(tasks.view(task(7)).state).toBe('cancelled')
      await clock.sleep(200_000)
      expect(tasks.view(task(7)).state).toBe('unknown')
      expect(tasks.view(task(8)).state).toBe('running')
      await tasks.close()
    }))

  it('fail with the error that they met, and a bug ends the process', () =>
    run(async () => {
      const failing = (error: Error) => async (): Promise<string> => {
        throw error
      }
      const corrupt = new BlockError('CORRUPT', 'object packs/17 is damaged')
      tasks.start({ task: task(1), kind: 'verifyBackup', volume: null, work: failing(corrupt) })
      const bug = new TypeError('a bug')
      tasks.start({ task: task(2), kind: 'verifyBackup', volume: null, work: failing(bug) })
      await clock.sleep(1)
      expect(tasks.view(task(1))).toMatchObject({
        ...{ state: 'failed', code: 'CORRUPT', message: 'object packs/17 is damaged' },
      })
      expect(tasks.view(task(2)).state).toBe('failed')
      expect(fatal).toEqual([bug])
    }))
})
