/** Calls about snapshots and tasks where a test has nobody who answers them. */
import { BlockError } from '../../../src/base/errors.ts'
import type { ServerCalls, ServerLinks } from '../../../src/master/links.ts'

const unanswered = async (): Promise<never> => {
  throw new BlockError('DISCONNECTED', 'nobody answers this call here')
}

export const NO_CALLS: Pick<ServerLinks, Exclude<keyof ServerCalls, 'allocate' | 'remove' | 'expand'>> = {
  createSnapshot: unanswered,
  deleteSnapshot: unanswered,
  restoreSnapshot: unanswered,
  snapshotUsage: unanswered,
  exposeSnapshot: unanswered,
  setOrigin: unanswered,
  holdWrites: unanswered,
  releaseWrites: unanswered,
  openImage: unanswered,
  startTask: unanswered,
  task: unanswered,
  cancelTask: unanswered,
}
