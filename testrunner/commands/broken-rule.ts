/** The rules that hold in every scenario, asked at its end. */
import type { World } from '../actions/action.ts'
import { type Failure, StepFailure } from '../model/failure.ts'

/** The first one that was broken; null when none was. */
export async function brokenRule(world: World): Promise<Failure | null> {
  try {
    world.oracle.check()
  } catch (error) {
    if (error instanceof StepFailure)
      return { code: error.code, message: error.message, evidence: error.evidence }
    throw error
  }
  return null
}
