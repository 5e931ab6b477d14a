/** What a scenario's file says of the whole: what it proves, its variables and variants, where it belongs. */
import { oneOf, text } from '../model/parameters.ts'
import { DEFAULT_VARIANT, TIERS, type Tier } from '../model/scenario.ts'
import { checkKeys, listAt, nearest, plain, plainAt } from './keys.ts'
import { sentence, wordName } from './kinds.ts'
import { childOf, type Node, positionOf } from './node.ts'
import type { Problems } from './problems.ts'
import { type Declared, readDeclared, readVariants, type Variants } from './read-variables.ts'

const SCENARIO_KEYS = [
  ...(['proves', 'fault', 'tier', 'timeout', 'needs', 'vars', 'variants', 'ci'] as const),
  ...(['topology', 'phases'] as const),
] as const

export interface Head {
  readonly proves: string
  readonly fault: string | null
  readonly tier: Tier
  readonly declared: ReadonlyMap<string, Declared>
  readonly variants: Variants
  /** Variants of the CI set. */
  readonly ci: readonly string[]
}

/** Undefined with a problem when the file is not a group of keys. */
export function readHead(scenario: Node, problems: Problems): Head | undefined {
  if (!checkKeys(scenario, SCENARIO_KEYS, 'a scenario', problems)) return undefined
  if (childOf(scenario, 'proves') === undefined) {
    problems.add(positionOf(scenario), 'a scenario says what it proves', 'write proves: and one sentence')
  }
  const declared = readDeclared(scenario, 'vars', problems)
  const variants = readVariants(scenario, declared, problems)
  return {
    proves: plainAt(scenario, 'proves', sentence, '', problems),
    fault: plainAt(scenario, 'fault', wordName, null, problems),
    tier: plainAt(scenario, 'tier', oneOf(TIERS, ''), 'core', problems),
    declared,
    variants,
    ci: readCi(scenario, variants, problems),
  }
}

function readCi(scenario: Node, variants: Variants, problems: Problems): readonly string[] {
  const ci: string[] = []
  for (const item of listAt(scenario, 'ci', problems)) {
    const name = plain(item, text(''), 'ci', problems)
    if (name === undefined) continue
    if (!variants.has(name)) {
      problems.add(positionOf(item), `ci: there is no variant '${name.slice(0, 80)}'`, () =>
        nearest(name, [...variants.keys()]),
      )
    }
    ci.push(name)
  }
  return [...new Set(ci)]
}

export const isVariant = (head: Head, name: string): boolean =>
  name === DEFAULT_VARIANT || head.variants.has(name)
