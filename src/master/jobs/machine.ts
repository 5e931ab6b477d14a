/**
 * Jobs as data. A kind of job is a table of steps; a step looks at the records and at what servers said, and decides.
 * The decision is recorded, and only then are its calls made, so that a master that dies at any line goes on with the
 * step that is recorded. A step is decided again whenever something may have changed; what it decides from the same
 * facts is the same, and a call that was made already is made again without harm.
 *
 *     step ──decide──▶ recorded (records, job, events) ──▶ calls ──answers, beats, time──▶ decide again
 *                         └─▶ next step, or the end
 *     cancel: the step says where the undoing begins, or that it is too late
 */
import type { BlockErrorCode } from '../../base/errors.ts'
import type { TaskView } from '../../rpc/tasks.ts'
import type { LiveCluster } from '../core/live.ts'
import type { NewEvent, RecordsView, RecordWrite } from '../core/records-view.ts'
import type { AllocateRequest, LedVolume, OneSnapshot, Origin, SnapshotFacts } from '../links.ts'
import type { JobKind, JobRecord } from '../records.ts'
import type { Planner } from './ports.ts'
import type { TaskPlan } from './task-plans.ts'

/** Something that a job asks of a server, or of who leads. Made after the decision that names it is recorded. */
export type Call =
  | { readonly kind: 'allocate'; readonly server: string; readonly request: AllocateRequest }
  | {
      readonly kind: 'expand'
      readonly server: string
      readonly request: { readonly volume: string; readonly epoch: number; readonly sizeBytes: number }
    }
  | {
      readonly kind: 'createSnapshot'
      readonly server: string
      readonly request: OneSnapshot & { readonly name: string }
    }
  | {
      readonly kind: 'restoreSnapshot'
      readonly server: string
      readonly request: OneSnapshot & { readonly request: string; readonly force: boolean }
    }
  | {
      readonly kind: 'setOrigin'
      readonly server: string
      readonly request: LedVolume & { readonly origin: Origin }
    }
  | {
      readonly kind: 'startTask'
      readonly server: string
      readonly task: string
      readonly led: LedVolume | null
      readonly plan: TaskPlan
    }
  /** How it is with the task; made again once a second while it is asked for. */
  | { readonly kind: 'task'; readonly server: string; readonly task: string; readonly epoch: number | null }
  /** The task is told to end, and asked how it is; as often. */
  | { readonly kind: 'cancelTask'; readonly server: string; readonly task: string }
  /** The primary hands over to `to`. */
  | { readonly kind: 'move'; readonly volume: string; readonly to: string }
  /** Nobody is promoted any more. */
  | { readonly kind: 'retire'; readonly volume: string }

/** What became of a call that this process made; a restart forgets it, and the call is made again. */
export type CallState =
  /** `task`: the last answer of a call that is made again and again; here and below. */
  | { readonly kind: 'running'; readonly task: TaskView | null }
  | {
      readonly kind: 'done'
      readonly task: TaskView | null
      readonly snapshot: SnapshotFacts | null
      /** How often it was made. */
      readonly times: number
    }
  | {
      readonly kind: 'failed'
      /** How often in a row. */
      readonly failures: number
      /** DISCONNECTED and TIMED_OUT: nothing is known. */
      readonly code: BlockErrorCode
      readonly message: string
      readonly task: TaskView | null
    }

export interface Look {
  readonly records: RecordsView
  readonly live: LiveCluster
  readonly planner: Planner
  readonly job: JobRecord
  /** Of the boot clock, as the times in `live`. */
  readonly bootMs: number
  /** When this master began: servers that it has not heard of may still be on their way. */
  readonly startedMs: number
  /** For records and people only. */
  readonly wallMs: number
  /** What a volume waits for until it is served; null while it is. */
  whyNotServed(volume: string): string | null
  /** Undefined when this process has not made the call. */
  call(call: Call): CallState | undefined
}

/** What is left out stays as it is. */
export interface Decision {
  readonly writes?: readonly RecordWrite[]
  readonly events?: readonly NewEvent[]
  readonly step?: string
  readonly data?: JobRecord['data']
  readonly end?: 'succeeded' | 'failed' | 'cancelled'
  /** What it waits for, or why it failed; a sentence for people. */
  readonly message?: string | null
  readonly progress?: JobRecord['progress']
  readonly calls?: readonly Call[]
  /** Ids of other jobs to be cancelled with it; those for which it is too late go on. */
  readonly cancel?: readonly string[]
}

export interface Step {
  decide(look: Look): Decision
  /** Where the undoing begins; or why it is too late for it, a sentence with what to do instead. */
  readonly cancel: { readonly to: string } | { readonly tooLate: string }
}

export interface Machine {
  readonly kind: JobKind
  readonly steps: Readonly<Record<string, Step>>
}

/** For how long a server is not connected, ms; 0 while it is. */
export function awayMs(look: Look, server: string): number {
  const heard = look.live.server(server)
  if (heard?.isConnected === true) return 0
  return look.bootMs - Math.max(look.startedMs, heard?.lostSinceMs ?? look.startedMs)
}

/** Nothing was done, and asking that server again will not help: it has no room, or something else is there. */
export const isRefused = (state: Extract<CallState, { kind: 'failed' }>): boolean =>
  REFUSALS.includes(state.code)
const REFUSALS: readonly BlockErrorCode[] = [
  'NO_SPACE',
  'CONFLICT',
  'INVALID_ARGUMENT',
  'UNKNOWN_FORMAT',
  'ACCESS_DENIED',
]

export const progress = (
  done: number,
  total: number,
  unit: JobRecord['progress']['unit'],
): JobRecord['progress'] => ({ done, total, unit })

export const wait = (message: string, more: Omit<Decision, 'message'> = {}): Decision => ({
  message,
  ...more,
})
export const goTo = (step: string, more: Omit<Decision, 'step'> = {}): Decision => ({
  step,
  message: null,
  ...more,
})
export const end = (
  how: NonNullable<Decision['end']>,
  message: string | null,
  more: Omit<Decision, 'end' | 'message'> = {},
): Decision => ({ end: how, message, ...more })

/** A text of the job's data; null when there is none. */
export function textOf(job: JobRecord, key: string): string | null {
  const value = job.data[key]
  return typeof value === 'string' ? value : null
}

/** Texts of the job's data; empty when there are none. */
export function textsOf(job: JobRecord, key: string): readonly string[] {
  const value = job.data[key]
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
}

/** A number of the job's data; 0 when there is none. */
export function numberOf(job: JobRecord, key: string): number {
  const value = job.data[key]
  return typeof value === 'number' ? value : 0
}
