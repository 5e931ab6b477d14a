/** Figures that are taken again and again beside the steps, by a name. */
import type { Clock, Timer } from '../../../src/base/ports/clock.ts'
import type { ValueMap } from '../../model/value.ts'
import type { World } from '../action.ts'
import { badArgument } from './failures.ts'

/** More is not kept: the oldest go. */
const SAMPLES_MAX = 100_000

export class Series {
  readonly #clock: Clock
  readonly #values: number[] = []
  #timer: Timer | undefined
  #isEnded = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Asks `take` now and `everyMs` after each answer, until `end`. What is null, or fails, is no sample. */
  begin(everyMs: number, take: () => Promise<number | null>, onSample: (value: number) => void): void {
    const round = async (): Promise<void> => {
      const value = await take().catch(() => null)
      if (this.#isEnded) return
      if (value !== null) {
        this.#values.push(value)
        if (this.#values.length > SAMPLES_MAX) this.#values.shift()
        onSample(value)
      }
      this.#timer = this.#clock.after(everyMs, () => void round())
    }
    void round()
  }

  end(): void {
    this.#isEnded = true
    this.#timer?.cancel()
  }

  values(): readonly number[] {
    return [...this.#values]
  }

  /** `{count, first, last, min, max, mean}`; null where there is no sample. */
  summary(): ValueMap {
    const values = this.#values
    const count = values.length
    if (count === 0) return { count, first: null, last: null, min: null, max: null, mean: null }
    const [first = null] = values
    const sum = values.reduce((total, value) => total + value, 0)
    const [min, max] = values.reduce(
      ([least, most], value) => [Math.min(least, value), Math.max(most, value)],
      [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    )
    return { count, first, last: values.at(-1) ?? null, min, max, mean: sum / count }
  }
}

const keyOf = (name: string): string => `series:${name}`

/** ARGUMENT when the name is in use. */
export function addSeries({ shared }: World, name: string, series: Series): void {
  if (shared.has(keyOf(name))) throw badArgument(`the series ${name} is being sampled already`)
  shared.set(keyOf(name), series)
}

export function seriesOf({ shared }: World, name: string): Series {
  const found = shared.get(keyOf(name))
  if (found instanceof Series) return found
  throw badArgument(`no series ${name} was sampled; metrics_start_sampling begins one`)
}
