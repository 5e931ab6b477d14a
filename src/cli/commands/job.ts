/** `basalt job list|get|watch|cancel`: work that the master goes on with by itself. */
import { BlockError } from '../../base/errors.ts'
import { cancelJob, fetchJob, fetchJobs, type Job } from '../../client/wire/job.ts'
import { type Call, type CommandDescription, JOB, LIMIT, type Noun, WIDE } from '../command.ts'
import { jobColumns } from '../views/job.ts'
import { ProgressLine, watchJob } from '../wait-for-job.ts'
import { printJob } from './finish-job.ts'
import { serverNamesFor } from './server-names.ts'

export const JOB_NOUN: Noun = {
  words: ['job'],
  summary: 'follow and cancel jobs: creates, deletes, expands, moves, drains, rebalances, replacements',
}

export const JOB_COMMANDS: readonly CommandDescription[] = [
  {
    words: ['job', 'list'],
    summary: 'list jobs',
    flags: [
      {
        name: 'state',
        placeholder: 'STATE',
        choices: ['running', 'succeeded', 'failed', 'cancelling', 'cancelled'],
        help: 'only those',
      },
      LIMIT,
      WIDE,
    ],
    service: 'master',
    run: async (call) => {
      const limit = call.count('limit')
      const api = await call.connect()
      const jobs = await fetchJobs(api, { state: call.text('state'), limit })
      call.printTable(jobColumns(await serverNamesFor(call, api)), jobs, 'no jobs')
    },
  },
  {
    words: ['job', 'get'],
    summary: 'show one job',
    args: [JOB],
    service: 'master',
    run: async (call) => {
      const api = await call.connect()
      await printJob(call, api, await fetchJob(api, call.arg('JOB')))
    },
  },
  {
    words: ['job', 'watch'],
    summary: 'show how far a job is until it has ended; exit code 1 when it did not succeed',
    args: [JOB],
    service: 'master',
    run: watch,
  },
  {
    words: ['job', 'cancel'],
    summary: 'end a job, and undo what it began',
    args: [JOB],
    service: 'master',
    run: async (call) => {
      const api = await call.connect()
      await printJob(call, api, await cancelJob(api, call.arg('JOB')))
    },
  },
]

/** With `--json`: a line for each change, the last one for the end. */
async function watch(call: Call): Promise<void> {
  const api = await call.connect()
  const first = await fetchJob(api, call.arg('JOB'))
  const job = await watchJob(call, api, first, call.isJson ? jsonLines(call) : new ProgressLine(call))
  if (!call.isJson) await printJob(call, api, job)
  if (job.state === 'succeeded') return
  throw new BlockError('ABORTED', `the job ${job.id} (${job.kind}) ${job.state}: ${job.message ?? job.step}`)
}

function jsonLines(call: Call): { show(job: Job): void; note(text: string): void; close(): void } {
  let last = ''
  return {
    show: (job) => {
      const line = JSON.stringify(job)
      if (line !== last) call.printLine(job, () => '')
      last = line
    },
    note: (text) => call.stderr.write(`${text}\n`),
    close: () => undefined,
  }
}
