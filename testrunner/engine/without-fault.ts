/**
 * What a run without its fault shows. A scenario is worth something when the assertion that depends on the fault then fails;
 * one that passes all the same proves nothing.
 */
import { durationText } from '../model/duration-text.ts'
import type { FailureCode } from '../model/failure.ts'
import { stepText } from './failures.ts'
import type { ScenarioResult } from './ports.ts'

export interface Verdict {
  readonly isProven: boolean
  /** One sentence. */
  readonly why: string
}

/** Of a run with `without: fault`. */
export function judgeWithoutFault(result: Pick<ScenarioResult, 'steps' | 'failure'>, fault: string): Verdict {
  const dependent = result.steps.filter(({ becauseOf }) => becauseOf === fault)
  if (dependent.length === 0) return no(`no step says because_of: ${fault}`)
  const first = result.steps.find(({ outcome }) => outcome === 'failed')
  const passed = dependent.find(({ outcome }) => outcome === 'passed')
  if (first === undefined) {
    if (result.failure !== null) return no(`it did not get as far as that: ${result.failure.message}`)
    return no(`${stepText((passed ?? dependent[0]!).step)} does not fail without ${fault}`)
  }
  const { step, failure, becauseOf, durationMs } = first
  const told = `${failure?.code}: ${failure?.message}`
  if (becauseOf !== fault) return no(`another step failed first: ${stepText(step)}, ${told}`)
  if (!isExpected(failure?.code)) return no(`${stepText(step)} failed for another reason, ${told}`)
  return { isProven: true, why: `${stepText(step)} fails after ${durationText(durationMs)}, ${told}` }
}

/** A missing fault makes a statement untrue, a wait too long or a measurement impossible; it damages nothing. */
const isExpected = (code: FailureCode | undefined): boolean =>
  code === 'ASSERTION' || code === 'TIMEOUT' || code === 'ACTION'

const no = (why: string): Verdict => ({ isProven: false, why })
