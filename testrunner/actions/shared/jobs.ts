/** Jobs of the cluster, followed to their end. */
import { pathOf } from '../../../src/client/wire/common.ts'
import { isEnded, Job } from '../../../src/client/wire/job.ts'
import { StepFailure } from '../../model/failure.ts'
import type { ActionContext } from '../action.ts'
import { asValue } from './failures.ts'
import { until } from './until.ts'

const jobOf = ({ world, signal }: ActionContext, id: string): Promise<Job> =>
  world.cluster.api.call('GET', pathOf('job', id), Job, undefined, signal)

/** The job when it has ended, however that was. */
export const endOfJob = (context: ActionContext, id: string): Promise<Job> =>
  until(context, `job ${id}`, async () => {
    const job = await jobOf(context, id)
    if (isEnded(job)) return { is: job }
    const { kind, step, progress, message } = job
    const why = message === null ? '' : `; ${message}`
    return {
      not: `${kind} at ${step}, ${progress.done} of ${progress.total} ${progress.unit}${why}`,
      seen: asValue(job),
    }
  })

/** The job when it has succeeded. Rejects with ACTION when it failed or was cancelled. */
export async function finishedJob(context: ActionContext, id: string): Promise<Job> {
  const job = await endOfJob(context, id)
  if (job.state === 'succeeded') return job
  throw new StepFailure(
    'ACTION',
    `the job ${job.id} (${job.kind}) ${job.state} at ${job.step}: ${job.message ?? 'no reason given'}`,
    asValue(job),
  )
}
