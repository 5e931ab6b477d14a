/**
 * What takes long and is done here for the master, or for who administers this server: each task under a UUID, begun once
 * however often it is asked for, bounded in number, asked after until it is over. Nothing of it is stored: after a restart
 * a task is unknown, and whoever wants it begins it again, where it goes on from what is there.
 *
 *     running ──▶ succeeded | failed | cancelled ──an hour──▶ (unknown)
 *
 * A task of a volume is its primary's: it fails with CONFLICT when the lead is lost, and whatever it has under way is then
 * refused by the volume itself.
 */
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { TaskKind, TaskView } from '../../rpc/tasks.ts'

/** How far a task is. */
export interface TaskProgress {
  readonly done: number
  /** 0 while it is not known. */
  readonly total: number
  readonly unit: TaskView['unit']
}

/** What a task tells while it runs, and hears. */
export interface TaskRun {
  /** Aborted when the task is to end. */
  readonly signal: AbortSignal
  progress(progress: TaskProgress): void
  /** What it does or waits for, in a sentence. */
  say(message: string): void
}

export interface NewTask {
  /** UUID. */
  readonly task: string
  readonly kind: TaskKind
  /** UUID of the volume that it is of; null: of none. */
  readonly volume: string | null
  /** Text of the result. Ends soon after the signal; BlockError when it fails. */
  readonly work: (run: TaskRun) => Promise<string>
}

/** How many tasks there are, or were. */
export interface TaskCount {
  readonly kind: TaskKind
  readonly state: 'running' | Outcome['state']
  readonly count: number
}

interface Task {
  readonly kind: TaskKind
  readonly volume: string | null
  readonly abort: AbortController
  readonly ended: Promise<void>
  progress: TaskProgress
  message: string | null
  outcome: Outcome | undefined
}

interface Outcome {
  readonly state: 'succeeded' | 'failed' | 'cancelled'
  readonly code: string | null
  readonly result: string | null
  readonly atMs: number
}

const RUNNING_MAX = 32
/** They write what the volume is to be: two of them at once would leave something of both. */
const WRITING: readonly TaskKind[] = ['restoreBackup', 'hydrate']
/** Of those that are over: the oldest is forgotten first, and each after an hour. */
const ENDED_MAX = 512
const ENDED_MS_MAX = 3_600_000
const NOTHING: TaskProgress = { done: 0, total: 0, unit: 'bytes' }

/** Why a task was aborted. */
const CANCELLED = new BlockError('ABORTED', 'it was cancelled')
const LEAD_LOST = new BlockError('CONFLICT', 'the volume is not led here any more')
const STOPPING = new BlockError('CLOSED', 'the server is stopping')

export interface TaskRunnerOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** A broken invariant: the process has to stop. */
  readonly onFatal: (error: unknown) => void
}

export class TaskRunner {
  readonly #o: TaskRunnerOptions
  /** In the order of their beginnings. */
  readonly #tasks = new Map<string, Task>()
  /** Of tasks that are over, by kind and state. */
  readonly #ended = new Map<string, TaskCount>()
  #isClosed = false

  constructor(options: TaskRunnerOptions) {
    this.#o = options
  }

  /**
   * Begins the task, unless one of this UUID runs or has succeeded: one that failed or was cancelled begins anew. BUSY when
   * too many run, and while another task writes what the same volume is to be, also one that is about to end; CLOSED.
   */
  start({ task, kind, volume, work }: NewTask): void {
    this.#forgetOld()
    const before = this.#tasks.get(task)
    if (before !== undefined && (before.outcome === undefined || before.outcome.state === 'succeeded')) return
    this.#tasks.delete(task)
    if (this.#isClosed) throw STOPPING
    const running = [...this.#tasks.values()].filter(({ outcome }) => outcome === undefined)
    if (running.length >= RUNNING_MAX) throw new BlockError('BUSY', `${RUNNING_MAX} tasks run here already`)
    const isWritten = running.some((one) => one.volume === volume && WRITING.includes(one.kind))
    if (volume !== null && WRITING.includes(kind) && isWritten) {
      throw new BlockError('BUSY', 'another task that writes to the volume has not ended here yet')
    }
    const abort = new AbortController()
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    const known: Task = {
      ...{ kind, volume, abort, ended },
      ...{ progress: NOTHING, message: null, outcome: undefined },
    }
    this.#tasks.set(task, known)
    this.#o.logger.info('task.started', { task, kind, volume: volume ?? undefined })
    this.#run(task, known, work).then(resolve, (error: unknown) => {
      resolve()
      this.#o.onFatal(error)
    })
  }

