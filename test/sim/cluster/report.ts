/** What many seeds had between them, and whether that was enough. */
import {
  CRASHES,
  FAULT_MATRIX,
  FAULTS_PER_RUN,
  LEAST_PER_SEED,
  SEEDS_PER_RUN,
  sumOf,
} from './fault-matrix.ts'

export interface SeedResult {
  readonly seed: number
  readonly configuration: string
  readonly violation: string | undefined
  readonly counts: readonly (readonly [string, number])[]
  readonly virtualMs: number
  readonly cpuMs: number
}

export class Report {
  readonly #counts = new Map<string, number>()
  readonly failures: SeedResult[] = []
  seeds = 0
  #virtualMs = 0
  #cpuMs = 0
  #cpuMsMax = 0

  add(result: SeedResult): void {
    this.seeds += 1
    this.#virtualMs += result.virtualMs
    this.#cpuMs += result.cpuMs
    this.#cpuMsMax = Math.max(this.#cpuMsMax, result.cpuMs)
    for (const [what, times] of result.counts) this.#counts.set(what, (this.#counts.get(what) ?? 0) + times)
    if (result.violation !== undefined) this.failures.push(result)
  }

  /** Every counter, then the faults by their ids. */
  lines(): string[] {
    const counters = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1))
    const matrix = FAULT_MATRIX.map(({ id, what, counters: parts }) => {
      return `${id.padStart(5)} ${String(sumOf(this.#counts, parts)).padStart(8)}  ${what}`
    })
    const cpu = (this.#cpuMs / Math.max(1, this.seeds)).toFixed(0)
    return [
      ...counters.map(([what, times]) => `${String(times).padStart(9)}  ${what}`),
      ...matrix,
      `${this.seeds} seeds, ${(this.#virtualMs / 3_600_000).toFixed(1)} hours of virtual time, ${cpu} ms of a core each, ` +
        `${this.#cpuMsMax.toFixed(0)} ms at most`,
    ]
  }

  /** What the run should have had and did not. Nothing is asked of a few seeds. */
  missing(): string[] {
    const least = Math.floor((FAULTS_PER_RUN * this.seeds) / SEEDS_PER_RUN)
    const missing: string[] = []
    for (const { id, counters } of FAULT_MATRIX) {
      const times = sumOf(this.#counts, counters)
      if (times < least) missing.push(`fault ${id} happened ${times} times, not ${least}`)
    }
    if (this.seeds < 20) return missing
    const crashes = sumOf(this.#counts, CRASHES)
    // what only an operator can revive ends early
    const lost = this.#counts.get('operator needed') ?? 0
    for (const [what, perSeed] of Object.entries(LEAST_PER_SEED)) {
      const spared = what === 'operations' ? lost * perSeed : 0
      const times = spared + (what === 'crashes' ? crashes : (this.#counts.get(what) ?? 0))
      if (times < perSeed * this.seeds)
        missing.push(`${what}: ${times} in ${this.seeds} seeds, fewer than ${perSeed} each`)
    }
    return missing
  }
}
