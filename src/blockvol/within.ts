/** Bounds a wait: every wait of a host ends with a status that it retries (invariant 12). */
import { BlockError } from '../base/errors.ts'
import type { Clock } from '../base/ports/clock.ts'

/** As `promise`, but BUSY after `timeoutMs`. */
export function within<T>(clock: Clock, timeoutMs: number, promise: Promise<T>, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(timeoutMs, () => reject(new BlockError('BUSY', what)))
    promise.then(resolve, reject).finally(() => timer.cancel())
  })
}
