/**
 * Which names a template may use, and what becomes of it at reading. Variables and parameters are known then and are put in;
 * what steps save is known only in a run, so those names stay, checked to be there.
 */
import { printable } from '../../src/base/names.ts'
import { suggest } from '../../src/config/suggest.ts'
import { BadArgument, type Parameter } from '../model/parameter.ts'
import type { Position } from '../model/position.ts'
import {
  type Piece,
  parseTemplate,
  resolveTemplates,
  select,
  templateText,
  written,
} from '../model/template.ts'
import { isValueMap, type Value } from '../model/value.ts'
import { entriesOf, isListNode, isMapNode, itemsOf, type Node, positionOf } from './node.ts'
import type { Problems } from './problems.ts'

/** The number of the round of a phase that is repeated, from 1. */
export const ROUND = 'round'

/** Of one argument, and of all together, after templates were replaced. */
const VALUE_CHARACTERS_MAX = 64 * 1024
const ALL_CHARACTERS_MAX = 16 * 1024 * 1024

/** Undefined: there should be a value, and a problem says why there is none. */
export type KnownValues = ReadonlyMap<string, Value | undefined>

export interface Scope {
  /** Values of variables or parameters, in which a template stands for what is saved in the run. */
  readonly known: KnownValues
  /** What steps before save. */
  readonly saved: ReadonlySet<string>
}

export interface Budget {
  charactersLeft: number
}
export const newBudget = (): Budget => ({ charactersLeft: ALL_CHARACTERS_MAX })

export interface Substitution {
  readonly scope: Scope
  readonly problems: Problems
  readonly budget: Budget
}

/** The value of `node` with what is known put in; undefined when there are problems. */
export function substitute(node: Node, context: Substitution): Value | undefined {
  const value = substituted(node, context)
  if (value === undefined) return undefined
  const left = weigh(value, VALUE_CHARACTERS_MAX)
  if (left < 0) {
    const message = `more than ${VALUE_CHARACTERS_MAX / 1024}KiB when its templates are replaced`
    context.problems.add(positionOf(node), message)
    return undefined
  }
  context.budget.charactersLeft -= VALUE_CHARACTERS_MAX - left
  if (context.budget.charactersLeft < 0) {
    context.problems.end(positionOf(node), 'the scenario is too large when its templates are replaced')
  }
  return value
}

function substituted(node: Node, context: Substitution): Value | undefined {
  if (isListNode(node)) return substitutedList(itemsOf(node), context)
  if (isMapNode(node)) {
    const entries = entriesOf(node)
    const values = substitutedList(
      entries.map(([, value]) => value),
      context,
    )
    return values && Object.fromEntries(entries.map(([key], index) => [key, values[index] ?? null]))
  }
  if (typeof node.value !== 'string') return node.value as Value
  try {
    return substituteText(node.value, context.scope)
  } catch (error) {
    if (!(error instanceof BadArgument)) throw error
    if (error instanceof ToldBefore) return undefined
    const hint = error instanceof UnknownName ? () => hintFor(error.unknown, context.scope) : undefined
    context.problems.add(positionOf(node), error.message, hint)
    return undefined
  }
}

function substitutedList(nodes: readonly Node[], context: Substitution): readonly Value[] | undefined {
  const values = nodes.map((node) => substituted(node, context))
  return values.every((value) => value !== undefined) ? values : undefined
}

function substituteText(text: string, scope: Scope): Value {
  if (!text.includes('{{')) return text
  const pieces = parseTemplate(text)
  const [only] = pieces
  if (only !== undefined && pieces.length === 1 && 'path' in only) return valueAt(only.path, scope)
  const flat = pieces.flatMap((piece): readonly Piece[] =>
    'text' in piece ? [piece] : piecesOf(valueAt(piece.path, scope), piece.path.join('.')),
  )
  return templateText(flat, VALUE_CHARACTERS_MAX)
}

/** A value within other text: what it says, and the templates that stay in it. */
const piecesOf = (value: Value, name: string): readonly Piece[] => parseTemplate(written(value, name))

function valueAt(path: readonly [string, ...string[]], scope: Scope): Value {
  const [name, ...rest] = path
  if (!scope.known.has(name)) {
    if (name !== ROUND && !scope.saved.has(name)) throw new UnknownName(name)
    return templateText([{ path }], VALUE_CHARACTERS_MAX)
  }
  const known = scope.known.get(name)
  if (known === undefined) throw new ToldBefore()
  const later = typeof known === 'string' && rest.length > 0 ? onlyPath(known) : undefined
  if (later !== undefined) return templateText([{ path: [...later, ...rest] }], VALUE_CHARACTERS_MAX)
  return select(known, name, rest)
}

/** The path when `text` is one template and nothing else. */
function onlyPath(text: string): readonly [string, ...string[]] | undefined {
  const pieces = text.includes('{{') ? parseTemplate(text) : []
  const [only] = pieces
  return only !== undefined && pieces.length === 1 && 'path' in only ? only.path : undefined
}

class UnknownName extends BadArgument {
  readonly unknown: string

  constructor(name: string) {
    super(`nothing is named '${printable(name)}' here`)
    this.unknown = name
  }
}

class ToldBefore extends BadArgument {}

function hintFor(name: string, scope: Scope): string {
  const names = [...scope.known.keys(), ...scope.saved, ROUND]
  const near = suggest(name.slice(0, 80), names)
  return near === undefined
    ? `there are ${names.slice(0, 30).join(', ')}; save_as names the result of a step for those after it`
    : `did you mean '${near}'?`
}

/** What is left of `left` characters after `value`; below 0 as soon as it is too large. */
function weigh(value: Value, left: number): number {
  if (typeof value !== 'object' || value === null) return left - `${value}`.length - 1
  let rest = left - 1
  for (const [key, item] of Object.entries(value)) {
    rest = weigh(item as Value, rest - key.length)
    if (rest < 0) return rest
  }
  return rest
}

/** Whether names stay that only a run knows. */
export function isForTheRun(value: Value): boolean {
  if (typeof value === 'string')
    return value.includes('{{') && parseTemplate(value).some((piece) => 'path' in piece)
  if (Array.isArray(value)) return (value as readonly Value[]).some(isForTheRun)
  return isValueMap(value) && Object.values(value).some(isForTheRun)
}

/**
 * What `parameter` makes of a value that has to be known before the run; undefined with a problem when it is not, or when
 * the parameter does not take it. `what` begins the problem.
 */
export function readKnown<T>(
  node: Node,
  parameter: Parameter<T>,
  what: string,
  context: Substitution,
): T | undefined {
  const value = substitute(node, context)
  if (value === undefined) return undefined
  if (isForTheRun(value)) {
    const message = `${what}: must be known before the run; only variables and parameters are`
    context.problems.add(positionOf(node), message)
    return undefined
  }
  return parseKnown(value, parameter, { what, position: positionOf(node), problems: context.problems })
}

export interface Complaint {
  readonly what: string
  readonly position: Position
  readonly problems: Problems
}

/** The same for a value without names of the run. */
export function parseKnown<T>(
  value: Value,
  parameter: Parameter<T>,
  { what, position, problems }: Complaint,
): T | undefined {
  try {
    return parameter.parse(resolveTemplates(value, {}))
  } catch (error) {
    if (!(error instanceof BadArgument)) throw error
    problems.add(position, `${what}: ${error.message}`)
    return undefined
  }
}
