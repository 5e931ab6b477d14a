/** A job's record as it begins. */
import type { JobRecord } from '../records.ts'
import { progress } from './machine.ts'

export type JobWish = Pick<JobRecord, 'kind' | 'actor' | 'step' | 'data'> &
  Partial<Pick<JobRecord, 'volume' | 'server' | 'progress'>>

export const newJob = (id: string, wallMs: number, wish: JobWish): JobRecord => ({
  id,
  kind: wish.kind,
  state: 'running',
  volume: wish.volume ?? null,
  server: wish.server ?? null,
  actor: wish.actor,
  step: wish.step,
  data: wish.data,
  progress: wish.progress ?? progress(0, 1, 'steps'),
  message: null,
  createdAt: wallMs,
  updatedAt: wallMs,
})

/** Jobs that another job made, by the number in their id, so that the same decision makes the same ones. */
export const childId = (parent: JobRecord, number: number): string =>
  `${parent.id}-${String(number).padStart(4, '0')}`

export const childrenOf = (jobs: readonly JobRecord[], parent: string): readonly JobRecord[] =>
  jobs.filter((job) => job.data.parent === parent)
