/**
 * Reads a scenario: its file and the parts it includes become phases of steps that an engine can run, or everything that is
 * wrong with them is told with file, line and column. Whatever the files hold, reading ends soon.
 */
import { posix } from 'node:path'
import type { ActionCatalog } from '../model/action-spec.ts'
import { machineNames } from '../model/machine-names.ts'
import { isNeed, NEEDS, type Need } from '../model/need.ts'
import { listOf, oneOf } from '../model/parameters.ts'
import type { Problem } from '../model/position.ts'
import type { Scenario, Variables } from '../model/scenario.ts'
import { withoutTemplates } from '../model/template.ts'
import { checkReferences } from './check-references.ts'
import { nearest, valueAt } from './keys.ts'
import { timeout } from './kinds.ts'
import { keyPosition, type Node, positionOf, rootOf } from './node.ts'
import { Problems, ReadingEnded } from './problems.ts'
import { isVariant, readHead } from './read-head.ts'
import { readPhases } from './read-phases.ts'
import { readTopology } from './read-topology.ts'
import { variablesOf } from './read-variables.ts'
import { newBudget } from './scope.ts'
import { type FileSource, Sources } from './source-files.ts'

export { listScenarios, type ScenarioHead } from './list-scenarios.ts'

const TIMEOUT_MS = 600_000

export interface ReadRequest {
  readonly path: string
  /** Of the scenario: what `scenarioName` makes of its path. */
  readonly name: string
  /** Given by the user; texts are read as what the variables' defaults are. */
  readonly variables: Variables
  readonly variant: string
  readonly catalog: ActionCatalog
  readonly files: FileSource
}

export type ReadResult = { readonly scenario: Scenario } | { readonly problems: readonly Problem[] }

export async function readScenario(request: ReadRequest): Promise<ReadResult> {
  const path = posix.normalize(request.path)
  const problems = new Problems()
  const sources = new Sources(request.files)
  const sourced = await sources.open(path)
  if ('problem' in sourced) return { problems: [sourced.problem] }
  if ('unreadable' in sourced) {
    return { problems: [{ position: { file: path, line: 1, column: 1 }, message: sourced.unreadable }] }
  }
  try {
    const scenario = await readFile(rootOf(sourced.document), request, { problems, sources })
    if (scenario !== undefined && problems.isEmpty) return { scenario }
  } catch (error) {
    if (!(error instanceof ReadingEnded)) throw error
  }
  return { problems: problems.all }
}

async function readFile(
  node: Node,
  { name, variables, variant, catalog }: ReadRequest,
  { problems, sources }: { readonly problems: Problems; readonly sources: Sources },
): Promise<Scenario | undefined> {
  const head = readHead(node, problems)
  if (head === undefined) return undefined
  if (!isVariant(head, variant)) {
    const hint = (): string => nearest(variant, [...head.variants.keys()])
    problems.add(keyPosition(node, 'variants'), `there is no variant '${variant.slice(0, 80)}'`, hint)
  }
  const position = keyPosition(node, 'vars')
  const set = head.variants.get(variant) ?? new Map()
  const values = variablesOf(head.declared, set, variables, { problems, position })
  const known = new Map([...values].map(([name, value]) => [name, withoutTemplates(value)]))
  const context = { problems, catalog, sources, budget: newBudget(), counted: { phases: 0, steps: 0 } }
  const plain = { ...context, scope: { known, saved: new Set<string>() } }
  const timeoutMs = valueAt(node, 'timeout', timeout, TIMEOUT_MS, plain)
  const needs = valueAt<readonly string[], readonly string[]>(
    node,
    'needs',
    listOf(oneOf(Object.keys(NEEDS), '')),
    [],
    plain,
  )
  const before = problems.count
  const topology = readTopology(node, plain)
  // what a topology with problems has is not known
  const machines = problems.count === before ? machineNames(topology) : null
  const phases = await readPhases(node, known, { ...context, machines })
  checkReferences(node, head.fault, phases, problems)
  const ofSteps = phases.flatMap(({ steps }) => steps.flatMap((step) => step.needs))
  const ofDisks: readonly Need[] = Object.keys(topology.diskBytes).length > 0 ? ['small-disk'] : []
  return {
    ...{ name, proves: head.proves, fault: head.fault, tier: head.tier, variant, timeoutMs, topology },
    needs: inOrder([...needs.filter(isNeed), ...ofSteps, ...ofDisks]),
    variables: Object.fromEntries(values),
    phases: phases.map(({ phase }) => phase),
    position: positionOf(node),
    files: sources.texts,
  }
}

const inOrder = (needs: readonly Need[]): readonly Need[] =>
  Object.keys(NEEDS)
    .filter(isNeed)
    .filter((need) => needs.includes(need))
