/** Phases, with the parts that they include put in their places. */
import { posix } from 'node:path'
import { printable } from '../../src/base/names.ts'
import { integer, oneOf, text, truth } from '../model/parameters.ts'
import type { Position } from '../model/position.ts'
import type { Phase } from '../model/scenario.ts'
import { withoutTemplates } from '../model/template.ts'
import type { Value } from '../model/value.ts'
import { checkKeys, groupAt, listAt, nearest, plainAt, valueAt } from './keys.ts'
import { sentence } from './kinds.ts'
import { childOf, keyPosition, type Node, positionOf, rootOf } from './node.ts'
import { type ReadStep, readStep, type StepContext } from './read-step.ts'
import { readDeclared } from './read-variables.ts'
import { type KnownValues, type Scope, substitute } from './scope.ts'
import type { SourceDocument, Sources } from './source-files.ts'

const INCLUDE_DEPTH_MAX = 8
const PHASES_MAX = 500
const STEPS_MAX = 2_000

const PHASE_KEYS = ['name', 'always', 'parallel', 'repeat', 'aggregate', 'trim_pct', 'actions'] as const
const INCLUDE_KEYS = ['name', 'always', 'include', 'include_params'] as const
const PART_KEYS = ['parameters', 'phases'] as const

export interface ReadPhase {
  readonly phase: Phase
  readonly steps: readonly ReadStep[]
}

/** What is the same for all files of a scenario. */
export interface PhasesContext extends Omit<StepContext, 'scope'> {
  readonly sources: Sources
  readonly counted: { phases: number; steps: number }
}

/** Where phases stand: in which file, below which others. */
interface Place {
  /** Files that include each other on the way to here, the scenario's own first. */
  readonly files: readonly string[]
  /** Of the phase whose place these take; empty in the scenario's own file. */
  readonly prefix: string
  readonly isAlways: boolean
  readonly known: KnownValues
  /** Grows as steps save. */
  readonly saved: Set<string>
}

/** The phases of a scenario's own file. */
export async function readPhases(
  scenario: Node,
  known: KnownValues,
  context: PhasesContext,
): Promise<readonly ReadPhase[]> {
  const place = {
    files: [scenario.document.path],
    prefix: '',
    isAlways: false,
    known,
    saved: new Set<string>(),
  }
  return await readList(scenario, place, context)
}

async function readList(node: Node, place: Place, context: PhasesContext): Promise<readonly ReadPhase[]> {
  const nodes = listAt(node, 'phases', context.problems, 'there are no phases')
  const phases: ReadPhase[] = []
  for (const phase of nodes) {
    if (++context.counted.phases > PHASES_MAX) {
      context.problems.end(positionOf(phase), `more than ${PHASES_MAX} phases`)
    }
    if (childOf(phase, 'include') === undefined) phases.push(...readOwn(phase, place, context))
    else phases.push(...(await readIncluded(phase, place, context)))
  }
  return phases
}

function readOwn(node: Node, place: Place, context: PhasesContext): readonly ReadPhase[] {
  const { problems } = context
  if (!checkKeys(node, [...PHASE_KEYS, 'include', 'include_params'], 'a phase', problems)) return []
  if (childOf(node, 'include_params') !== undefined) {
    problems.add(keyPosition(node, 'include_params'), 'include_params without include')
  }
  const scope: Scope = { known: place.known, saved: new Set(place.saved) }
  const isParallel = valueAt(node, 'parallel', truth(''), false, { ...context, scope })
  const steps = isParallel ? readParallel(node, scope, context) : readInTurn(node, scope, context)
  for (const { step } of steps) if (step.saveAs !== null) place.saved.add(step.saveAs)
  const at = { ...context, scope }
  const phase: Phase = {
    name: readName(node, place, context),
    isAlways: valueAt(node, 'always', truth(''), false, at) || place.isAlways,
    isParallel,
    repeat: valueAt(node, 'repeat', integer('', 1, 100), 1, at),
    aggregate: valueAt(node, 'aggregate', oneOf(['median', 'mean', 'none'], ''), 'none', at),
    trimPercent: valueAt(node, 'trim_pct', integer('', 0, 49), 20, at),
    steps: steps.map(({ step }) => step),
    position: positionOf(node),
  }
  return [{ phase, steps }]
}

function readName(node: Node, place: Place, { problems }: PhasesContext): string {
  const name = plainAt(node, 'name', sentence, undefined, problems)
  if (name === undefined && childOf(node, 'name') === undefined) {
    problems.add(positionOf(node), 'a phase has a name')
  }
  return `${place.prefix}${printable(name ?? '')}`
}

function readInTurn(node: Node, scope: Scope, context: PhasesContext): readonly ReadStep[] {
  const saved = new Set(scope.saved)
  const steps: ReadStep[] = []
  for (const item of stepNodes(node, context)) {
    const read = readStep(item, { ...context, scope: { known: scope.known, saved } })
    if (read === undefined) continue
    if (read.step.saveAs !== null) saved.add(read.step.saveAs)
    steps.push(read)
  }
  return steps
}

