/** Counts what a registry does, for metrics: the registry itself knows nothing of it. */
import type { Clock } from '../../base/ports/clock.ts'
import { LatencyRecorder } from '../../metrics/latency-recorder.ts'
import type { CommitOutcome, Registry, StoredRecord, Transaction } from '../registry/registry.ts'
import type { RegistryCounts } from './master-metrics.ts'

const US_PER_MS = 1000

export class MeteredRegistry implements Registry, RegistryCounts {
  readonly commitSeconds = new LatencyRecorder()
  readonly #registry: Registry
  readonly #clock: Clock
  #commits = 0
  #conflicts = 0
  #failures = 0

  constructor(registry: Registry, clock: Clock) {
    this.#registry = registry
    this.#clock = clock
  }

  get commits(): number {
    return this.#commits
  }

  get conflicts(): number {
    return this.#conflicts
  }

  get failures(): number {
    return this.#failures
  }

  get id(): string {
    return this.#registry.id
  }

  get seq(): number {
    return this.#registry.seq
  }

  read(prefix: string): Promise<readonly StoredRecord[]> {
    return this.#registry.read(prefix)
  }

  async commit(transaction: Transaction): Promise<CommitOutcome> {
    const startedMs = this.#clock.monotonicMs()
    let outcome: CommitOutcome
    try {
      outcome = await this.#registry.commit(transaction)
    } catch (error) {
      this.#failures++
      throw error
    }
    if (outcome.kind === 'conflict') {
      this.#conflicts++
      return outcome
    }
    this.#commits++
    this.commitSeconds.record((this.#clock.monotonicMs() - startedMs) * US_PER_MS)
    return outcome
  }

  close(): Promise<void> {
    return this.#registry.close()
  }
}
