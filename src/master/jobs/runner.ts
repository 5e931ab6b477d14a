/**
 * Runs the jobs. Each is decided again when something changed that it may wait for, and once a second; one decision at a
 * time per job, recorded before its calls are made. What a job is about to say (progress, what it waits for) is kept
 * beside the records, so that a beat of a server is no write to the registry.
 *
 * After a restart all jobs that had not ended are taken up at the step that is recorded.
 */
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Timer } from '../../base/ports/clock.ts'
import type { Change, NewEvent, RecordsView, RecordWrite } from '../core/records-view.ts'
import type { JobKind, JobRecord } from '../records.ts'
import { BACKUP } from './backup.ts'
import { Calls, Underway } from './calls.ts'
import { CLONE } from './clone.ts'
import { CREATE } from './create.ts'
import { DELETE } from './delete.ts'
import { DRAIN } from './drain.ts'
import { EXPAND } from './expand.ts'
import { Healing } from './healing.ts'
import type { Decision, Look, Machine } from './machine.ts'
import { MOVE, REPLACE } from './move.ts'
import { POLICY } from './policy.ts'
import type { JobPorts } from './ports.ts'
import { REBALANCE } from './rebalance.ts'
import { Removals } from './removals.ts'
import { RESTORE } from './restore.ts'
import { RESTORE_BACKUP } from './restore-backup.ts'
import { SCRUB } from './scrub.ts'
import { DELETE_BACKUP, PRUNE_BACKUPS, VERIFY_BACKUP } from './stored-backups.ts'
import { isOver } from './turns.ts'

export const MACHINES: Readonly<Record<JobKind, Machine>> = {
  create: CREATE,
  expand: EXPAND,
  delete: DELETE,
  replace: REPLACE,
  move: MOVE,
  drain: DRAIN,
  rebalance: REBALANCE,
  restore: RESTORE,
  clone: CLONE,
  scrub: SCRUB,
  backup: BACKUP,
  restore_backup: RESTORE_BACKUP,
  verify_backup: VERIFY_BACKUP,
  delete_backup: DELETE_BACKUP,
  prune_backups: PRUNE_BACKUPS,
  policy: POLICY,
}

/** Jobs that have ended and are kept for people. */
const ENDED_MAX = 1000
const BEAT_MS = 1000
/** Of looks that beats of servers cause. */
const LOOK_AGAIN_MS = 50

interface Task {
  readonly calls: Calls
  isDeciding: boolean
  /** Something happened while it was deciding. */
  isDue: boolean
  /** What it said last, beside its record. */
  said: Pick<Decision, 'message' | 'progress'>
}

export class JobRunner {
  readonly #ports: JobPorts
  readonly #underway = new Underway()
  readonly #removals: Removals
  readonly #healing: Healing
  readonly #tasks = new Map<string, Task>()
  #endings: (() => void)[] = []
  #beat: Timer | null = null
  #soon: Timer | null = null
  #isClosed = false
  readonly #startedMs: number

  constructor(ports: JobPorts) {
    this.#ports = ports
    this.#startedMs = ports.clock.bootMs()
    this.#removals = new Removals(ports, this.#underway)
    this.#healing = new Healing(ports, () => this.look())
  }

  /** Takes up what had not ended. Called when this master leads. */
  start(): void {
    this.#endings = [this.#ports.live.subscribe(() => this.#lookSoon())]
    this.#removals.start()
    this.#healing.start()
    this.#pulse()
  }

