/** `basalt scenario validate`: what is wrong with scenarios, in every variant, without running anything. */
import { CATALOG } from '../actions/all.ts'
import type { Variables } from '../model/scenario.ts'
import { diskFiles } from '../reading/disk-files.ts'
import { problemText } from '../reading/problems.ts'
import type { Output } from './options.ts'
import { selectScenarios } from './select-scenarios.ts'

export interface ValidateOptions {
  readonly paths: readonly string[]
  readonly variables: Variables
  readonly isJson: boolean
}

/** 0, or 2 with a problem. */
export async function validateCommand(
  { paths, variables, isJson }: ValidateOptions,
  { stdout }: { readonly stdout: Output },
): Promise<number> {
  const selection = { paths, variables, variant: 'all', tier: undefined, isCi: false }
  const { scenarios, problems } = await selectScenarios(selection, { files: diskFiles, catalog: CATALOG })
  const names = [...new Set(scenarios.map(({ name }) => name))]
  if (isJson) stdout.write(`${JSON.stringify({ valid: names, problems }, undefined, 2)}\n`)
  else {
    for (const problem of problems) stdout.write(`${problemText(problem)}\n`)
    const files = new Set(problems.map(({ position }) => position.file)).size
    const wrong = `${problems.length} problems in ${files} files`
    stdout.write(problems.length === 0 ? `${names.length} scenarios are valid\n` : `${wrong}\n`)
  }
  return problems.length === 0 ? 0 : 2
}
