/** How calls went, by method and by what they were answered. */
import { LatencyRecorder } from '../../metrics/latency-recorder.ts'
import type { MetricsRegistry } from '../../metrics/registry.ts'
import type { CsiCode } from './csi-error.ts'

/** What a call came to; CANCELLED: its client did not wait for it. */
export type CallOutcome = CsiCode | 'OK' | 'CANCELLED'

const US_PER_MS = 1000

export class CallMetrics {
  readonly #counts = new Map<string, { readonly method: string; readonly code: CallOutcome; count: number }>()
  readonly #latencies = new Map<string, LatencyRecorder>()
  #underWay = 0

  /** Calls whose handlers have not ended. */
  get underWay(): number {
    return this.#underWay
  }

  began(): void {
    this.#underWay++
  }

  /** The handler has ended, whenever its call was answered. */
  ended(): void {
    this.#underWay--
  }

  answered(method: string, code: CallOutcome, ms: number): void {
    const key = `${method} ${code}`
    const known = this.#counts.get(key)
    if (known === undefined) this.#counts.set(key, { method, code, count: 1 })
    else known.count++
    let latencies = this.#latencies.get(method)
    if (latencies === undefined) {
      latencies = new LatencyRecorder()
      this.#latencies.set(method, latencies)
    }
    latencies.record(Math.max(0, ms) * US_PER_MS)
  }

  addTo(registry: MetricsRegistry): void {
    registry.counter({
      name: 'basalt_csi_calls_total',
      help: 'Calls that were answered, by method and gRPC status',
      labelNames: ['method', 'code'],
      collect: () =>
        [...this.#counts.values()].map(({ method, code, count }) => ({
          labels: { method, code },
          value: count,
        })),
    })
    registry.gauge({
      name: 'basalt_csi_calls_under_way',
      help: 'Calls whose work has not ended, those included that nobody waits for any longer',
      labelNames: [],
      collect: () => [{ labels: {}, value: this.#underWay }],
    })
    registry.histogram({
      name: 'basalt_csi_call_seconds',
      help: 'From when a call came to its answer',
      labelNames: ['method'],
      collect: () =>
        [...this.#latencies].map(([method, recorder]) => ({
          labels: { method },
          value: recorder.snapshot(),
        })),
    })
  }
}
