/** Directed scenarios: what random runs seldom reach, one thing after the other and without chance. */
import { fail } from '../../../cluster/checker.ts'
import * as lanes from './lanes.ts'
import * as leases from './leases.ts'
import * as losses from './losses.ts'
import * as masters from './masters.ts'
import * as paths from './paths.ts'
import * as sets from './sets.ts'
import * as snapshots from './snapshots.ts'

/** Resolves with what broke, undefined when all held. `print` gets the timeline. */
type Scenario = (print?: (line: string) => void) => Promise<string | undefined>

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  ...lanes,
  ...leases,
  ...losses,
  ...masters,
  ...paths,
  ...sets,
  ...snapshots,
}

export async function runScenario(name: string, print?: (line: string) => void): Promise<string | undefined> {
  const scenario = SCENARIOS[name]
  if (scenario === undefined) fail(`there is no scenario ${name}`)
  return scenario(print)
}
