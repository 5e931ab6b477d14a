/**
 * A histogram of latencies that costs a few nanoseconds an observation: counts in a typed array, four buckets
 * to each power of two of a microsecond, from 1 µs to a minute. What is shorter or longer falls into the first
 * or last bucket. Prometheus gets the powers of two; quantiles use all.
 */
const BUCKETS_PER_OCTAVE = 4
const OCTAVES = 26
const BUCKETS = BUCKETS_PER_OCTAVE * OCTAVES
/** Bounds that are exported: 16 µs to 33.5 s. */
const FIRST_EXPORTED_OCTAVE = 4
const LAST_EXPORTED_OCTAVE = 25
const US_PER_SECOND = 1e6
const US_MAX = 2 ** OCTAVES

/** Upper bounds in seconds of the exported buckets, rising. */
export const LATENCY_BOUNDS_SECONDS: readonly number[] = Array.from(
  { length: LAST_EXPORTED_OCTAVE - FIRST_EXPORTED_OCTAVE + 1 },
  (_, index) => 2 ** (FIRST_EXPORTED_OCTAVE + index) / US_PER_SECOND,
)

export interface HistogramSnapshot {
  /** Observations not above the bound of the same index in `LATENCY_BOUNDS_SECONDS`. */
  readonly cumulative: readonly number[]
  readonly count: number
  readonly sumSeconds: number
}

export class LatencyRecorder {
  readonly #counts = new Float64Array(BUCKETS)
  #count = 0
  #sumUs = 0

  /** Adds one latency of `us` microseconds, a finite number from 0. */
  record(us: number): void {
    this.#count++
    this.#sumUs += us
    const index = bucketOf(us)
    this.#counts[index] = (this.#counts[index] ?? 0) + 1
  }

  snapshot(): HistogramSnapshot {
    const cumulative: number[] = []
    let total = 0
    let next = 0
    for (let octave = FIRST_EXPORTED_OCTAVE; octave <= LAST_EXPORTED_OCTAVE; octave++) {
      for (; next < octave * BUCKETS_PER_OCTAVE; next++) total += this.#counts[next] ?? 0
      cumulative.push(total)
    }
    return { cumulative, count: this.#count, sumSeconds: this.#sumUs / US_PER_SECOND }
  }

  /** Upper bound, in microseconds, of the bucket in which the quantile (0 to 1) lies; 0 without observations. */
  quantileUs(quantile: number): number {
    let left = Math.ceil(this.#count * quantile)
    if (left === 0) return 0
    for (let index = 0; index < BUCKETS; index++) {
      left -= this.#counts[index] ?? 0
      if (left <= 0) return upperBoundUs(index)
    }
    return US_MAX
  }
}

/** Bucket `4 o + q` holds (2^o (1 + q/4), 2^o (1 + (q+1)/4)]: a power of two is the upper end of its bucket. */
function bucketOf(us: number): number {
  if (us <= 1) return 0
  // At most 2^26 − 1, so that 32-bit operators are exact; minus one to make upper ends inclusive.
  const value = us >= US_MAX ? US_MAX - 1 : Math.ceil(us) - 1
  if (value === 0) return 0
  const octave = 31 - Math.clz32(value)
  const quarter = octave >= 2 ? (value >>> (octave - 2)) & 3 : (value << (2 - octave)) & 3
  return octave * BUCKETS_PER_OCTAVE + quarter
}

function upperBoundUs(index: number): number {
  const octave = Math.floor(index / BUCKETS_PER_OCTAVE)
  return 2 ** octave * (1 + ((index % BUCKETS_PER_OCTAVE) + 1) / BUCKETS_PER_OCTAVE)
}
