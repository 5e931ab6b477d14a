import { describe, expect, it } from 'vitest'
import { BlockError } from '../../../src/base/errors.ts'
import type { Clock } from '../../../src/base/ports/clock.ts'
import { StepFailure } from '../../model/failure.ts'
import { isSame, unmet } from './expectations.ts'
import { parseExposition, reduceSamples, selectSamples } from './exposition.ts'
import { fieldOf } from './fields.ts'
import { Series } from './series.ts'
import { until, type Waiting } from './until.ts'

/** Time passes at once, as far as somebody waits for it. */
class HurriedClock implements Pick<Clock, 'after' | 'monotonicMs'> {
  nowMs = 0

  monotonicMs(): number {
    return this.nowMs
  }

  after(delayMs: number, callback: () => void): { cancel(): void } {
    let isCancelled = false
    queueMicrotask(() => {
      if (isCancelled) return
      this.nowMs += delayMs
      callback()
    })
    return {
      cancel: () => {
        isCancelled = true
      },
    }
  }
}

const waiting = (signal: AbortSignal, said: string[] = []): Waiting => ({
  clock: new HurriedClock() as unknown as Clock,
  signal,
  progress: (text) => void said.push(text),
})

describe('until', () => {
  it('looks until it is so, says each new sight once, and waits for who does not answer', async () => {
    const said: string[] = []
    const sights = ['one', 'one', 'two']
    let looks = 0
    const found = await until(waiting(new AbortController().signal, said), 'it', async () => {
      looks++
      if (looks === 3) throw new BlockError('DISCONNECTED', 'nobody there')
      const not = sights.shift()
      return not === undefined ? { is: looks } : { not }
    })
    expect(found).toBe(5)
    expect(said).toEqual(['it: one', 'it: nobody there', 'it: two'])
  })

  it('ends with TIMEOUT and what was seen last when the step ends', async () => {
    const step = new AbortController()
    let looks = 0
    const ended = until(waiting(step.signal), 'health', async () => {
      if (++looks === 2) step.abort()
      return { not: 'degraded', seen: { looks: 1 } }
    })
    await expect(ended).rejects.toSatisfy(
      (error) =>
        error instanceof StepFailure &&
        error.code === 'TIMEOUT' &&
        /waited for health; at the end: degraded/.test(error.message) &&
        JSON.stringify(error.evidence).includes('"looks":1'),
    )
  })

  it('passes on an error that does not pass by itself', async () => {
    const look = async (): Promise<never> => {
      throw new BlockError('NOT_FOUND', 'no such volume')
    }
    await expect(until(waiting(new AbortController().signal), 'it', look)).rejects.toThrow('no such volume')
  })
})

describe('metrics', () => {
  const samples = parseExposition(
    [
      '# HELP a_total x',
      'a_total{server="1",volume="db \\"x\\""} 4',
      'a_total{server="2",volume="v"} 6',
      'up 1',
      'q{le="+Inf"} +Inf 123',
      '',
    ].join('\n'),
  )

  it('reads names, labels and numbers', () => {
    expect(samples).toHaveLength(4)
    expect(samples[0]).toEqual({ name: 'a_total', labels: { server: '1', volume: 'db "x"' }, value: 4 })
    expect(samples[3]?.value).toBe(Number.POSITIVE_INFINITY)
  })

  it('selects by labels and makes one figure of several', () => {
    const both = selectSamples(samples, 'a_total')
    expect((['sum', 'max', 'min', 'mean', 'count'] as const).map((how) => reduceSamples(both, how))).toEqual([
      10, 6, 4, 5, 2,
    ])
    expect(selectSamples(samples, 'a_total', { volume: 'v' })).toHaveLength(1)
    expect(reduceSamples([], 'sum')).toBeUndefined()
    expect(reduceSamples([], 'count')).toBe(0)
  })
})

const NOTHING = {
  equals: undefined,
  not: undefined,
  above: undefined,
  below: undefined,
  at_least: undefined,
  at_most: undefined,
}

describe('expectations', () => {
  it('says in which way a value is not as expected', () => {
    expect(unmet(3, { ...NOTHING, above: 5 })).toBe('3 is not above 5')
    expect(unmet(5, { ...NOTHING, at_least: 5, at_most: 5 })).toBeNull()
    expect(unmet('x', { ...NOTHING, not: 'x' })).toBe('"x" is "x"')
    expect(unmet(undefined, { ...NOTHING, equals: 1 })).toBe('nothing is not 1')
    expect(unmet({ a: [1] }, { ...NOTHING, equals: { a: [1] } })).toBeNull()
    expect(unmet(Number.NaN, { ...NOTHING, below: 1 })).toMatch(/is not below/)
  })

  it('refuses to expect nothing', () => {
    expect(() => unmet(1, NOTHING)).toThrow(StepFailure)
  })

  it('takes numbers that were written as text for numbers', () => {
    expect(isSame('3', 3)).toBe(true)
    expect(isSame(true, 'true')).toBe(true)
    expect(isSame([3], '3')).toBe(false)
  })
})

it('finds fields by their place', () => {
  const value = { a: [{ b: null }, { b: 2 }] }
  expect(fieldOf(value, 'a.1.b')).toBe(2)
  expect(fieldOf(value, 'a.length')).toBe(2)
  expect(fieldOf(value, 'a.0.b')).toBeNull()
  expect(fieldOf(value, 'a.7.b')).toBeUndefined()
  expect(fieldOf(value, 'toString')).toBeUndefined()
  expect(fieldOf(value, '')).toEqual(value)
})

it('samples until it is ended', async () => {
  const series = new Series(new HurriedClock() as unknown as Clock)
  const given = [1, null, 4, 3]
  const { promise, resolve } = Promise.withResolvers<void>()
  series.begin(
    10,
    async () => {
      if (given.length === 0) throw new BlockError('DISCONNECTED', 'gone')
      return given.shift() ?? null
    },
    (value) => {
      if (value === 3) resolve()
    },
  )
  await promise
  series.end()
  expect(series.values()).toEqual([1, 4, 3])
  expect(series.summary()).toEqual({ count: 3, first: 1, last: 3, min: 1, max: 4, mean: 8 / 3 })
})
