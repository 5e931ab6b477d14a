/** The end of every command whose work is a job: wait for it and print it, or with `--no-wait` just print it. */

import type { ApiClient } from '../../client/http/api-client.ts'
import { isEnded, type Job } from '../../client/wire/job.ts'
import type { Call } from '../command.ts'
import { jobFacts } from '../views/job.ts'
import { waitForJob } from '../wait-for-job.ts'
import { serverNamesFor } from './server-names.ts'

interface Shown {
  /** Name of the volume, for people, where the job has none any more. */
  readonly of?: string
}

/** Prints `job` when it has succeeded, or as it is with `--no-wait`. Errors as `waitForJob`. */
export async function finishJob(call: Call, api: ApiClient, job: Job, shown: Shown = {}): Promise<void> {
  await printJob(call, api, call.isSet('no-wait') ? job : await waitForJob(call, api, job), shown)
}

/** A job as the result of a command; with what to do when it goes on. */
export async function printJob(call: Call, api: ApiClient, job: Job, { of }: Shown = {}): Promise<void> {
  const nameOf = await serverNamesFor(call, api)
  const named: Job = { ...job, volume_name: job.volume_name ?? of ?? null }
  call.printFacts(job, () => jobFacts(named, nameOf))
  if (!isEnded(job)) sayItGoesOn(call, job.id)
}

/** On stderr, for people. */
export function sayItGoesOn(call: Call, job: string): void {
  if (!call.isJson) call.stderr.write(`It goes on; 'basalt job watch ${job}' shows how far it is.\n`)
}
