/**
 * Keeps the registry's snapshots and what the volumes' logs have the same, in the background: asks a primary whose beats say
 * something else, ends what was left half done, deletes what is to go, and says again what hosts may log in to. Clones of
 * which the registry does not know go on. Knows the space that snapshots take, as it was told last.
 */
import { type BlockError, type BlockErrorCode, isBlockError } from '../../base/errors.ts'
import type { Timer } from '../../base/ports/clock.ts'
import type { JobPorts } from '../jobs/ports.ts'
import { isOver } from '../jobs/turns.ts'
import type { LedVolume, VolumeSnapshots } from '../links.ts'
import type { VolumeRecord } from '../records.ts'
import { adoptClone, isUnknownClone, unknownCloneOf } from './adopt-clone.ts'
import { needsLook, reconcile } from './reconcile.ts'
import { cloneOf } from './requests.ts'
import type { VolumeTurns } from './turns.ts'

type KeeperPorts = Pick<JobPorts, 'store' | 'links' | 'live' | 'clock' | 'log'> & {
  readonly newId: () => string
}

const BEAT_MS = 1000
const BACKOFF_LAST_MS = 30_000
/** Space is asked for so often, of a volume with snapshots. */
const USAGE_EVERY_MS = 5 * 60_000
/** What a beat says may be older than what is recorded by so much. */
const OLD_BEAT_MS = 5_000
/** A server that leaves so many calls of one look without an answer is asked again at the next one. */
const UNANSWERED_MAX = 2
const UNANSWERED: readonly BlockErrorCode[] = ['DISCONNECTED', 'TIMED_OUT']
/** Volumes that are looked at at once. */
const AT_ONCE_MAX = 8

interface Attempt {
  failures: number
  /** Of the monotonic clock. */
  retryAtMs: number
}

export class SnapshotKeeper {
  readonly #ports: KeeperPorts
  readonly #turns: VolumeTurns
  readonly #attempts = new Map<string, Attempt>()
  readonly #running = new Set<string>()
  readonly #usage = new Map<string, { readonly told: VolumeSnapshots; readonly atMs: number }>()
  /** Since when they are told of, of the monotonic clock. */
  readonly #unknownClones = new Map<string, number>()
  #timer: Timer | null = null
  #isClosed = false

  constructor(ports: KeeperPorts, turns: VolumeTurns) {
    this.#ports = ports
    this.#turns = turns
  }

