import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../test/e2e/iscsi/manual-clock.ts'
import { silentLogger } from '../base/log.ts'
import { type Drain, openDaemon, stopInTime } from './life.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('openDaemon', () => {
  it('closes what was opened when the rest cannot be, the last first', async () => {
    const closed: string[] = []
    const opening = openDaemon(async (resources) => {
      for (const name of ['lock', 'socket']) resources.defer(() => void closed.push(name))
      throw new Error('no such address')
    })
    await expect(opening).rejects.toThrow('no such address')
    expect(closed).toEqual(['socket', 'lock'])
  })

  it('leaves everything open for a daemon that serves', async () => {
    const closed: string[] = []
    const resources = await openDaemon(async (resources) => {
      resources.defer(() => void closed.push('socket'))
      return resources
    })
    expect(closed).toEqual([])
    await resources.disposeAsync()
    expect(closed).toEqual(['socket'])
  })
})

describe('stopInTime', () => {
  const begin = (close: (drain: Drain) => Promise<void>, isOverOnHurry = false) => {
    const clock = new ManualClock()
    const hurry = new AbortController()
    const events: string[] = []
    const logger = { ...silentLogger, info: (event: string) => void events.push(event) }
    const options = { name: 'target', timeoutMs: 1000, hurry: hurry.signal, isOverOnHurry, clock, logger }
    return { clock, hurry, events, done: stopInTime(options, close) }
  }
  const never = (): Promise<void> => Promise.withResolvers<void>().promise

  it('keeps a quarter of the time for the last flush', async () => {
    const given: Drain[] = []
    const { done, events, hurry } = begin(async (drain) => void given.push(drain))
    expect(await done).toBe(true)
    expect(given).toEqual([{ timeoutMs: 750, signal: hurry.signal }])
    expect(events).toEqual(['target.stopped'])
  })

  it('is over at the drain timeout, and not before', async () => {
    const { done, clock, events } = begin(never)
    clock.advance(999)
    await turn()
    expect(events).toEqual([])
    clock.advance(1)
    expect(await done).toBe(false)
    expect(events).toEqual(['target.stop_timed_out'])
  })

  it('goes on with the last flush when hurried, unless hurry ends it', async () => {
    const waiting = begin(never)
    waiting.hurry.abort()
    await turn()
    expect(waiting.events).toEqual([])
    const ended = begin(never, true)
    ended.hurry.abort()
    expect(await ended.done).toBe(false)
  })

  it('fails as the close does', async () => {
    await expect(begin(() => Promise.reject(new Error('disk'))).done).rejects.toThrow('disk')
  })
})
