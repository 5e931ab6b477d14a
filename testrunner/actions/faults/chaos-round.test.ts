import { expect, it } from 'vitest'
import { drawHarm } from './chaos-round.ts'

const KINDS = ['kill', 'pause', 'cut', 'slow'] as const
const laps = (seed: number, rounds: number) =>
  Array.from({ length: rounds }, (_, i) => drawHarm(seed, i + 1, KINDS, 5000))

it('does the same for the same seed, and something else for another one', () => {
  expect(laps(7, 40)).toEqual(laps(7, 40))
  expect(laps(7, 40)).not.toEqual(laps(8, 40))
})

it('does every kind once in as many rounds as there are kinds', () => {
  for (const lap of [0, 4, 8]) {
    const kinds = laps(1, 12)
      .slice(lap, lap + 4)
      .map(({ kind }) => kind)
    expect(new Set(kinds)).toEqual(new Set(KINDS))
  }
})

it('holds harm no longer than it may, and never shorter than 200 ms', () => {
  for (const { holdMs } of laps(3, 100)) {
    expect(holdMs).toBeGreaterThanOrEqual(200)
    expect(holdMs).toBeLessThanOrEqual(5000)
  }
  expect(drawHarm(3, 1, KINDS, 50).holdMs).toBe(200)
})
