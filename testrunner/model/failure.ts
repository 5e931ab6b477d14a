import type { Value } from './value.ts'

/** Why a step failed. Reports, exit codes and `check --without-faults` go by this, never by the text. */
export const FAILURE_CODES = [
  /** What a step states is not so. */
  'ASSERTION',
  /** Bytes that were read are not those that were acknowledged. Nothing ignores it. */
  'DATA_MISMATCH',
  /** The step, its phase or the scenario took longer than it may. */
  'TIMEOUT',
  /** The step could not do what it is there for. */
  'ACTION',
  /** An argument turned out wrong only when its variables were known. */
  'ARGUMENT',
  /** A figure is worse than its baseline allows. */
  'REGRESSION',
  /** One of the rules that hold in every scenario was broken (docs/scenarios.md). Nothing ignores it. */
  'HARD_FAIL',
  /** The user stopped the run. */
  'CANCELLED',
] as const

export type FailureCode = (typeof FAILURE_CODES)[number]

/** Codes that neither `ignore_error` nor `retry` passes over. */
export const isGrave = (code: FailureCode): boolean =>
  code === 'DATA_MISMATCH' || code === 'HARD_FAIL' || code === 'CANCELLED'

/** What actions throw. Any other error that an action throws counts as ACTION, with its message. */
export class StepFailure extends Error {
  readonly code: FailureCode
  /** What was seen, for the report: expected and actual values, offsets, answers. */
  readonly evidence: Value

  constructor(code: FailureCode, message: string, evidence: Value = null, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.evidence = evidence
  }
}

export interface Failure {
  readonly code: FailureCode
  readonly message: string
  readonly evidence: Value
}
