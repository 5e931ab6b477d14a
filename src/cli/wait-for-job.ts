/**
 * Looks at a job until it has ended, and shows how far it is: a bar on a terminal, else a line whenever something has
 * changed that is worth one. The job is the master's: it goes on when nobody looks, and over a restart of the master,
 * so that a master that is away for a while is waited for. Ctrl-C stops the looking and not the job.
 */
import { BlockError, isBlockError } from '../base/errors.ts'
import type { ApiClient } from '../client/http/api-client.ts'
import { fetchJob, isEnded, type Job } from '../client/wire/job.ts'
import type { Call } from './command.ts'
import { Pace, percent, ratioOf, renderBar, renderPlain } from './progress.ts'

const LOOK_EVERY_MS = 500
/** A master that restarts is back long before. */
const AWAY_MS_MAX = 120_000
const CLEAR_LINE = '\r\x1b[K'

/**
 * The job when it has ended well. ABORTED when it failed, was cancelled, or is no longer looked at; DISCONNECTED and
 * the like when the master stayed away.
 */
export async function waitForJob(call: Call, api: ApiClient, job: Job): Promise<Job> {
  const ended = await watchJob(call, api, job, new ProgressLine(call))
  switch (ended.state) {
    case 'succeeded':
      return ended
    case 'failed':
      throw new BlockError(
        'ABORTED',
        `the job ${ended.id} (${ended.kind}) failed: ${ended.message ?? 'no reason given'}`,
      )
    default:
      throw new BlockError('ABORTED', `the job ${ended.id} (${ended.kind}) was cancelled at '${ended.step}'`)
  }
}

/** What is shown of a job. */
export type ShownJob = Pick<Job, 'kind' | 'step' | 'state' | 'progress' | 'message'>

interface JobDisplay {
  show(job: Job): void
  note(text: string): void
  /** Takes away what would be in the way of the result. */
  close(): void
}

/** `job` as it is when it has ended, however that is; shown on the way. */
export async function watchJob(call: Call, api: ApiClient, job: Job, display: JobDisplay): Promise<Job> {
  const interrupt = new AbortController()
  const interrupted = Promise.withResolvers<undefined>()
  const release = call.terminal.onInterrupt(() => {
    interrupt.abort()
    interrupted.resolve(undefined)
  })
  try {
    let current = job
    const outages = new Outages(call, display)
    for (;;) {
      display.show(current)
      if (isEnded(current)) return current
      await call.terminal.pause(LOOK_EVERY_MS, interrupt.signal)
      const next = interrupt.signal.aborted
        ? undefined
        : await Promise.race([outages.bridge(current, () => fetchJob(api, job.id)), interrupted.promise])
      if (next === undefined) throw leftAlone(job)
      current = next
    }
  } finally {
    release()
    display.close()
  }
}

const leftAlone = (job: Job): BlockError =>
  new BlockError(
    'ABORTED',
    `no longer waiting; the job goes on: 'basalt job watch ${job.id}' shows it, 'basalt job cancel ${job.id}' ends it`,
  )

/** Failures that pass by themselves, and for how long they are borne. */
class Outages {
  readonly #call: Call
  readonly #display: JobDisplay
  #sinceMs: number | undefined

  constructor(call: Call, display: JobDisplay) {
    this.#call = call
    this.#display = display
  }

  /** What `look` gives; `before` while nobody answers. */
  async bridge(before: Job, look: () => Promise<Job>): Promise<Job> {
    try {
      const job = await look()
      this.#sinceMs = undefined
      return job
    } catch (error) {
      if (!isBlockError(error) || !PASSING.has(error.code)) throw error
      const nowMs = this.#call.terminal.nowMs()
      if (this.#sinceMs === undefined) {
        this.#sinceMs = nowMs
        this.#display.note(`the master does not answer; the job waits for it, and so does this command`)
      }
      if (nowMs - this.#sinceMs < AWAY_MS_MAX) return before
      throw new BlockError(
        error.code,
        `${error.message}; the job ${before.id} goes on when the master is back`,
        {
          cause: error,
        },
      )
    }
  }
}

const PASSING: ReadonlySet<string> = new Set(['DISCONNECTED', 'TIMED_OUT', 'BUSY', 'CLOSED'])

/** Progress on stderr, for people; nothing at all for programs that asked for JSON. */
export class ProgressLine implements JobDisplay {
  readonly #call: Call
  readonly #pace = new Pace()
  #lastSaid = ''
  #isDrawn = false

  constructor(call: Call) {
    this.#call = call
  }

  show(job: ShownJob): void {
    const { terminal, stderr, isJson } = this.#call
    if (isJson || (isEnded(job) && this.#lastSaid === '')) return
    const rate = this.#pace.rate(job.progress.done, terminal.nowMs())
    const label = `${job.kind} (${job.step})`
    if (terminal.progressWidth !== undefined) {
      stderr.write(CLEAR_LINE + renderBar(label, job.progress, { rate, width: terminal.progressWidth }))
      this.#lastSaid = label
      this.#isDrawn = true
      return
    }
    // In a log: each step, each tenth of it, and each new word of what it waits for.
    const tenth = percent(Math.floor(ratioOf(job.progress) * 10) / 10)
    const said = `${label} ${tenth} ${job.message ?? ''}`
    if (said === this.#lastSaid) return
    this.#lastSaid = said
    const why = job.message === null ? '' : `; ${job.message}`
    stderr.write(`${renderPlain(label, job.progress, rate)}${why}\n`)
  }

  note(text: string): void {
    if (this.#call.isJson) return
    this.close()
    this.#call.stderr.write(`${text}\n`)
  }

  close(): void {
    if (this.#isDrawn) this.#call.stderr.write(CLEAR_LINE)
    this.#isDrawn = false
  }
}
