/** One attempt at a step: it ends in time, or it is told to stop; and one that hangs is left behind. */
import type { Clock, Timer } from '../../src/base/ports/clock.ts'
import { durationText } from '../model/duration-text.ts'
import { StepFailure } from '../model/failure.ts'

/** How long an action may take to end after it was told to. */
const HUNG_MS = 10_000
/** The same when the user does not want to wait any longer. */
const HURRIED_MS = 500

export type AttemptEnd<T> =
  | { readonly kind: 'returned'; readonly value: T }
  /** `stoppedBy`: why it was told to stop before it threw; null when it was not. */
  | { readonly kind: 'threw'; readonly error: unknown; readonly stoppedBy: StepFailure | null }
  | { readonly kind: 'hung'; readonly waitedMs: number; readonly stoppedBy: StepFailure }

export interface AttemptOptions {
  readonly clock: Clock
  readonly timeoutMs: number
  /** Its reason is a StepFailure. */
  readonly stop: AbortSignal
  readonly hurry: AbortSignal
}

/** Never rejects. What comes after `hung` from `run` is dropped. */
export async function attempt<T>(
  run: (signal: AbortSignal) => Promise<T>,
  options: AttemptOptions,
): Promise<AttemptEnd<T>> {
  const { clock, timeoutMs, stop, hurry } = options
  const late = new AbortController()
  const timeout = clock.after(timeoutMs, () =>
    late.abort(new StepFailure('TIMEOUT', `took longer than ${durationText(timeoutMs)}`)),
  )
  const signal = AbortSignal.any([stop, late.signal])
  const watch = new HungWatch(clock, signal, hurry)
  const action = (async () => await run(signal))().then(
    (value): AttemptEnd<T> => returned(value, reasonOf(signal)),
    (error: unknown): AttemptEnd<T> => ({ kind: 'threw', error, stoppedBy: reasonOf(signal) }),
  )
  try {
    return await Promise.race([action, watch.hung])
  } finally {
    timeout.cancel()
    watch.end()
  }
}

/** An action that comes back after its time failed all the same; one that the user stopped just finished. */
const returned = <T>(value: T, stoppedBy: StepFailure | null): AttemptEnd<T> =>
  stoppedBy?.code === 'TIMEOUT' ? { kind: 'threw', error: undefined, stoppedBy } : { kind: 'returned', value }

const reasonOf = (signal: AbortSignal): StepFailure | null =>
  signal.aborted ? (signal.reason as StepFailure) : null

/** Resolves `hung` some time after `signal` aborted. */
class HungWatch {
  readonly hung: Promise<{ kind: 'hung'; waitedMs: number; stoppedBy: StepFailure }>
  #timers: Timer[] = []
  readonly #ended = new AbortController()

  constructor(clock: Clock, signal: AbortSignal, hurry: AbortSignal) {
    const { promise, resolve } = Promise.withResolvers<Awaited<HungWatch['hung']>>()
    this.hung = promise
    const wait = (waitMs: number) =>
      this.#timers.push(
        clock.after(waitMs, () => {
          if (signal.aborted) resolve({ kind: 'hung', waitedMs: waitMs, stoppedBy: signal.reason })
        }),
      )
    onAbort(signal, this.#ended.signal, () => wait(hurry.aborted ? HURRIED_MS : HUNG_MS))
    onAbort(hurry, this.#ended.signal, () => wait(HURRIED_MS))
  }

  end(): void {
    this.#ended.abort()
    for (const timer of this.#timers) timer.cancel()
  }
}

/** Calls `listener` when `signal` aborts, or now if it has; not after `until` aborted. */
export function onAbort(signal: AbortSignal, until: AbortSignal, listener: () => void): void {
  if (signal.aborted) listener()
  else signal.addEventListener('abort', listener, { once: true, signal: until })
}