  /** Nothing is decided any more; calls that are under way end by themselves. */
  close(): void {
    this.#isClosed = true
    for (const ending of this.#endings) ending()
    this.#beat?.cancel()
    this.#soon?.cancel()
    this.#removals.close()
    this.#healing.close()
  }

  /** Decides all jobs that have not ended. Called after a change of the records that jobs may wait for. */
  look(): void {
    if (this.#isClosed) return
    for (const job of this.#ports.store.view.jobs()) if (!isOver(job)) this.#wake(job.id)
    this.#removals.look()
  }

  /** The job with what it says at this moment. */
  shown(job: JobRecord): JobRecord {
    const said = this.#tasks.get(job.id)?.said
    if (said === undefined || isOver(job)) return job
    return { ...job, message: said.message ?? job.message, progress: said.progress ?? job.progress }
  }

  #pulse(): void {
    if (this.#isClosed) return
    this.#beat = this.#ports.clock.after(BEAT_MS, () => this.#pulse())
    this.look()
  }

  #lookSoon(): void {
    if (this.#soon !== null || this.#isClosed) return
    this.#soon = this.#ports.clock.after(LOOK_AGAIN_MS, () => {
      this.#soon = null
      this.look()
    })
  }

  #wake(id: string): void {
    const task = this.#tasks.get(id) ?? this.#newTask(id)
    if (task.isDeciding) {
      task.isDue = true
      return
    }
    task.isDeciding = true
    void this.#decide(id, task).finally(() => {
      task.isDeciding = false
      if (task.isDue && this.#tasks.has(id) && !this.#isClosed) this.#wake(id)
    })
  }

  #newTask(id: string): Task {
    const calls = new Calls(this.#ports, this.#underway, () => {
      if (!this.#isClosed && this.#tasks.has(id)) this.#wake(id)
    })
    const task: Task = { calls, isDeciding: false, isDue: false, said: {} }
    this.#tasks.set(id, task)
    return task
  }

  /** Decides until there is something to wait for. */
  async #decide(id: string, task: Task): Promise<void> {
    const { store, log } = this.#ports
    for (;;) {
      task.isDue = false
      let taken: Taken
      try {
        taken = await store.change((records) => this.#change(records, id, task.calls))
      } catch (error) {
        if (!isBlockError(error)) throw error
        // the registry is closed or its disk is full: nothing was decided; the next beat tries again
        log.warn('job.not-recorded', { job: id, code: error.code }, error)
        return
      }
      if (this.#isClosed) return
      if (taken.kind === 'over') {
        this.#tasks.delete(id)
        return
      }
      const { decision, isRecorded } = taken
      task.said = {
        message: decision.message ?? null,
        ...(decision.progress && { progress: decision.progress }),
      }
      for (const write of decision.writes ?? [])
        if (write.kind === 'volume') this.#ports.leads.wake(write.record.uuid)
      for (const call of decision.calls ?? []) task.calls.make(call)
      if (decision.end !== undefined) this.#tasks.delete(id)
      if (!isRecorded) return
      for (const other of store.view.jobs()) if (other.id !== id && !isOver(other)) this.#wake(other.id)
      this.#removals.look()
      if (decision.end !== undefined) return
    }
  }

  /** Pure: what the job's step decides from the records as they are at its turn. */
  #change(records: RecordsView, id: string, calls: Calls): Change<Taken> {
    const job = records.job(id)
    if (job === undefined || isOver(job)) return { writes: [], result: { kind: 'over' } }
    const decision = this.#decisionOf(records, job, calls)
    const writes: RecordWrite[] = [...(decision.writes ?? []), ...cancelled(records, job, decision)]
    const next = applied(job, decision, Math.trunc(this.#ports.clock.wallMs()))
    const isRecorded = writes.length > 0 || decision.end !== undefined || isStep(job, next)
    if (!isRecorded) return { writes: [], result: { kind: 'decided', decision, isRecorded } }
    writes.push({ kind: 'job', record: next })
    if (decision.end !== undefined) writes.push(...trimmed(records, next))
    const events = [...(decision.events ?? []), ...endingEvents(next)]
    return { writes, events, result: { kind: 'decided', decision, isRecorded } }
  }

  #decisionOf(records: RecordsView, job: JobRecord, calls: Calls): Decision {
    if (records.cluster.lock !== null) {
      return { message: 'waits: the cluster is locked until `basalt cluster recover`' }
    }
    const step = MACHINES[job.kind].steps[job.step]
    if (step === undefined) return { end: 'failed', message: `this master knows no step '${job.step}'` }
    const { live, planner, clock, leads } = this.#ports
    const look: Look = {
      records,
      live,
      planner,
      job,
      bootMs: clock.bootMs(),
      startedMs: this.#startedMs,
      wallMs: Math.trunc(clock.wallMs()),
      whyNotServed: (volume) => leads.status(volume).why,
      call: (call) => calls.state(call),
    }
    return step.decide(look)
  }
}

