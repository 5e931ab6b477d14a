/** Which scenarios, and which of their variants, a command is about; all of them read and checked before anything starts. */
import { BlockError } from '../../src/base/errors.ts'
import { printable } from '../../src/base/names.ts'
import type { ActionCatalog } from '../model/action-spec.ts'
import type { Problem } from '../model/position.ts'
import { DEFAULT_VARIANT, type Scenario, TIERS } from '../model/scenario.ts'
import type { ScenarioHead } from '../reading/list-scenarios.ts'
import { listScenarios, readScenario } from '../reading/read-scenario.ts'
import type { FileSource } from '../reading/source-files.ts'
import { checkGiven, givenTo } from './given-variables.ts'
import type { RunOptions } from './options.ts'

export type Selection = Pick<RunOptions, 'paths' | 'variables' | 'variant' | 'tier' | 'isCi'>

export interface Selected {
  readonly scenarios: readonly Scenario[]
  /** With one nothing may be run. */
  readonly problems: readonly Problem[]
}

export interface Source {
  readonly files: FileSource
  readonly catalog: ActionCatalog
}

/** Rejects with BlockError: NOT_FOUND for a path that is not there, INVALID_ARGUMENT when nothing is selected. */
export async function selectScenarios(selection: Selection, { files, catalog }: Source): Promise<Selected> {
  const found = await findScenarios(selection.paths, files)
  const wanted = found.filter((head) => isWanted(head, selection))
  checkGiven(selection.variables, wanted)
  const scenarios: Scenario[] = []
  const problems = new Map<string, Problem>()
  for (const head of wanted) {
    const { name, path } = head
    const variables = givenTo(head, selection.variables)
    for (const variant of variantsOf(head, selection)) {
      const read = await readScenario({ path, name, variables, variant, catalog, files })
      if ('scenario' in read) scenarios.push(read.scenario)
      else for (const problem of read.problems) problems.set(JSON.stringify(problem), problem)
    }
  }
  if (scenarios.length === 0 && problems.size === 0) {
    throw new BlockError('INVALID_ARGUMENT', whyNothing(found, selection))
  }
  return { scenarios, problems: [...problems.values()] }
}

/** Those of all paths, each file once. */
async function findScenarios(paths: readonly string[], files: FileSource): Promise<readonly ScenarioHead[]> {
  const found = new Map<string, ScenarioHead>()
  for (const path of paths) {
    for (const head of await listScenarios(path, files)) found.set(head.path, head)
  }
  const heads = [...found.values()]
  checkNames(heads)
  return heads
}

/** Reports and baselines know a scenario by its name. INVALID_ARGUMENT when two have the same. */
function checkNames(heads: readonly ScenarioHead[]): void {
  const paths = new Map<string, string>()
  for (const { name, path } of heads) {
    const other = paths.get(name)
    if (other !== undefined) {
      throw new BlockError(
        'INVALID_ARGUMENT',
        `${other} and ${path} are both called ${name}: run one of them`,
      )
    }
    paths.set(name, path)
  }
}

/** What cannot be read is wanted too: its problems are told. */
const isWanted = (head: ScenarioHead, { tier, isCi }: Selection): boolean =>
  head.problems.length > 0 || ((tier === undefined || head.tier === tier) && (!isCi || head.ci.length > 0))

function variantsOf(head: ScenarioHead, { variant, isCi }: Selection): readonly string[] {
  const offered = isCi && head.problems.length === 0 ? head.ci : head.variants
  if (variant === 'all') return offered
  if (variant !== undefined) return offered.filter((name) => name === variant)
  return isCi && head.problems.length === 0 ? offered : [DEFAULT_VARIANT]
}

/** Which of the filters left none of `found`, and what it could have let through. */
function whyNothing(found: readonly ScenarioHead[], { paths, tier, isCi, variant }: Selection): string {
  const where = paths.join(', ')
  if (found.length === 0) return `there is no scenario in ${where}`
  const ofTier = found.filter((head) => tier === undefined || head.tier === tier)
  if (ofTier.length === 0) {
    const tiers = TIERS.filter((one) => found.some((head) => head.tier === one))
    return `--tier: no scenario of tier '${tier}' in ${where}; there are: ${tiers.join(', ')}`
  }
  const inTier = tier === undefined ? '' : ` of tier '${tier}'`
  const ofCi = ofTier.filter(({ ci }) => !isCi || ci.length > 0)
  if (ofCi.length === 0) return `--ci: no scenario${inTier} in ${where} is in the CI set: none has the key ci`
  const offered = [...new Set(ofCi.flatMap(({ variants, ci }) => (isCi ? ci : variants)))].sort()
  const one = ofCi.length === 1 ? ofCi[0] : undefined
  const who = one === undefined ? `no scenario${inTier} in ${where}` : one.name
  const has = `has${one === undefined ? ' a' : ' no'} variant '${printable(variant ?? DEFAULT_VARIANT)}'`
  const there = `${one === undefined ? 'there are' : 'it has'}: ${offered.join(', ')}`
  return `--variant: ${who} ${has}${isCi ? ' in the CI set' : ''}; ${there}`
}
