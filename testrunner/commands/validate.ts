/** `basalt scenario validate`: reads scenarios with their parts, in every variant, and tells what is wrong. */
import { isBlockError } from '../../src/base/errors.ts'
import type { Problem } from '../model/position.ts'
import type { Variables } from '../model/scenario.ts'
import { problemText } from '../reading/problems.ts'
import { listScenarios, readScenario, type ScenarioHead } from '../reading/read-scenario.ts'
import { checkGiven, givenTo } from './given-variables.ts'
import { EXIT_INVALID, EXIT_OK, type ReadingPorts } from './ports.ts'

export interface ValidateOptions {
  /** Files and folders, as the user wrote them. */
  readonly paths: readonly string[]
  readonly variables: Variables
  readonly isJson: boolean
}

interface Validated {
  readonly name: string
  readonly path: string
  readonly variants: readonly string[]
  /** Of the variant that has most. */
  readonly steps: number
  readonly problems: readonly Problem[]
}

/** Resolves with 0, or 2 when a file is invalid or there is none. */
export async function validateCommand(options: ValidateOptions, ports: ReadingPorts): Promise<number> {
  let validated: readonly Validated[]
  try {
    validated = await validateAll(options, ports)
  } catch (error) {
    if (!isBlockError(error)) throw error
    ports.err(`${error.message}\n`)
    return EXIT_INVALID
  }
  const invalid = validated.filter(({ problems }) => problems.length > 0)
  if (options.isJson) ports.out(`${JSON.stringify(validated, null, 2)}\n`)
  else {
    for (const one of validated) ports.out(linesOf(one))
    ports.out(`${validated.length - invalid.length} valid, ${invalid.length} invalid\n`)
  }
  return invalid.length === 0 && validated.length > 0 ? EXIT_OK : EXIT_INVALID
}

async function validateAll(
  { paths, variables }: ValidateOptions,
  ports: ReadingPorts,
): Promise<readonly Validated[]> {
  const found = new Map<string, ScenarioHead>()
  for (const path of paths) {
    const heads = await listScenarios(path, ports.files)
    if (heads.length === 0) ports.err(`there is no scenario in ${path}\n`)
    for (const head of heads) found.set(head.path, head)
  }
  checkGiven(variables, [...found.values()])
  const validated: Validated[] = []
  for (const head of found.values()) validated.push(await validate(head, variables, ports))
  return validated
}

async function validate(
  head: ScenarioHead,
  given: Variables,
  { catalog, files }: ReadingPorts,
): Promise<Validated> {
  const { name, path, variants } = head
  const variables = givenTo(head, given)
  const problems = new Map<string, Problem>()
  let steps = 0
  for (const variant of variants) {
    const result = await readScenario({ path, name, variables, variant, catalog, files })
    if ('problems' in result) for (const one of result.problems) problems.set(problemText(one), one)
    else
      steps = Math.max(
        steps,
        result.scenario.phases.reduce((sum, phase) => sum + phase.steps.length, 0),
      )
  }
  return { name, path, variants, steps, problems: [...problems.values()] }
}

function linesOf({ path, variants, steps, problems }: Validated): string {
  if (problems.length > 0) return problems.map((problem) => `${problemText(problem)}\n`).join('')
  const more = variants.length === 1 ? '' : `, ${variants.length} variants`
  return `${path}: valid, ${steps} ${steps === 1 ? 'step' : 'steps'}${more}\n`
}
