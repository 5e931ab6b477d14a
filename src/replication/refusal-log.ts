/**
 * Connections that were not taken, as log lines: each reason once for each address, and again after a while with how
 * often it came meanwhile. Whoever tries without end fills no log, and is not forgotten either.
 */
import type { Logger } from '../base/log.ts'
import type { Clock } from '../base/ports/clock.ts'

const AGAIN_MS = 600_000
/** The one seen first is forgotten first. */
const SEEN_MAX = 256

export class RefusalLog {
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #seen = new Map<string, { readonly loggedMs: number; times: number }>()

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger
    this.#clock = clock
  }

  /** `address`: host and port of who came; `kind`: one of a few; `reason`: a sentence. */
  refused(address: string, kind: string, reason: string): void {
    const host = address.replace(/:\d+$/, '')
    const key = `${host} ${kind}`
    const nowMs = this.#clock.monotonicMs()
    const seen = this.#seen.get(key)
    if (seen !== undefined && nowMs - seen.loggedMs < AGAIN_MS) {
      seen.times++
      return
    }
    this.#seen.delete(key)
    this.#seen.set(key, { loggedMs: nowMs, times: 0 })
    if (this.#seen.size > SEEN_MAX) this.#seen.delete(this.#seen.keys().next().value ?? '')
    const before = seen?.times ?? 0
    this.#logger.warn('replication.connection-refused', { address, kind, reason, before })
  }
}
