/** Samples of one series, thinned out as they come, so that a day of them is still a plot. */

/** Points kept at most; when there are more, half of them go. */
export const POINTS_MAX = 4096
/** Of so many neighbours the least and the greatest are kept, so that no peak is lost. */
const GROUP = 4
const VALUE_MAX = 1e100

export interface Point {
  readonly atMs: number
  readonly value: number
}

export interface SeriesSummary {
  readonly series: string
  readonly unit: string
  readonly count: number
  readonly min: number
  readonly max: number
  readonly mean: number
  readonly last: number
}

export class Series {
  readonly name: string
  readonly unit: string
  #points: Point[] = []
  #count = 0
  #sum = 0
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY
  #last = 0

  constructor(name: string, unit: string) {
    this.name = name
    this.unit = unit
  }

  /** In the order of time. What no plot could show is left out. */
  get points(): readonly Point[] {
    return this.#points
  }

  add(point: Point): void {
    const { value } = point
    if (!(Math.abs(value) <= VALUE_MAX)) return
    this.#count++
    this.#sum += value
    this.#min = Math.min(this.#min, value)
    this.#max = Math.max(this.#max, value)
    this.#last = value
    this.#points.push(point)
    if (this.#points.length > POINTS_MAX) this.#points = thinned(this.#points)
  }

  /** Null when it has no sample. */
  summary(): SeriesSummary | null {
    if (this.#count === 0) return null
    const mean = this.#sum / this.#count
    return {
      ...{ series: this.name, unit: this.unit, count: this.#count },
      ...{ min: this.#min, max: this.#max, mean, last: this.#last },
    }
  }
}

function thinned(points: readonly Point[]): Point[] {
  const kept: Point[] = []
  for (let at = 0; at < points.length; at += GROUP) {
    const group = points.slice(at, at + GROUP)
    const least = group.reduce((a, b) => (b.value < a.value ? b : a))
    const greatest = group.reduce((a, b) => (b.value > a.value ? b : a))
    kept.push(...group.filter((point) => point === least || point === greatest))
  }
  return kept
}
