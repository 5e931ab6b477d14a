/**
 * Waiting for something to be so: look, and look again, until it is or the step's time is over. What was seen last is the
 * failure's evidence. A master or a server that does not answer for a while is waited for: scenarios take them away.
 */
import { isBlockError } from '../../../src/base/errors.ts'
import { StepFailure } from '../../model/failure.ts'
import type { Value } from '../../model/value.ts'
import type { ActionContext } from '../action.ts'

/** What a look found: `is` ends the wait; `not` says in some words how it is instead. */
export type Look<T> = { readonly is: T } | { readonly not: string; readonly seen?: Value }

const LOOK_EVERY_MS = 75

/** What `until` and `pause` need of a step. */
export type Waiting = Pick<ActionContext, 'clock' | 'signal' | 'progress'>

/** `what`: as in "waited for …". Rejects with TIMEOUT when the step ends first; errors of `look` that do not pass by themselves reject at once. */
export async function until<T>(
  context: Waiting,
  what: string,
  look: () => Promise<Look<T>>,
  everyMs = LOOK_EVERY_MS,
): Promise<T> {
  let last: { readonly not: string; readonly seen?: Value } = { not: 'nothing was seen yet' }
  let said = ''
  while (!context.signal.aborted) {
    const found = await patiently(context, look)
    if ('is' in found) return found.is
    if (!context.signal.aborted) last = found
    if (last.not !== said) context.progress(`${what}: ${last.not}`)
    said = last.not
    await pause(context, everyMs)
  }
  throw new StepFailure('TIMEOUT', `waited for ${what}; at the end: ${last.not}`, {
    waited_for: what,
    at_the_end: last.not,
    ...(last.seen === undefined ? {} : { seen: last.seen }),
  })
}

/** Resolves after `delayMs`, or as soon as the step ends. */
export function pause({ clock, signal }: Pick<Waiting, 'clock' | 'signal'>, delayMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) resolve()
  const timer = clock.after(delayMs, resolve)
  const onAbort = (): void => resolve()
  signal.addEventListener('abort', onAbort)
  return promise.finally(() => {
    timer.cancel()
    signal.removeEventListener('abort', onAbort)
  })
}

const PASSING: ReadonlySet<string> = new Set(['DISCONNECTED', 'TIMED_OUT', 'BUSY', 'CLOSED'])

/** The error is of a service that may be back in a moment. */
const isPassing = (error: unknown): error is Error => isBlockError(error) && PASSING.has(error.code)

async function patiently<T>({ signal }: Waiting, look: () => Promise<Look<T>>): Promise<Look<T>> {
  try {
    return await look()
  } catch (error) {
    if (isPassing(error) || (signal.aborted && isBlockError(error, 'ABORTED'))) return { not: error.message }
    throw error
  }
}
