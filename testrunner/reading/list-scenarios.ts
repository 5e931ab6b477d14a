/** What there is in a folder of scenarios, without reading their phases. */
import { posix } from 'node:path'
import type { Problem } from '../model/position.ts'
import { DEFAULT_VARIANT, type Tier } from '../model/scenario.ts'
import type { Value } from '../model/value.ts'
import { rootOf } from './node.ts'
import { Problems, ReadingEnded } from './problems.ts'
import { type Head, readHead } from './read-head.ts'
import { scenarioName, scenarioPaths } from './scenario-paths.ts'
import { type FileSource, Sources } from './source-files.ts'

export interface ScenarioHead {
  readonly name: string
  readonly path: string
  readonly proves: string
  readonly fault: string | null
  readonly tier: Tier
  /** `default` first. */
  readonly variants: readonly string[]
  /** Variants of the CI set; empty: not in it. */
  readonly ci: readonly string[]
  readonly variables: readonly {
    readonly name: string
    readonly default: Value
    readonly help: string | null
  }[]
  /** What is wrong with what is told here; phases are not looked at. */
  readonly problems: readonly Problem[]
}

/** `path`: a file, or a folder. Rejects with BlockError as `scenarioPaths` does. */
export async function listScenarios(path: string, files: FileSource): Promise<readonly ScenarioHead[]> {
  const folder = (await files.isDirectory(path)) ? path : posix.dirname(path)
  const heads: ScenarioHead[] = []
  for (const file of await scenarioPaths(path, files)) {
    heads.push({ ...(await headOf(file, files)), name: scenarioName(file, folder), path: file })
  }
  return heads
}

async function headOf(path: string, files: FileSource): Promise<Omit<ScenarioHead, 'name' | 'path'>> {
  const sourced = await new Sources(files).open(path)
  if ('problem' in sourced) return told(undefined, [sourced.problem])
  if ('unreadable' in sourced) {
    return told(undefined, [{ position: { file: path, line: 1, column: 1 }, message: sourced.unreadable }])
  }
  const problems = new Problems()
  let head: Head | undefined
  try {
    head = readHead(rootOf(sourced.document), problems)
  } catch (error) {
    if (!(error instanceof ReadingEnded)) throw error
  }
  return told(head, problems.all)
}

const told = (head: Head | undefined, problems: readonly Problem[]): Omit<ScenarioHead, 'name' | 'path'> => ({
  proves: head?.proves ?? '',
  fault: head?.fault ?? null,
  tier: head?.tier ?? 'core',
  variants: head === undefined ? [DEFAULT_VARIANT] : [...head.variants.keys()],
  ci: head?.ci ?? [],
  variables: [...(head?.declared.values() ?? [])].map((declared) => ({
    ...{ name: declared.name, default: declared.default ?? null, help: declared.help },
  })),
  problems,
})
