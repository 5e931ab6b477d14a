/**
 * Latencies of any number of operations in a fixed array: whole microseconds up to 32, then 32 buckets to each power
 * of two, so that a quantile is at most 3 % too high. Recording costs a few nanoseconds and no memory.
 */
const BUCKETS_PER_OCTAVE = 32
const BUCKET_BITS = 5
/** Up to 2^30 µs, 18 minutes; what takes longer is counted in the last bucket. */
const OCTAVES = 30
const US_MAX = 2 ** OCTAVES - 1

export class LatencyHistogram {
  readonly #counts = new Float64Array((OCTAVES - BUCKET_BITS + 1) * BUCKETS_PER_OCTAVE)
  #count = 0
  #maxUs = 0

  get count(): number {
    return this.#count
  }

  /** The longest latency, exactly; 0 without any. */
  get maxUs(): number {
    return this.#maxUs
  }

  /** `us`: from 0. */
  record(us: number): void {
    this.#count++
    if (us > this.#maxUs) this.#maxUs = us
    this.#counts[bucketOf(us)]!++
  }

  /** A latency that the share `quantile` (0 to 1) of operations did not exceed; 0 without any. */
  quantileUs(quantile: number): number {
    let left = Math.ceil(this.#count * quantile)
    if (left === 0) return 0
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      left -= this.#counts[bucket]!
      if (left <= 0) return Math.min(upperBoundUs(bucket), this.#maxUs)
    }
    return this.#maxUs
  }
}

function bucketOf(us: number): number {
  const value = us >= US_MAX ? US_MAX : Math.trunc(us)
  if (value < BUCKETS_PER_OCTAVE) return value
  const octave = 31 - Math.clz32(value)
  const within = (value >>> (octave - BUCKET_BITS)) & (BUCKETS_PER_OCTAVE - 1)
  return (octave - BUCKET_BITS + 1) * BUCKETS_PER_OCTAVE + within
}

/** The least value of the next bucket. */
function upperBoundUs(bucket: number): number {
  if (bucket < BUCKETS_PER_OCTAVE) return bucket + 1
  const octave = Math.floor(bucket / BUCKETS_PER_OCTAVE) + BUCKET_BITS - 1
  const within = bucket % BUCKETS_PER_OCTAVE
  return (BUCKETS_PER_OCTAVE + within + 1) * 2 ** (octave - BUCKET_BITS)
}
