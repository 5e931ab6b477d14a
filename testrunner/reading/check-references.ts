/** What only the whole scenario shows: names that are twice there, the fault, and what depends on it. */
import { nearest } from './keys.ts'
import { keyPosition, type Node } from './node.ts'
import type { Problems } from './problems.ts'
import type { ReadPhase } from './read-phases.ts'
import type { ReadStep } from './read-step.ts'

export function checkReferences(
  scenario: Node,
  fault: string | null,
  phases: readonly ReadPhase[],
  problems: Problems,
): void {
  checkPhaseNames(phases, problems)
  const steps = phases.flatMap((phase) => phase.steps)
  const byId = stepsById(steps, problems)
  checkFault(scenario, fault, { steps, byId, problems })
  for (const read of steps) {
    const { becauseOf } = read.step
    if (becauseOf === null) continue
    const cause = byId.get(becauseOf)
    const position = read.becauseOfPosition
    if (cause === undefined) {
      problems.add(position, `because_of: no step has the id '${becauseOf}'`, () =>
        nearest(becauseOf, [...byId.keys()]),
      )
    } else if (cause.isFault === false) {
      problems.add(position, `because_of: ${cause.step.action}, the step '${becauseOf}', does no harm`)
    }
  }
}

/** Reports name a step by its phase. */
function checkPhaseNames(phases: readonly ReadPhase[], problems: Problems): void {
  const names = new Set<string>()
  for (const { phase } of phases) {
    if (names.has(phase.name)) problems.add(phase.position, `two phases are named '${phase.name}'`)
    names.add(phase.name)
  }
}

function stepsById(steps: readonly ReadStep[], problems: Problems): ReadonlyMap<string, ReadStep> {
  const byId = new Map<string, ReadStep>()
  for (const read of steps) {
    const { id } = read.step
    if (id === null) continue
    if (byId.has(id)) problems.add(read.idPosition, `two steps have the id '${id}'`)
    byId.set(id, read)
  }
  return byId
}

/** A scenario that does harm names the step, and something in it shows that the harm was there. */
function checkFault(
  scenario: Node,
  fault: string | null,
  {
    steps,
    byId,
    problems,
  }: {
    readonly steps: readonly ReadStep[]
    readonly byId: ReadonlyMap<string, ReadStep>
    readonly problems: Problems
  },
): void {
  if (fault === null) {
    const harm = steps.find((read) => read.isFault === true)
    if (harm === undefined) return
    const message = `${harm.step.action} does harm and the scenario names no fault`
    problems.add(harm.step.position, message, 'give the step an id and name it at the top: fault: ID')
    return
  }
  const position = keyPosition(scenario, 'fault')
  const read = byId.get(fault)
  if (read === undefined) {
    problems.add(position, `fault: no step has the id '${fault}'`, () => nearest(fault, [...byId.keys()]))
  } else if (read.isFault === false) {
    problems.add(position, `fault: ${read.step.action}, the step '${fault}', does no harm`)
  } else if (!steps.some(({ step }) => step.becauseOf === fault)) {
    const hint = `a step with because_of: ${fault} must fail when the fault is left out`
    problems.add(position, `fault: no step shows that '${fault}' had an effect`, hint)
  }
}
