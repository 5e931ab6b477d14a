/**
 * A login at a target that nobody serves at this moment, which ends soon as a rule. Initiators that are told so ask again
 * at once, and again, just when the servers have other things to do: so they are told late, or where it is served by then.
 */
import type { Clock, Timer } from '../../base/ports/clock.ts'
import type { LoginStep } from '../login/target-login.ts'
import { LoginStatus } from '../pdu/opcodes.ts'

/** How often the login is looked at again. */
const LOOK_AGAIN_MS = 50

export const isUnavailable = ({ verdict }: LoginStep): boolean =>
  verdict.kind === 'refused' && verdict.status === LoginStatus.serviceUnavailable

/**
 * Looks at the login anew with `again`, as if its request came then, until it says something else or `holdMs` are over;
 * then calls `done` with what it says. The answer cancels.
 */
export function holdLogin(options: {
  readonly clock: Clock
  readonly holdMs: number
  readonly again: () => LoginStep
  readonly done: (step: LoginStep) => void
}): Pick<Timer, 'cancel'> {
  const { clock, holdMs, again, done } = options
  const untilMs = clock.monotonicMs() + holdMs
  const later = (): Timer =>
    clock.after(Math.max(0, Math.min(LOOK_AGAIN_MS, untilMs - clock.monotonicMs())), () => {
      const step = again()
      if (isUnavailable(step) && clock.monotonicMs() < untilMs) timer = later()
      else done(step)
    })
  let timer = later()
  return { cancel: () => timer.cancel() }
}
