/**
 * The master's own jobs: replicas that are lost, or that a volume lacks, are made elsewhere. Which and where is decided
 * by placement, with its grace period and its guard against a failed network; here it becomes one job for each volume,
 * recorded like those that people ask for.
 */
import { isBlockError } from '../../base/errors.ts'
import type { Timer } from '../../base/ports/clock.ts'
import { formatUuid, randomUuid } from '../../base/uuid.ts'
import type { RecordsView, RecordWrite } from '../core/records-view.ts'
import { newJob } from './new-job.ts'
import type { JobPorts } from './ports.ts'
import { changesReplicas, isOver } from './turns.ts'
import { serverName } from './volume-edits.ts'

const LOOK_MS = 5000
/** Jobs made at once; the next look makes more. */
const MADE_MAX = 16
/** Before a volume whose replacement failed gets another. */
const TRY_AGAIN_MS = 30_000

export class Healing {
  readonly #ports: JobPorts
  readonly #made: () => void
  #timer: Timer | null = null
  #isClosed = false

  /** `made` is called when there are new jobs. */
  constructor(ports: JobPorts, made: () => void) {
    this.#ports = ports
    this.#made = made
  }

  start(): void {
    this.#timer = this.#ports.clock.after(LOOK_MS, () => {
      void this.#look().finally(() => {
        if (!this.#isClosed) this.start()
      })
    })
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  async #look(): Promise<void> {
    const { store, random, log, planner, live, clock } = this.#ports
    // most of the time there is nothing to do, and no turn of the store is needed to see that
    if (store.view.cluster.lock !== null) return
    if (planner.replacements(store.view, live, clock.bootMs()).length === 0) return
    const ids = Array.from({ length: MADE_MAX }, () => formatUuid(randomUuid(random)))
    try {
      const count = await store.change((records) => this.#change(records, ids))
      if (count > 0 && !this.#isClosed) this.#made()
    } catch (error) {
      if (!isBlockError(error)) throw error
      log.warn('job.not-recorded', { kind: 'replace', code: error.code }, error)
    }
  }

  #change(records: RecordsView, ids: readonly string[]) {
    const { planner, live, clock } = this.#ports
    const wallMs = Math.trunc(clock.wallMs())
    const wanted = planner
      .replacements(records, live, clock.bootMs())
      .filter(({ volume }) => !isBusy(records, volume, wallMs))
      .slice(0, ids.length)
    const writes: RecordWrite[] = wanted.map(({ volume, lost, to }, at) => ({
      kind: 'job',
      record: newJob(ids[at]!, wallMs, {
        kind: 'replace',
        actor: 'master',
        volume,
        server: lost,
        step: 'queued',
        data: { to, from: lost },
      }),
    }))
    const events = wanted.map(({ volume, lost, to }) => ({
      severity: 'warning' as const,
      kind: 'replica.replaced',
      actor: 'master',
      volume,
      server: to,
      message:
        lost === null
          ? `${records.volume(volume)?.name ?? volume} gets a replica that it lacks, on ${serverName(records, to)}`
          : `the replica of ${records.volume(volume)?.name ?? volume} on ${serverName(records, lost)} is lost; a new one is made on ${serverName(records, to)}`,
    }))
    return { writes, events, result: writes.length }
  }
}

/** Something changes its replicas already, or failed to a short while ago. */
const isBusy = (records: RecordsView, volume: string, wallMs: number): boolean =>
  records.jobs().some((job) => {
    if (job.volume !== volume) return false
    if (!isOver(job)) return changesReplicas(job)
    return job.kind === 'replace' && job.state === 'failed' && Math.abs(wallMs - job.updatedAt) < TRY_AGAIN_MS
  })
