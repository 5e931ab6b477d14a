/** Runs cases one after the other, each with connections of its own, and says how each went. */
import type { HostPort } from '../../../src/base/address.ts'
import type { Clock } from '../../../src/base/ports/clock.ts'
import type { Net } from '../../../src/base/ports/net.ts'
import { type Behaviour, type Case, Context, Skipped, type TargetOwner } from './case.ts'

export interface Served {
  readonly net: Net
  readonly clock: Clock
  readonly portal: HostPort
  readonly nqn: string
  readonly owner?: TargetOwner
}

export type Verdict = 'passed' | 'failed' | 'skipped'

export interface Outcome {
  readonly behaviour: Behaviour
  readonly case: Case
  readonly verdict: Verdict
  /** Why it did not pass, in one line. */
  readonly reason: string
}

/** How long a case may take: one that waits for a keep alive to expire takes seconds. */
const CASE_MS = 20_000

export async function runCase(served: Served, one: Case): Promise<{ verdict: Verdict; reason: string }> {
  const context = new Context(served)
  const overdue = Promise.withResolvers<never>()
  const timer = served.clock.after(CASE_MS, () =>
    overdue.reject(new Error(`still running after ${CASE_MS} ms`)),
  )
  try {
    await Promise.race([one.run(context), overdue.promise])
    return { verdict: 'passed', reason: '' }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const verdict = error instanceof Skipped ? 'skipped' : 'failed'
    return { verdict, reason: error.message.split('\n')[0] ?? '' }
  } finally {
    timer.cancel()
    overdue.promise.catch(() => undefined)
    context.close()
  }
}

export async function* runAll(
  served: Served,
  behaviours: readonly Behaviour[],
  isWanted: (name: string) => boolean,
): AsyncGenerator<Outcome> {
  for (const behaviour of behaviours) {
    for (const one of behaviour.cases) {
      if (!isWanted(nameOf(behaviour, one))) continue
      yield { behaviour, case: one, ...(await runCase(served, one)) }
    }
  }
}

export const nameOf = (behaviour: Behaviour, one: Case): string => `${behaviour.name}: ${one.name}`