  view(task: string): TaskView {
    this.#forgetOld()
    const known = this.#tasks.get(task)
    if (known === undefined) {
      return { task, state: 'unknown', ...NOTHING, message: null, code: null, result: null }
    }
    const { progress, message, outcome } = known
    const { state, code, result } = outcome ?? { state: 'running' as const, code: null, result: null }
    return { task, state, ...progress, message, code, result }
  }

  /** The tasks of a volume that run. */
  of(volume: string): readonly { readonly kind: TaskKind; readonly progress: TaskProgress }[] {
    return [...this.#tasks.values()].filter((task) => task.volume === volume && task.outcome === undefined)
  }

  /** Those that run now, and those that ended since the start. */
  counts(): readonly TaskCount[] {
    const running = new Map<TaskKind, number>()
    for (const { kind, outcome } of this.#tasks.values()) {
      if (outcome === undefined) running.set(kind, (running.get(kind) ?? 0) + 1)
    }
    return [
      ...[...running].map(([kind, count]) => ({ kind, state: 'running' as const, count })),
      ...this.#ended.values(),
    ]
  }

  /** It ends as soon as it can. No error when there is none. */
  cancel(task: string): void {
    this.#tasks.get(task)?.abort.abort(CANCELLED)
  }

  /** The volume is not led here any more: its tasks fail. They are over when the promise resolves. */
  async endOf(volume: string): Promise<void> {
    const all = [...this.#tasks.values()].filter((task) => task.volume === volume)
    for (const { abort } of all) abort.abort(LEAD_LOST)
    await Promise.all(all.map(({ ended }) => ended))
  }

  /** Ends all of them; they are over when the promise resolves. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const { abort } of this.#tasks.values()) abort.abort(STOPPING)
    await Promise.all([...this.#tasks.values()].map(({ ended }) => ended))
  }

  async #run(task: string, known: Task, work: NewTask['work']): Promise<void> {
    const { clock, logger } = this.#o
    const { signal } = known.abort
    try {
      const result = await work({
        signal,
        progress: (progress) => {
          known.progress = progress
        },
        say: (message) => {
          known.message = message
        },
      })
      known.message = null
      this.#end(known, { state: 'succeeded', code: null, result, atMs: clock.monotonicMs() })
      logger.info('task.succeeded', { task, kind: known.kind })
    } catch (error) {
      if (!isBlockError(error)) {
        // the bug is told where bugs are; who asks hears that it is over
        this.#fail(known, new BlockError('CORRUPT', 'internal error; see the log'))
        throw error
      }
      this.#fail(known, error)
      const { state, code } = known.outcome ?? { state: 'failed', code: null }
      logger.warn('task.ended', { task, kind: known.kind, state, code: code ?? undefined }, error)
    }
  }

  #fail(known: Task, error: BlockError): void {
    const { signal } = known.abort
    // what it was doing when it was told to end fails in many ways
    const why = signal.aborted && isBlockError(signal.reason) ? signal.reason : error
    known.message = why.message
    this.#end(known, {
      state: why === CANCELLED ? 'cancelled' : 'failed',
      code: why.code,
      result: null,
      atMs: this.#o.clock.monotonicMs(),
    })
  }

  #end(known: Task, outcome: Outcome): void {
    known.outcome = outcome
    const { kind } = known
    const { state } = outcome
    const before = this.#ended.get(`${kind} ${state}`)?.count ?? 0
    this.#ended.set(`${kind} ${state}`, { kind, state, count: before + 1 })
  }

  #forgetOld(): void {
    const sinceMs = this.#o.clock.monotonicMs() - ENDED_MS_MAX
    let ended = 0
    for (const [task, { outcome }] of [...this.#tasks].reverse()) {
      if (outcome === undefined) continue
      if (++ended > ENDED_MAX || outcome.atMs < sinceMs) this.#tasks.delete(task)
    }
  }
}
