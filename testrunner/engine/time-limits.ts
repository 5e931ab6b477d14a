/**
 * How long a scenario may go on. Its own phases stop at its timeout or when the user stops the run. Phases that always run
 * then still have a while; they stop when that is over, or when the user stops the run a second time.
 */
import type { Clock, Timer } from '../../src/base/ports/clock.ts'
import { durationText } from '../model/duration-text.ts'
import type { StepName } from '../model/event.ts'
import { StepFailure } from '../model/failure.ts'
import { onAbort } from './attempt.ts'
import { stepText } from './failures.ts'

/** For all phases that always run, after the scenario was stopped. */
const CLEAN_UP_MS = 30_000

export interface TimeLimitsOptions {
  readonly clock: Clock
  readonly timeoutMs: number
  /** All limits are multiplied by it. */
  readonly slowness: number
  readonly signal: AbortSignal
  readonly hurry: AbortSignal
  /** The step that runs now. */
  underWay(): StepName | null
}

export class TimeLimits {
  readonly #clock: Clock
  readonly #cleanUpMs: number
  readonly #work = new AbortController()
  readonly #clean = new AbortController()
  readonly #ended = new AbortController()
  #timers: Timer[] = []
  #isCleaning = false
  #stoppedAt: StepName | null = null

  constructor({ clock, slowness, signal, hurry, underWay, ...given }: TimeLimitsOptions) {
    this.#clock = clock
    this.#cleanUpMs = CLEAN_UP_MS * slowness
    const timeoutMs = given.timeoutMs * slowness
    const stop = (reason: StepFailure) => {
      if (this.work.aborted) return
      this.#stoppedAt = underWay()
      this.#work.abort(reason)
      if (this.#isCleaning) this.#limitCleaning()
    }
    this.#after(timeoutMs, () => {
      const step = underWay()
      const where = step === null ? '' : `, in ${stepText(step)}`
      stop(new StepFailure('TIMEOUT', `the scenario took longer than ${durationText(timeoutMs)}${where}`))
    })
    onAbort(signal, this.#ended.signal, () => stop(new StepFailure('CANCELLED', 'the run was stopped')))
    onAbort(hurry, this.#ended.signal, () => {
      stop(new StepFailure('CANCELLED', 'the run was stopped'))
      this.#clean.abort(new StepFailure('CANCELLED', 'the run was stopped a second time'))
    })
  }

  /** Under which ordinary phases run. Its reason is a StepFailure, as that of the other. */
  get work(): AbortSignal {
    return this.#work.signal
  }

  /** Under which phases run that always run. */
  get clean(): AbortSignal {
    return this.#clean.signal
  }

  /** Why the scenario was stopped, and in which step; null when it was not. */
  get stopped(): { readonly reason: StepFailure; readonly step: StepName | null } | null {
    return this.work.aborted ? { reason: this.work.reason as StepFailure, step: this.#stoppedAt } : null
  }

  /** A phase begins that always runs. */
  cleaning(): void {
    if (this.#isCleaning) return
    this.#isCleaning = true
    if (this.work.aborted) this.#limitCleaning()
  }

  end(): void {
    this.#ended.abort()
    for (const timer of this.#timers) timer.cancel()
  }

  #limitCleaning(): void {
    const message = `cleaning up took longer than ${durationText(this.#cleanUpMs)}`
    this.#after(this.#cleanUpMs, () => this.#clean.abort(new StepFailure('TIMEOUT', message)))
  }

  #after(delayMs: number, callback: () => void): void {
    this.#timers.push(this.#clock.after(delayMs, callback))
  }
}
