/**
 * Who is told how long things take. One call costs nanoseconds and allocates nothing; whoever measures is given the sink when
 * it is made, and looks nothing up later.
 */
export interface LatencySink {
  /** One latency in microseconds, a finite number from 0. */
  record(us: number): void
}

export const US_PER_MS = 1000
