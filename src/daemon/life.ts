/**
 * How every daemon begins and ends: what it opens is closed again if it cannot serve, and its stop is over within the
 * drain time, done or not. What is opened, and in which order it is closed, is the daemon's own.
 */
import type { Logger } from '../base/log.ts'
import type { Clock, Timer } from '../base/ports/clock.ts'

/** Of the time for a stop, what is kept for the last flush when hosts do not log out. */
const CLOSE_SHARE = 0.25

/** How long a stop may wait for those who are served. */
export interface Drain {
  readonly timeoutMs: number
  /** Fires when nobody is to be waited for any longer. */
  readonly signal: AbortSignal
}

export interface StopOptions {
  /** Begins the names of the events: `NAME.stopped`, `NAME.stop_timed_out`. */
  readonly name: string
  /** For all of the stop. */
  readonly timeoutMs: number
  /** Ends the wait for those who are served. */
  readonly hurry: AbortSignal
  /** For a daemon that nobody logs out of: `hurry` ends the stop itself. */
  readonly isOverOnHurry?: boolean
  readonly clock: Clock
  readonly logger: Logger
}

/** What `build` makes of `resources`; when it fails, they are disposed of and its error is thrown. */
export async function openDaemon<Daemon>(
  build: (resources: AsyncDisposableStack) => Promise<Daemon>,
): Promise<Daemon> {
  const resources = new AsyncDisposableStack()
  try {
    return await build(resources)
  } catch (error) {
    await resources.disposeAsync()
    throw error
  }
}

/** True when `close` was done in time; false when the time was over first. Rejects as `close` does. */
export async function stopInTime(
  options: StopOptions,
  close: (drain: Drain) => Promise<void>,
): Promise<boolean> {
  const { name, timeoutMs, hurry, clock, logger } = options
  let overdue: Timer | undefined
  const late = new Promise<false>((resolve) => {
    overdue = clock.after(timeoutMs, () => resolve(false))
    if (options.isOverOnHurry) hurry.addEventListener('abort', () => resolve(false), { once: true })
  })
  const closed = close({ timeoutMs: timeoutMs * (1 - CLOSE_SHARE), signal: hurry }).then(() => true)
  const done = await Promise.race([closed, late])
  overdue?.cancel()
  logger.info(done ? `${name}.stopped` : `${name}.stop_timed_out`)
  return done
}
