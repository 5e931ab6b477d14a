/** What actions throw, as failures that reports tell. */
import { BlockError } from '../../src/base/errors.ts'
import type { StepName } from '../model/event.ts'
import { type Failure, type FailureCode, StepFailure } from '../model/failure.ts'
import { BadArgument } from '../model/parameter.ts'
import { type Position, positionText } from '../model/position.ts'
import type { Step } from '../model/scenario.ts'
import { isValueMap, type Value, type ValueMap } from '../model/value.ts'

/** A failure, and where the file has what it is about. */
export interface Located {
  readonly failure: Failure
  readonly position: Position
}

/** `error` as it is, of a step that nobody stopped. `args`: as far as they were resolved. */
export function failureOf(error: unknown, step: Step, args: ValueMap): Located {
  if (error instanceof BadArgument) return badArgument(error.message, step, args)
  return { failure: plainFailure(error), position: step.position }
}

function plainFailure(error: unknown): Failure {
  if (error instanceof StepFailure)
    return { code: error.code, message: error.message, evidence: error.evidence }
  if (error instanceof BlockError)
    return { code: 'ACTION', message: error.message, evidence: blockErrorEvidence(error) }
  if (error instanceof Error)
    return { code: 'ACTION', message: error.message || error.name, evidence: { stack: error.stack ?? '' } }
  return { code: 'ACTION', message: String(error), evidence: null }
}

/** The message begins with the argument's name, as `parseArguments` writes it. */
function badArgument(message: string, step: Step, args: ValueMap): Located {
  const name = Object.keys(step.arguments)
    .filter((one) => message.startsWith(`${one}: `) || message.startsWith(`${one} is missing`))
    .sort((a, b) => b.length - a.length)[0]
  const position = (name === undefined ? undefined : step.argumentPositions[name]) ?? step.position
  const facts: Record<string, Value> = { position: positionText(position) }
  if (name !== undefined) {
    facts.argument = name
    facts.value = args[name] ?? null
    facts.written = step.arguments[name] ?? null
  }
  return { failure: { code: 'ARGUMENT', message, evidence: facts }, position }
}

/**
 * `error` of a step that was told to stop for `reason`: TIMEOUT or CANCELLED with the last that the step said; but what is
 * wrong with the data is told as it is.
 */
export function stoppedFailure(reason: StepFailure, error: unknown, lastProgress: string | null): Failure {
  if (error instanceof StepFailure && (error.code === 'DATA_MISMATCH' || error.code === 'HARD_FAIL'))
    return plainFailure(error)
  const evidence: Record<string, Value> = isValueMap(reason.evidence) ? { ...reason.evidence } : {}
  if (lastProgress !== null) evidence.lastProgress = lastProgress
  if (!(error instanceof StepFailure)) return failure(reason.code, reason.message, evidence)
  if (error.evidence !== null) evidence.seen = error.evidence
  return failure(reason.code, `${reason.message}: ${error.message}`, evidence)
}

/** Of a step that did not even end when it was told to. */
export function hungFailure(reason: StepFailure, waitedMs: number, lastProgress: string | null): Failure {
  const evidence: Record<string, Value> = { isHung: true, waitedMs }
  if (lastProgress !== null) evidence.lastProgress = lastProgress
  return failure(reason.code, `${reason.message}, and it hangs: it did not end when it was told to`, evidence)
}

/** `step 2 of 'kill' (server_kill, id kill)`. */
export const stepText = ({ phase, index, action, id, round }: StepName): string =>
  `step ${index} of '${phase}'${round > 1 ? ` in round ${round}` : ''} (${action}${id === null ? '' : `, id ${id}`})`

const failure = (code: FailureCode, message: string, evidence: ValueMap): Failure => ({
  code,
  message,
  evidence: Object.keys(evidence).length === 0 ? null : evidence,
})

function blockErrorEvidence({ code, facts }: BlockError): ValueMap {
  const told = Object.entries(facts).map(([name, value]) => [
    name,
    typeof value === 'bigint' ? `${value}` : (value ?? null),
  ])
  return { ...Object.fromEntries(told), code }
}
