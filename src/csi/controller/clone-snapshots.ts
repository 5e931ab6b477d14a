/**
 * Snapshots by which volumes are cloned. A clone is filled from one for as long as that takes, long after the call that asked
 * for it was answered, so who deletes them is not that call: they are tried again and again until the master lets them go. What
 * nobody deletes, for its clone was never made or the driver died, is found by its name: when this one starts, and from then on
 * every SWEEP_MS. Two drivers that try do no harm.
 */
import { isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import { formatSnapshotId, type SnapshotId } from '../core/ids.ts'
import { cloneSnapshotName, isCloneSnapshotName } from '../core/names.ts'
import type { MasterPort, SnapshotInfo } from './master-port.ts'
import { everyItem } from './pages.ts'
import { reasonOf } from './refusals.ts'
import { pause } from './wait.ts'

const ROUND_MS = 10_000
const SWEEP_MS = 600_000
/** A younger one may be about to be cloned from: its clone is not recorded yet, and the master would let it go. */
const AGE_MS_MIN = 600_000

export interface CloneSnapshotsOptions {
  readonly master: MasterPort
  readonly clock: Clock
  readonly log: Logger
}

export class CloneSnapshots {
  readonly #options: CloneSnapshotsOptions
  readonly #ending = new AbortController()
  /** To be deleted, by id as text. */
  readonly #waiting = new Map<string, SnapshotId>()
  #nextSweepMs = 0
  #running: Promise<void> | undefined

  constructor(options: CloneSnapshotsOptions) {
    this.#options = options
  }

  /** Begins to look for what was left behind. */
  start(): void {
    this.#running ??= this.#run()
  }

  async close(): Promise<void> {
    this.#ending.abort()
    await this.#running
  }

  /** The snapshot of `source` for the volume that is to be called `volume`; the same again finds it. CONFLICT `clone_filling`, `being_made`. */
  async make(source: string, volume: string, signal: AbortSignal): Promise<SnapshotInfo> {
    const { master } = this.#options
    const name = cloneSnapshotName(volume)
    const there = await this.find(source, volume, signal)
    if (there !== undefined && there.state !== 'lost') return there
    // a promotion lost it before anything was made of it
    if (there !== undefined) await master.deleteSnapshot(there.id, signal)
    return await master.createSnapshot(source, name, signal)
  }

  /** That of `make`, if it is there. */
  async find(source: string, volume: string, signal: AbortSignal): Promise<SnapshotInfo | undefined> {
    const page = { limit: 1, volume: source, name: cloneSnapshotName(volume) }
    return (await this.#options.master.snapshots(page, signal)).items[0]
  }

  /** It goes as soon as the master lets it. */
  letGo(id: SnapshotId): void {
    this.#waiting.set(formatSnapshotId(id), id)
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options
    const { signal } = this.#ending
    while (!signal.aborted) {
      try {
        if (clock.monotonicMs() >= this.#nextSweepMs) await this.#sweep(signal)
        for (const id of [...this.#waiting.values()]) await this.#tryDelete(id, signal)
      } catch (error) {
        if (!isBlockError(error)) throw error
        if (!signal.aborted) log.warn('csi.clone_snapshots_not_listed', { code: error.code }, error)
      }
      await pause(clock, signal, ROUND_MS)
    }
  }

  async #sweep(signal: AbortSignal): Promise<void> {
    const { master, clock } = this.#options
    for await (const { id, name, createdAtMs } of everyItem((page) => master.snapshots(page, signal))) {
      if (isCloneSnapshotName(name) && createdAtMs < clock.wallMs() - AGE_MS_MIN) this.letGo(id)
    }
    this.#nextSweepMs = clock.monotonicMs() + SWEEP_MS
  }

  /** One that is not there is forgotten, and a sweep finds it if it comes; any other stays for the next round, and holds up none. */
  async #tryDelete(id: SnapshotId, signal: AbortSignal): Promise<void> {
    const { master, log } = this.#options
    try {
      await master.deleteSnapshot(id, signal)
    } catch (error) {
      if (!isBlockError(error)) throw error
      if (error.code !== 'NOT_FOUND') {
        const isExpected = reasonOf(error) === 'in_use' || signal.aborted
        if (!isExpected) log.warn('csi.clone_snapshot_kept', { ...id, code: error.code }, error)
        return
      }
    }
    this.#waiting.delete(formatSnapshotId(id))
  }
}
