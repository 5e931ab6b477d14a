/** `vars` of a scenario, `parameters` of a part, and what variants, users and phases that include a part set them to. */
import { printable } from '../../src/base/names.ts'
import { BadArgument } from '../model/parameter.ts'
import { text } from '../model/parameters.ts'
import type { Position } from '../model/position.ts'
import { DEFAULT_VARIANT, type Variables } from '../model/scenario.ts'
import { withoutTemplates } from '../model/template.ts'
import { isValueMap, type Value } from '../model/value.ts'
import { checkKeys, groupAt, nearest, plainAt } from './keys.ts'
import { variableName, wordName } from './kinds.ts'
import { childOf, entriesOf, isMapNode, keyPosition, type Node, positionOf } from './node.ts'
import type { Problems } from './problems.ts'
import { parseKnown, ROUND } from './scope.ts'

export interface Declared {
  readonly name: string
  /** Null: nothing, as if who uses it were not written. Undefined: whoever includes the part gives it. */
  readonly default: Value | undefined
  readonly help: string | null
  readonly position: Position
}

/** What is declared at `key`. Variables have defaults, for a scenario runs without anybody giving values. */
export function readDeclared(
  node: Node,
  key: 'vars' | 'parameters',
  problems: Problems,
): ReadonlyMap<string, Declared> {
  const declared = new Map<string, Declared>()
  for (const [name, value] of groupAt(node, key, problems)) {
    const position = keyPosition(childOf(node, key) ?? node, name)
    if (parseKnown(withoutTemplates(name), variableName, { what: key, position, problems }) === undefined)
      continue
    if (name === ROUND) problems.add(position, `'${ROUND}' is the number of a phase's round`)
    else declared.set(name, declaredAt(name, value, { position, key, problems }))
  }
  return declared
}

function declaredAt(
  name: string,
  node: Node,
  {
    position,
    key,
    problems,
  }: { readonly position: Position; readonly key: 'vars' | 'parameters'; readonly problems: Problems },
): Declared {
  if (!isMapNode(node)) {
    const value = node.value as Value
    if (value === null) problems.add(position, `${name} has no default`, 'write {default: null} for none')
    return { name, default: literal(value, node, problems), help: null, position }
  }
  checkKeys(node, ['default', 'help'], `variable ${name}`, problems)
  const help = plainAt(node, 'help', text(''), null, problems)
  const value = entriesOf(node).find(([one]) => one === 'default')?.[1]
  if (value === undefined && key === 'vars') problems.add(position, `${name} has no default`)
  const otherwise = key === 'vars' ? null : undefined
  return {
    ...{ name, help, position },
    default: value === undefined ? otherwise : literal(value.value as Value, value, problems),
  }
}

/** Templates in values of variables would be read by nobody. */
function literal(value: Value, node: Node, problems: Problems): Value {
  if (hasTemplate(value))
    problems.add(positionOf(node), 'a variable is a plain value: templates are not read here')
  return value
}

function hasTemplate(value: Value): boolean {
  if (typeof value === 'string') return value.includes('{{')
  if (Array.isArray(value)) return (value as readonly Value[]).some(hasTemplate)
  return isValueMap(value) && Object.values(value).some(hasTemplate)
}

export type Variants = ReadonlyMap<string, ReadonlyMap<string, Value>>

/** What each variant sets, the default, which sets nothing, among them. */
export function readVariants(
  node: Node,
  declared: ReadonlyMap<string, Declared>,
  problems: Problems,
): Variants {
  const variants = new Map<string, ReadonlyMap<string, Value>>([[DEFAULT_VARIANT, new Map()]])
  for (const [name, settings] of groupAt(node, 'variants', problems)) {
    const position = keyPosition(childOf(node, 'variants') ?? node, name)
    if (parseKnown(withoutTemplates(name), wordName, { what: 'variants', position, problems }) === undefined)
      continue
    if (name === DEFAULT_VARIANT) {
      problems.add(position, `'${DEFAULT_VARIANT}' is the scenario with its variables' defaults`)
      continue
    }
    checkKeys(settings, [...declared.keys()], `variant ${name}`, problems)
    variants.set(name, readSettings(settings, declared, problems))
  }
  return variants
}

function readSettings(
  node: Node,
  declared: ReadonlyMap<string, Declared>,
  problems: Problems,
): ReadonlyMap<string, Value> {
  const settings = new Map<string, Value>()
  for (const [name, value] of entriesOf(node)) {
    const variable = declared.get(name)
    if (variable === undefined) continue
    const typed = typedAs(
      variable,
      literal(value.value as Value, value, problems),
      positionOf(value),
      problems,
    )
    if (typed !== undefined) settings.set(name, typed)
  }
  return settings
}

/** Values of a run: defaults, then the variant's, then what the user gave. */
export function variablesOf(
  declared: ReadonlyMap<string, Declared>,
  variant: ReadonlyMap<string, Value>,
  given: Variables,
  { problems, position }: { readonly problems: Problems; readonly position: Position },
): ReadonlyMap<string, Value> {
  const values = new Map<string, Value>()
  for (const [name, variable] of declared) values.set(name, variant.get(name) ?? variable.default ?? null)
  for (const [name, value] of Object.entries(given)) {
    const variable = declared.get(name)
    if (variable === undefined) {
      const hint = (): string => nearest(name, [...declared.keys()])
      problems.add(position, `the scenario has no variable '${printable(name)}', which was given`, hint)
      continue
    }
    const typed = typedAs(variable, value, variable.position, problems)
    if (typed !== undefined) values.set(name, typed)
  }
  return values
}

/** A value of the same kind as the variable's default; texts, as a command line gives them, are read as that kind. */
function typedAs(
  variable: Declared,
  value: Value,
  position: Position,
  problems: Problems,
): Value | undefined {
  try {
    return likeDefault(variable.default ?? null, value)
  } catch (error) {
    if (!(error instanceof BadArgument)) throw error
    const given = typeof value === 'object' ? '' : ` '${printable(`${value}`)}'`
    problems.add(position, `variable ${variable.name}:${given} ${error.message}, like its default`)
    return undefined
  }
}

function likeDefault(standard: Value, value: Value): Value {
  if (standard === null) return value
  if (Array.isArray(standard)) {
    if (typeof value === 'string') return value === '' ? [] : value.split(',').map((item) => item.trim())
    if (!Array.isArray(value)) throw new BadArgument('is not a list')
    return value
  }
  if (isValueMap(standard)) {
    if (!isValueMap(value)) throw new BadArgument('is not a group of keys')
    return value
  }
  if (typeof value === 'object') throw new BadArgument('is not one value')
  if (typeof standard === 'number') return asNumber(value)
  if (typeof standard === 'boolean') return asTruth(value)
  return `${value}`
}

function asNumber(value: string | number | boolean): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new BadArgument('is not a number')
  return number
}

function asTruth(value: string | number | boolean): boolean {
  if (value === true || value === 'true') return true
  if (value === false || value === 'false') return false
  throw new BadArgument('is not true or false')
}
