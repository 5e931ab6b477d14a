/** The failures that actions throw most. */
import { StepFailure } from '../../model/failure.ts'
import type { Value } from '../../model/value.ts'

/** What a step states is not so. `expected` and `actual` stand side by side in the report. */
export const notAsStated = (message: string, expected: Value, actual: Value): StepFailure =>
  new StepFailure('ASSERTION', message, { expected, actual })

/** The step could not do what it is there for. */
export const couldNot = (message: string, evidence: Value = null, cause?: unknown): StepFailure =>
  new StepFailure('ACTION', message, evidence, cause === undefined ? undefined : { cause })

/** An argument turned out wrong when its variables were known. */
export const badArgument = (message: string, evidence: Value = null): StepFailure =>
  new StepFailure('ARGUMENT', message, evidence)

/** Of an answer whose type is wider than what reports hold, e.g. a volume as the API shows it. */
export const asValue = (answer: unknown): Value => JSON.parse(JSON.stringify(answer ?? null)) as Value
