/**
 * Waiting for what the master does in steps. The calls of the API are short, and what takes longer is a job that goes on
 * without us: a call whose deadline passes here is made again, and finds it.
 */
import type { Clock } from '../../base/ports/clock.ts'
import { CsiError } from '../server/csi-error.ts'
import type { CsiCall } from '../server/handlers.ts'

const FIRST_PAUSE_MS = 50
const PAUSE_MS_MAX = 2000
/** Of a client that sets no deadline. */
const WAIT_MS_MAX = 600_000

export type WaitingCall = Pick<CsiCall, 'signal'>

/**
 * The first answer of `look` that is not undefined; it is asked with growing pauses. DEADLINE_EXCEEDED when the call or
 * `atMostMs` is over before; `what` is the rest of the sentence: "volume pvc-1 is being made".
 */
export async function waitFor<T>(
  clock: Clock,
  call: WaitingCall,
  wait: { readonly what: string; readonly atMostMs?: number },
  look: () => Promise<T | undefined>,
): Promise<T> {
  const endMs = clock.monotonicMs() + (wait.atMostMs ?? WAIT_MS_MAX)
  let pauseMs = FIRST_PAUSE_MS
  for (;;) {
    if (call.signal.aborted) throw overdue(wait.what)
    const found = await look()
    if (found !== undefined) return found
    if (clock.monotonicMs() >= endMs) throw overdue(wait.what)
    await pause(clock, call.signal, pauseMs)
    pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 1.5)
  }
}

const overdue = (what: string): CsiError =>
  new CsiError('DEADLINE_EXCEEDED', `${what}, and goes on without this call; ask again`)

/** Until `delayMs` has passed or `signal` aborts. */
export function pause(clock: Clock, signal: AbortSignal, delayMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) return Promise.resolve()
  const timer = clock.after(delayMs, done)
  function done(): void {
    timer.cancel()
    signal.removeEventListener('abort', done)
    resolve()
  }
  signal.addEventListener('abort', done)
  return promise
}
