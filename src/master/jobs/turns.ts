/**
 * Whose turn it is. What changes the replicas of one volume goes one after the other, in the order in which it was asked
 * for; a deletion waits for nobody, and whatever else is about that volume ends when it sees it. Of all volumes together
 * only so many replicas are filled at a time, because hosts share disks and network with that.
 */

import type { JobRecord } from '../records.ts'
import { type Decision, type Look, wait } from './machine.ts'

/** Replicas that are filled at a time, in the whole cluster and to or from one server. */
export const REBUILDS_MAX = 4
export const REBUILDS_PER_SERVER_MAX = 2

export const isOver = (job: JobRecord): boolean => job.state !== 'running' && job.state !== 'cancelling'

const OWNS_ITS_VOLUME: readonly JobRecord['kind'][] = [
  'create',
  'expand',
  'move',
  'replace',
  'clone',
  'restore_backup',
  'policy',
]

const FILLS_CONTENT: readonly JobRecord['kind'][] = ['clone', 'restore_backup']
/** Of those: the volume is made, and only its content comes. */
const CONTENT_STEPS: readonly string[] = ['queued', 'fill', 'stop']

/** It adds or takes replicas of its volume, or is about to: nobody else begins that meanwhile. */
export function changesReplicas({ kind, step }: JobRecord): boolean {
  if (kind === 'delete') return true
  // what it lacks is added by others, which it lets go first
  if (kind === 'policy') return step === 'release'
  if (kind === 'expand' || !OWNS_ITS_VOLUME.includes(kind)) return false
  return !FILLS_CONTENT.includes(kind) || !CONTENT_STEPS.includes(step)
}

export const hasBegun = (job: JobRecord): boolean => job.step !== 'queued' && job.step !== 'queuedLead'

/**
 * The job about the same volume that has to end first: one that has begun, or one that was asked for before. Undefined
 * when it is this one's turn. Ages alone will not do: a wall clock that was set back would let two begin.
 */
export function aheadOf(jobs: readonly JobRecord[], job: JobRecord): JobRecord | undefined {
  let isBefore = true
  for (const other of jobs) {
    if (other.id === job.id) isBefore = false
    else if (!isOver(other) && other.volume === job.volume && OWNS_ITS_VOLUME.includes(other.kind)) {
      // a volume may grow while a replica of it is filled: sizes travel in the log
      if (job.kind === 'expand' && other.step === 'sync') continue
      if (FILLS_CONTENT.includes(other.kind) && CONTENT_STEPS.includes(other.step)) continue
      if (other.kind === 'policy' && hasBegun(other) && !changesReplicas(other)) continue
      if (isBefore || hasBegun(other)) return other
    }
  }
  return undefined
}

const CREATES: readonly JobRecord['kind'][] = ['create', 'clone', 'restore_backup']

/** Fills a replica now, or is about to: from its turn until the replica is in sync. */
const isFilling = (job: JobRecord): boolean =>
  !isOver(job) && (job.step === 'allocate' || job.step === 'sync') && !CREATES.includes(job.kind)

/** Null when a replica may be filled at `to`; else the sentence that says what is waited for. */
export function fillingLimit(jobs: readonly JobRecord[], to: string): string | null {
  const filling = jobs.filter(isFilling)
  if (filling.length >= REBUILDS_MAX) return `waits: ${filling.length} replicas are being filled already`
  const there = filling.filter((job) => job.data.to === to).length
  return there >= REBUILDS_PER_SERVER_MAX
    ? `waits: ${there} replicas are being filled on that server already`
    : null
}

/** The decision of a job whose turn has not come; null when it has. */
export function queued(look: Look): Decision | null {
  const ahead = aheadOf(look.records.jobs(), look.job)
  return ahead === undefined ? null : wait(`waits for job ${ahead.id} (${ahead.kind}) of the same volume`)
}
