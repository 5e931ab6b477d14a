/** Jobs, for people. */

import type { Job } from '../../client/wire/job.ts'
import { amounts, percent, ratioOf } from '../progress.ts'
import type { Column } from '../table.ts'
import { resultFacts } from './result.ts'
import { formatTime } from './times.ts'

type NameOf = (server: string) => string

const subject = (job: Job, nameOf: NameOf): string =>
  job.volume_name ?? job.volume ?? (job.server === null ? '-' : nameOf(job.server))

/** A job that found nothing to do has done all of it. */
const done = ({ state, progress }: Job): string => percent(state === 'succeeded' ? 1 : ratioOf(progress))

export const jobColumns = (nameOf: NameOf): readonly Column<Job>[] => [
  { title: 'JOB', value: (job) => job.id },
  { title: 'KIND', value: (job) => job.kind },
  { title: 'OF', shrinks: true, value: (job) => subject(job, nameOf) },
  { title: 'STATE', value: (job) => job.state },
  { title: 'DONE', right: true, value: done },
  { title: 'STEP', value: (job) => job.step },
  { title: 'ACTOR', isWide: true, value: (job) => job.actor },
  { title: 'STARTED', isWide: true, value: (job) => formatTime(job.created_at) },
  { title: 'MESSAGE', shrinks: true, value: (job) => job.message ?? '' },
]

export const jobFacts = (job: Job, nameOf: NameOf): [string, string][] => [
  ['job', job.id],
  ['kind', job.kind],
  ['of', subject(job, nameOf)],
  ['state', job.state],
  ['step', job.step],
  ['progress', `${done(job)}, ${amounts(job.progress)}`],
  ...(job.message === null ? [] : [['message', job.message] satisfies [string, string]]),
  ...resultFacts(job.result, nameOf),
  ['asked by', job.actor],
  ['started', formatTime(job.created_at)],
  ['changed', formatTime(job.updated_at)],
]