  start(): void {
    this.look()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  /** What a volume's snapshots take, as it was told last; undefined: not known. */
  usage(volume: string): VolumeSnapshots | undefined {
    return this.#usage.get(volume)?.told
  }

  /** Now and from now on once a second: begins what is due. */
  look(): void {
    if (this.#isClosed) return
    this.#timer?.cancel()
    this.#timer = this.#ports.clock.after(BEAT_MS, () => this.look())
    const { store, clock } = this.#ports
    const { view } = store
    if (view.cluster.lock !== null) return
    const nowMs = clock.monotonicMs()
    for (const volume of view.volumes()) {
      this.#watchClone(volume, nowMs)
      if (this.#running.size >= AT_ONCE_MAX) continue
      const { uuid } = volume
      if (this.#running.has(uuid) || this.#turns.isBusy(uuid)) continue
      if (nowMs < (this.#attempts.get(uuid)?.retryAtMs ?? 0) || !this.#isDue(volume, nowMs)) continue
      void this.#keep(uuid)
    }
    for (const ofVolumes of [this.#usage, this.#unknownClones]) {
      for (const uuid of ofVolumes.keys()) if (view.volume(uuid) === undefined) ofVolumes.delete(uuid)
    }
  }

  #watchClone(volume: VolumeRecord, nowMs: number): void {
    const { store, live, clock, newId, log } = this.#ports
    const { uuid, state, lead } = volume
    const led = live.replica(uuid, lead.primary)?.led ?? null
    const told = led?.epoch === lead.epoch.number ? led.origin : null
    if (told === null || state !== 'active' || !isUnknownClone(store.view, volume, told)) {
      this.#unknownClones.delete(uuid)
      return
    }
    const sinceMs = this.#unknownClones.get(uuid) ?? nowMs
    this.#unknownClones.set(uuid, sinceMs)
    if (nowMs - sinceMs < OLD_BEAT_MS) return
    this.#unknownClones.delete(uuid)
    const wish = { job: newId(), wallMs: clock.wallMs() }
    void store
      .change((records) => adoptClone(records, uuid, told, wish))
      .catch((error: unknown) => {
        if (!isBlockError(error)) throw error
        log.warn('clones.not-taken-over', { volume: uuid, code: error.code }, error)
      })
  }

  #isDue(volume: VolumeRecord, nowMs: number): boolean {
    const { uuid, state, lead } = volume
    const { view } = this.#ports.store
    if (state !== 'active' || lead.state !== 'serving') return false
    const beat = this.#ports.live.replica(uuid, lead.primary)
    const led = beat?.led ?? null
    // before it has said something, nothing is compared
    if (led === null || led.epoch !== lead.epoch.number) return false
    const records = view.snapshotsOf(uuid)
    if (needsLook(records, led.snapshots, (id) => this.isOwned(uuid, id))) return true
    if (records.length === 0) return false
    const usage = this.#usage.get(uuid)
    return usage === undefined || nowMs - usage.atMs > USAGE_EVERY_MS
  }

  /** A job that has not ended makes it, or reads it. */
  isOwned(volume: string, id: string): boolean {
    return this.#ports.store.view
      .jobs()
      .some((job) => !isOver(job) && job.volume === volume && job.data.snapshot === id)
  }

  async #keep(uuid: string): Promise<void> {
    this.#running.add(uuid)
    const { clock, log } = this.#ports
    try {
      await this.#turns.during([uuid], () => this.reconcile(uuid))
      this.#attempts.delete(uuid)
    } catch (error) {
      if (!isBlockError(error)) throw error
      const failures = (this.#attempts.get(uuid)?.failures ?? 0) + 1
      const waitMs = Math.min(BACKOFF_LAST_MS, BEAT_MS * 2 ** Math.min(failures - 1, 10))
      this.#attempts.set(uuid, { failures, retryAtMs: clock.monotonicMs() + waitMs })
      log.warn('snapshots.not-kept', { volume: uuid, code: error.code, failures }, error)
    } finally {
      this.#running.delete(uuid)
    }
  }

  /**
   * Asks the primary, and makes both sides the same. In the volume's turn only. CONFLICT, DISCONNECTED and the like as of the first
   * call that failed: what could be done of the other snapshots is done.
   */
  async reconcile(uuid: string): Promise<void> {
    const { store, links, clock } = this.#ports
    const volume = store.view.volume(uuid)
    if (volume === undefined || volume.lead.state !== 'serving') return
    const led = { volume: uuid, epoch: volume.lead.epoch.number }
    const server = volume.lead.primary
    const before = store.view.snapshotsOf(uuid).slice()
    const told = await links.snapshotUsage(server, led)
    if (this.#isClosed) return
    this.#usage.set(uuid, { told, atMs: clock.monotonicMs() })
    await store.change((records) => {
      const now = records.volume(uuid)
      // another epoch may have another list
      if (now === undefined || now.lead.epoch.number !== led.epoch) return { writes: [], result: undefined }
      const isOwned = (id: string): boolean =>
        records.jobs().some((job) => !isOver(job) && job.volume === uuid && job.data.snapshot === id)
      const { writes, events } = reconcile(now, before, records.snapshotsOf(uuid), told, isOwned)
      return { writes, events, result: undefined }
    })
    const isExposedThere = new Map(told.snapshots.map((one) => [one.id, one.isExposed]))
    const errors: BlockError[] = []
    for (const { id, state, isExposed } of store.view.snapshotsOf(uuid).slice()) {
      if (this.#isClosed) return
      const is = isExposedThere.get(id)
      try {
        if (state === 'deleting' && !this.#isNeeded(uuid, id)) await this.delete(server, led, id)
        if (state === 'ready' && is !== undefined && is !== isExposed) {
          await links.exposeSnapshot(server, { ...led, id, isExposed })
        }
      } catch (error) {
        if (!isBlockError(error)) throw error
        errors.push(error)
        // who asks for something of the volume waits meanwhile
        if (errors.filter(({ code }) => UNANSWERED.includes(code)).length >= UNANSWERED_MAX) break
      }
    }
    if (errors[0] !== undefined) throw errors[0]
  }

  /** Whatever is recorded of it: after a recovery records may be of before a clone was made of it. */
  #isNeeded(volume: string, id: string): boolean {
    const { store, live } = this.#ports
    const clone = cloneOf(store.view, { volume, id }) ?? unknownCloneOf(store.view, live, volume, id)
    return clone !== undefined
  }

  /** Deletes it at the primary, and then its record. In the volume's turn only. */
  async delete(server: string, led: LedVolume, id: string): Promise<void> {
    const { store, links } = this.#ports
    await links.deleteSnapshot(server, { ...led, id })
    await store.change((records) => {
      const record = records.snapshot(led.volume, id)
      if (record?.state !== 'deleting') return { writes: [], result: undefined }
      const name = records.volume(led.volume)?.name ?? led.volume
      return {
        writes: [{ kind: 'removeSnapshot', volume: led.volume, id }],
        events: [
          {
            severity: 'info',
            kind: 'snapshot.deleted',
            actor: 'master',
            volume: led.volume,
            message: `snapshot ${record.name} of ${name} is deleted`,
          },
        ],
        result: undefined,
      }
    })
  }
}