/** Steps that run at once see nothing of each other. */
function readParallel(node: Node, scope: Scope, context: PhasesContext): readonly ReadStep[] {
  const saved = new Map<string, Position>()
  const steps: ReadStep[] = []
  for (const item of stepNodes(node, context)) {
    const read = readStep(item, { ...context, scope })
    if (read === undefined) continue
    const { saveAs } = read.step
    if (saveAs !== null && saved.has(saveAs)) {
      const message = `'${saveAs}' is saved twice in a parallel phase; which is last is chance`
      context.problems.add(keyPosition(item, 'save_as'), message)
    }
    if (saveAs !== null) saved.set(saveAs, positionOf(item))
    steps.push(read)
  }
  return steps
}

function stepNodes(node: Node, { problems, counted }: PhasesContext): readonly Node[] {
  const nodes = listAt(node, 'actions', problems, 'a phase has actions, or includes a part')
  counted.steps += nodes.length
  if (counted.steps > STEPS_MAX) problems.end(positionOf(node), `more than ${STEPS_MAX} steps`)
  return nodes
}

/** What a part's phases are, in place of the one that includes it. */
async function readIncluded(node: Node, place: Place, context: PhasesContext): Promise<readonly ReadPhase[]> {
  const { problems } = context
  checkKeys(node, INCLUDE_KEYS, 'a phase that includes a part', problems)
  const prefix = `${readName(node, place, context)}: `
  const path = pathOf(node, place, context)
  const document = path === undefined ? undefined : await openPart(node, path, context)
  if (document === undefined || path === undefined) return []
  const part = rootOf(document)
  const scope: Scope = { known: place.known, saved: place.saved }
  const isAlways = valueAt(node, 'always', truth(''), false, { ...context, scope }) || place.isAlways
  const known = readParameters(node, part, scope, context)
  const saved = new Set<string>()
  problems.includedAt.push(positionOf(node))
  checkKeys(part, PART_KEYS, 'a part', problems)
  const below = { files: [...place.files, path], prefix, isAlways, known, saved }
  const phases = await readList(part, below, context)
  problems.includedAt.pop()
  for (const name of saved) {
    if (place.known.has(name)) {
      problems.add(keyPosition(node, 'include'), `the part saves '${name}', which is a variable here`)
    }
    place.saved.add(name)
  }
  return phases
}

/** Undefined with a problem when the part cannot be included from here. */
function pathOf(node: Node, place: Place, { problems }: PhasesContext): string | undefined {
  const written = plainAt(node, 'include', text(''), undefined, problems)
  if (written === undefined) return undefined
  const position = keyPosition(node, 'include')
  if (posix.isAbsolute(written) || !/\.ya?ml$/.test(written)) {
    problems.add(position, 'include: name a .yaml file, relative to this one')
    return undefined
  }
  const path = posix.join(posix.dirname(node.document.path), written)
  if (place.files.includes(path)) {
    const chain = [...place.files.slice(place.files.indexOf(path)), path].map(printable)
    problems.add(position, `the file includes itself: ${chain.join(' → ')}`)
    return undefined
  }
  if (place.files.length > INCLUDE_DEPTH_MAX) {
    problems.add(position, `parts are included more than ${INCLUDE_DEPTH_MAX} deep`)
    return undefined
  }
  return path
}

async function openPart(
  node: Node,
  path: string,
  { sources, problems }: PhasesContext,
): Promise<SourceDocument | undefined> {
  const sourced = await sources.open(path)
  if ('document' in sourced) return sourced.document
  if ('problem' in sourced)
    problems.add(sourced.problem.position, sourced.problem.message, sourced.problem.hint)
  else problems.add(keyPosition(node, 'include'), `include: ${sourced.unreadable}`)
  return undefined
}

function readParameters(node: Node, part: Node, scope: Scope, context: PhasesContext): KnownValues {
  const { problems } = context
  const declared = readDeclared(part, 'parameters', problems)
  const known = new Map<string, Value | undefined>()
  const given = new Map(groupAt(node, 'include_params', problems))
  for (const name of given.keys()) {
    if (declared.has(name)) continue
    const position = keyPosition(childOf(node, 'include_params') ?? node, name)
    problems.add(position, `the part has no parameter '${printable(name)}'`, () =>
      nearest(name, [...declared.keys()]),
    )
  }
  for (const [name, { default: standard, help }] of declared) {
    const value = given.get(name)
    if (value !== undefined) known.set(name, substitute(value, { ...context, scope }))
    else if (standard !== undefined) known.set(name, withoutTemplates(standard))
    else {
      known.set(name, undefined)
      const message = `the part's parameter ${name} is missing${help === null ? '' : `: ${help}`}`
      problems.add(keyPosition(node, 'include'), message)
    }
  }
  return known
}