type Taken =
  | { readonly kind: 'over' }
  | { readonly kind: 'decided'; readonly decision: Decision; readonly isRecorded: boolean }

/** The job's record after a decision. */
function applied(job: JobRecord, decision: Decision, wallMs: number): JobRecord {
  const { done, total, unit } = decision.progress ?? job.progress
  return {
    ...job,
    state: decision.end ?? job.state,
    step: decision.step ?? job.step,
    data: decision.data ?? job.data,
    progress: { done: decision.end === 'succeeded' ? total : done, total, unit },
    message: decision.message === undefined ? job.message : decision.message,
    updatedAt: wallMs,
  }
}

/** How a job ended is in the cluster's log. */
function endingEvents(job: JobRecord): readonly NewEvent[] {
  if (!isOver(job)) return []
  const { kind, state, volume, server, actor, message } = job
  return [
    {
      severity: state === 'failed' ? 'warning' : 'info',
      kind: `job.${state}`,
      actor,
      volume,
      server,
      message: `job ${job.id} (${kind}) has ${ENDED_WORDS[state]}${message === null ? '' : `: ${message}`}`,
    },
  ]
}

const ENDED_WORDS: Readonly<Record<JobRecord['state'], string>> = {
  running: 'not ended',
  cancelling: 'not ended',
  succeeded: 'succeeded',
  failed: 'failed',
  cancelled: 'been cancelled',
}

const isStep = (job: JobRecord, next: JobRecord): boolean =>
  job.step !== next.step || JSON.stringify(job.data) !== JSON.stringify(next.data)

/** Jobs that are cancelled together with this one, as far as their step allows it. */
const cancelled = (records: RecordsView, job: JobRecord, decision: Decision): readonly RecordWrite[] =>
  (decision.cancel ?? []).flatMap((id) => {
    const other = records.job(id)
    if (other === undefined || other.state !== 'running') return []
    const cancel = MACHINES[other.kind].steps[other.step]?.cancel
    if (cancel === undefined || !('to' in cancel)) return []
    const record: JobRecord = { ...other, state: 'cancelling', step: cancel.to, updatedAt: job.updatedAt }
    return [{ kind: 'job' as const, record }]
  })

/** The oldest of the ended jobs go, when there are too many; not those that a running job still counts. */
function trimmed(records: RecordsView, ending: JobRecord): readonly RecordWrite[] {
  const running = new Set(
    records.jobs().flatMap((job) => (isOver(job) || job.id === ending.id ? [] : [job.id])),
  )
  const ended = records.jobs().filter((job) => isOver(job) && !running.has(String(job.data.parent ?? '')))
  const many = ended.length + 1 - ENDED_MAX
  return many <= 0 ? [] : ended.slice(0, many).map((job) => ({ kind: 'removeJob' as const, id: job.id }))
}

/**
 * The record of a job that is cancelled from now on: the step says where its undoing begins. CONFLICT with
 * `facts.reason` `too_late` or `job_over` when it cannot be.
 */
export function cancelling(job: JobRecord, wallMs: number): JobRecord {
  if (isOver(job)) {
    throw new BlockError('CONFLICT', `job ${job.id} has ended: ${job.state}`, {
      facts: { reason: 'job_over' },
    })
  }
  if (job.state === 'cancelling') return job
  const cancel = MACHINES[job.kind].steps[job.step]?.cancel
  if (cancel !== undefined && 'to' in cancel) {
    return { ...job, state: 'cancelling', step: cancel.to, updatedAt: wallMs }
  }
  const why = cancel === undefined ? 'this master does not know its step' : cancel.tooLate
  throw new BlockError('CONFLICT', `job ${job.id} cannot be cancelled any more: ${why}`, {
    facts: { reason: 'too_late' },
  })
}
