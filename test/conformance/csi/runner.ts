/** Runs cases one after the other, each with what it makes itself, and says how each went. */
import { type Behaviour, type Case, Context } from './case.ts'
import type { Drivers } from './fixture/drivers.ts'

export interface Outcome {
  readonly name: string
  /** Why it did not pass, in one line; undefined: it passed. */
  readonly failure: string | undefined
  readonly ms: number
}

/** How long a case may take, with what it takes away: several volumes are made in one. */
const CASE_MS = 120_000

export const nameOf = (behaviour: Behaviour, one: Case): string => `${behaviour.name}: ${one.name}`

export async function* runAll(
  drivers: Drivers,
  behaviours: readonly Behaviour[],
  isWanted: (name: string) => boolean,
): AsyncGenerator<Outcome> {
  for (const behaviour of behaviours) {
    for (const one of behaviour.cases) {
      const name = nameOf(behaviour, one)
      if (!isWanted(name)) continue
      const beganMs = performance.now()
      const failure = await runCase(drivers, one)
      yield { name, failure, ms: performance.now() - beganMs }
    }
  }
}

async function runCase(drivers: Drivers, one: Case): Promise<string | undefined> {
  const context = new Context(drivers)
  const overdue = Promise.withResolvers<never>()
  const timer = setTimeout(() => overdue.reject(new Error(`still running after ${CASE_MS} ms`)), CASE_MS)
  overdue.promise.catch(() => undefined)
  const failures: string[] = []
  for (const part of [() => one.run(context), () => context.end()]) {
    await Promise.race([part(), overdue.promise]).catch((error: Error) => {
      failures.push(error.message.split('\n')[0] ?? '')
    })
  }
  clearTimeout(timer)
  return failures.length === 0 ? undefined : failures.join('; after it: ')
}
