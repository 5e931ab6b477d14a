/** One step of a phase, held against the action that it names. */
import { printable } from '../../src/base/names.ts'
import type { ActionSpec } from '../model/action-spec.ts'
import type { Need } from '../model/need.ts'
import type { MachineLetter } from '../model/parameter.ts'
import { integer, text, truth } from '../model/parameters.ts'
import type { Position } from '../model/position.ts'
import type { Step } from '../model/scenario.ts'
import type { Value } from '../model/value.ts'
import { checkKeys, isGroup, nearest, plainAt, valueAt } from './keys.ts'
import { timeout, variableName, wordName } from './kinds.ts'
import { childOf, keyPosition, type Node, positionOf } from './node.ts'
import { type Complaint, isForTheRun, parseKnown, ROUND, type Substitution, substitute } from './scope.ts'

/** Keys of every step. What an action takes has other names. */
const STEP_KEYS = [
  ...(['action', 'id', 'because_of', 'save_as', 'retry', 'timeout', 'ignore_error'] as const),
] as const

const RETRIES_MAX = 20

/** A step, with what is asked of the whole scenario about it. */
export interface ReadStep {
  readonly step: Step
  /** Null when there is no such action, which a problem tells. */
  readonly isFault: boolean | null
  readonly needs: readonly Need[]
  readonly idPosition: Position
  readonly becauseOfPosition: Position
}

export interface StepContext extends Substitution {
  readonly catalog: ReadonlyMap<string, ActionSpec>
  /** Names of all that the topology has; null when it is not known. */
  readonly machines: readonly string[] | null
}

/** Undefined with problems when it is no step at all. A step with lesser problems is still a step, for what refers to it. */
export function readStep(node: Node, context: StepContext): ReadStep | undefined {
  const { problems, catalog } = context
  const name = readActionName(node, context)
  if (name === undefined) return undefined
  const spec = catalog.get(name.text)
  if (spec === undefined) {
    const hint = (): string => nearest(name.text, [...catalog.keys()])
    problems.add(name.position, `there is no action '${printable(name.text)}'`, hint)
  } else checkKeys(node, [...STEP_KEYS, ...Object.keys(spec.parameters)], `a step ${spec.name}`, problems)
  const given = spec === undefined ? [] : readArguments(node, spec, context)
  return {
    step: {
      action: name.text,
      id: valueAt(node, 'id', wordName, null, context),
      becauseOf: valueAt(node, 'because_of', wordName, null, context),
      arguments: Object.fromEntries(given.map(({ key, value }) => [key, value])),
      saveAs: readSaveAs(node, spec, context),
      isErrorIgnored: valueAt(node, 'ignore_error', truth(''), false, context),
      retries: valueAt(node, 'retry', integer('', 0, RETRIES_MAX), 0, context),
      timeoutMs: valueAt(node, 'timeout', timeout, null, context),
      position: positionOf(node),
      argumentPositions: Object.fromEntries(given.map(({ key, position }) => [key, position])),
    },
    isFault: spec?.isFault ?? null,
    needs: spec?.needs ?? [],
    idPosition: keyPosition(node, 'id'),
    becauseOfPosition: keyPosition(node, 'because_of'),
  }
}

function readActionName(
  node: Node,
  { problems }: StepContext,
): { readonly text: string; readonly position: Position } | undefined {
  if (!isGroup(node, 'a step', problems)) return undefined
  const child = childOf(node, 'action')
  if (child === undefined) {
    problems.add(positionOf(node), 'a step names its action')
    return undefined
  }
  const name = plainAt(node, 'action', text(''), undefined, problems)
  return name === undefined ? undefined : { text: name.slice(0, 80), position: positionOf(child) }
}

interface Argument {
  readonly key: string
  readonly value: Value
  readonly position: Position
}

function readArguments(node: Node, spec: ActionSpec, context: StepContext): readonly Argument[] {
  const given: Argument[] = []
  for (const [key, parameter] of Object.entries(spec.parameters)) {
    const child = childOf(node, key)
    const value = child === undefined ? null : substitute(child, context)
    if (value === undefined) continue
    if (child === undefined || value === null) {
      if (parameter.isRequired) {
        context.problems.add(positionOf(node), `${spec.name}: ${key} is missing: ${parameter.help}`)
      }
      continue
    }
    const position = positionOf(child)
    if (!isForTheRun(value)) parseKnown(value, parameter, { what: key, position, problems: context.problems })
    checkMachines(value, parameter.machines, { what: key, position, ...context })
    given.push({ key, value, position })
  }
  return given
}

const MACHINES = { s: 'server', m: 'master', h: 'host' } as const

/** Names like s9 that the topology does not have. What else may name a machine shows in a run. */
function checkMachines(
  value: Value,
  letters: readonly MachineLetter[] | undefined,
  { what, position, problems, machines }: Complaint & Pick<StepContext, 'machines'>,
): void {
  if (letters === undefined || machines === null) return
  const [letter] = letters
  const kind = letters.length === 1 && letter !== undefined ? MACHINES[letter] : 'machine'
  const names = machines.filter((name) => letters.some((one) => name.startsWith(one)))
  for (const name of Array.isArray(value) ? (value as readonly Value[]) : [value]) {
    if (typeof name !== 'string' || !/^[smh]\d{1,9}$/.test(name) || names.includes(name)) continue
    const hint = (): string => (names.length === 0 ? 'the topology has none' : nearest(name, names))
    problems.add(position, `${what}: no ${kind} is named '${name}'`, hint)
  }
}

function readSaveAs(node: Node, spec: ActionSpec | undefined, context: StepContext): string | null {
  const name = valueAt(node, 'save_as', variableName, null, context)
  if (name === null) return null
  const { problems, scope } = context
  const position = keyPosition(node, 'save_as')
  if (spec?.result === null) problems.add(position, `${spec.name} has no result to save`)
  if (scope.known.has(name) || name === ROUND) {
    problems.add(position, `'${name}' is a variable; save the result under another name`)
  }
  return name
}
