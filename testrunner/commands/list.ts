/** `basalt scenario list`. */
import { diskFiles } from '../reading/disk-files.ts'
import type { ScenarioHead } from '../reading/list-scenarios.ts'
import { problemText } from '../reading/problems.ts'
import type { Output } from './options.ts'
import { findScenarios } from './select-scenarios.ts'

export interface ListOptions {
  readonly paths: readonly string[]
  readonly tier: string | undefined
  readonly isCi: boolean
  readonly isJson: boolean
}

/** 0, or 2 when one cannot be read. */
export async function listCommand(
  { paths, tier, isCi, isJson }: ListOptions,
  { stdout }: { readonly stdout: Output },
): Promise<number> {
  const all = (await findScenarios(paths, diskFiles)).map(({ head }) => head)
  const heads = all.filter(
    (head) => (tier === undefined || head.tier === tier) && (!isCi || head.ci.length > 0),
  )
  if (isJson) stdout.write(`${JSON.stringify(heads, undefined, 2)}\n`)
  else stdout.write(heads.map(lines).join(''))
  return heads.some(({ problems }) => problems.length > 0) ? 2 : 0
}

function lines({ name, tier, proves, fault, variants, ci, problems }: ScenarioHead): string {
  const others = variants.filter((variant) => variant !== 'default')
  const notes = [
    tier,
    ...(fault === null ? [] : [`fault: ${fault}`]),
    ...(others.length === 0 ? [] : [`variants: ${others.join(', ')}`]),
    ...(ci.length === 0 ? [] : [`CI: ${ci.join(', ')}`]),
  ]
  const told = problems.map((problem) => `    ${problemText(problem)}\n`).join('')
  return `${name} (${notes.join('; ')})\n    ${proves}\n${told}`
}
