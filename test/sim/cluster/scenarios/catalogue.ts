/** Directed scenarios: what random runs seldom reach, one after the other and without chance. */
import { fail } from '../../../cluster/checker.ts'

type Scenario = () => Promise<string | undefined>

export const SCENARIOS: Readonly<Record<string, Scenario>> = {}

/** What broke in it; undefined when all held. */
export async function runScenario(name: string): Promise<string | undefined> {
  const scenario = SCENARIOS[name]
  if (scenario === undefined) fail(`there is no scenario ${name}`)
  return scenario()
}
