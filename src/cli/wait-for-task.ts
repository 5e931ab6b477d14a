/**
 * Looks at a task of a target until it has ended, and shows how far it is, as `waitForJob` does of a job. Nobody else looks after a
 * task, so that Ctrl-C ends it.
 */
import { BLOCK_ERROR_CODES, BlockError } from '../base/errors.ts'
import type { ApiClient } from '../client/http/api-client.ts'
import { pathOf } from '../client/wire/common.ts'
import { TargetTask } from '../client/wire/target-task.ts'
import type { Call } from './command.ts'
import { ProgressLine } from './wait-for-job.ts'

const LOOK_EVERY_MS = 500

/** The task when it has ended well; its own error, else ABORTED. */
export async function waitForTask(
  call: Call,
  api: ApiClient,
  { kind, task }: { readonly kind: string; readonly task: TargetTask },
): Promise<TargetTask> {
  const label = kind.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  const display = new ProgressLine(call)
  let isInterrupted = false
  const interrupt = new AbortController()
  const release = call.terminal.onInterrupt(() => {
    isInterrupted = true
    interrupt.abort()
  })
  try {
    let current = task
    for (let isCancelled = false; current.state === 'running'; ) {
      // what is over in a moment is not worth a line
      if (current.total > 0) display.show(progressOf(label, current))
      await call.terminal.pause(LOOK_EVERY_MS, isCancelled ? undefined : interrupt.signal)
      const path = pathOf('tasks', task.task)
      if (isInterrupted && !isCancelled) {
        isCancelled = true
        current = await api.post(`${path}/cancel`, TargetTask)
      } else current = await api.get(path, TargetTask)
    }
    if (current.state === 'succeeded') return current
    throw errorOf(label, current)
  } finally {
    release()
    display.close()
  }
}

function errorOf(label: string, { state, code, message }: TargetTask): BlockError {
  if (state === 'cancelled') return new BlockError('ABORTED', `the '${label}' was cancelled`)
  const known = BLOCK_ERROR_CODES.find((one) => one === code)
  // of something that was asked for and can be wrong; what broke on the way is exit code 1
  const isRefused = known === 'NOT_FOUND' || known === 'CONFLICT' || known === 'INVALID_ARGUMENT'
  return new BlockError(isRefused ? known : 'ABORTED', `'${label}' failed: ${message ?? 'no reason given'}`)
}

/** As progress is shown of jobs. */
const progressOf = (label: string, { done, total, unit, message }: TargetTask) => ({
  ...{ kind: label, message, state: 'running' as const, step: message ?? 'under way' },
  progress: { done, total, unit },
})
