/**
 * Deletes replicas that are `leaving`, and records of volumes that have none left. This is the only place that asks a
 * server to delete one, for all jobs, and it goes on after them: a server that was away is told when it comes back.
 *
 *     leaving, in the set ─▶ (the primary lets it go) ─▶ leaving, out of the set ─▶ deleted at its server ─▶ forgotten
 *     deleting, all leaving ─────────────────────────────▶ each deleted ─▶ none left ─▶ record and name gone
 *
 * A server that was removed from the cluster is not asked: its replicas are forgotten.
 */
import { isBlockError } from '../../base/errors.ts'
import type { Timer } from '../../base/ports/clock.ts'
import type { RecordsView } from '../core/records-view.ts'
import type { VolumeRecord } from '../records.ts'
import type { Underway } from './calls.ts'
import type { JobPorts } from './ports.ts'
import { replicaOn, serverName, withoutReplica, writeOf } from './volume-edits.ts'

const BEAT_MS = 1000
const BACKOFF_LAST_MS = 30_000

interface Attempt {
  isRunning: boolean
  failures: number
  retryAtMs: number
}

/** Out of every set that counts: a promotion never asks for it. */
function isReleased(volume: VolumeRecord, server: string): boolean {
  if (volume.state === 'deleting') return volume.replicas.every((replica) => replica.state === 'leaving')
  return replicaOn(volume, server)?.state === 'leaving' && !volume.lead.set.members.includes(server)
}

export class Removals {
  readonly #ports: JobPorts
  readonly #underway: Underway
  readonly #attempts = new Map<string, Attempt>()
  #timer: Timer | null = null
  #isClosed = false

  constructor(ports: JobPorts, underway: Underway) {
    this.#ports = ports
    this.#underway = underway
  }

  /** Looks now, and from now on once a second. */
  start(): void {
    this.look()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  /** Begins what can be done now; called when something may have changed. */
  look(): void {
    if (this.#isClosed) return
    this.#timer?.cancel()
    this.#timer = this.#ports.clock.after(BEAT_MS, () => this.look())
    const { view } = this.#ports.store
    if (view.cluster.lock !== null) return
    for (const volume of view.volumes()) {
      if (volume.state === 'deleting' && volume.replicas.length === 0)
        this.#begin(`${volume.uuid}/`, () => this.#forget(volume.uuid))
      for (const { server, state } of volume.replicas) {
        if (state !== 'leaving' || !isReleased(volume, server)) continue
        const isGone = view.server(server) === undefined
        if (!isGone && this.#ports.live.server(server)?.isConnected !== true) continue
        if (this.#underway.has(volume.uuid, server)) continue
        this.#begin(`${volume.uuid}/${server}`, () => this.#remove(volume.uuid, server, isGone))
      }
    }
  }

  #begin(key: string, work: () => Promise<void>): void {
    const attempt = this.#attempts.get(key) ?? { isRunning: false, failures: 0, retryAtMs: 0 }
    const { clock, log } = this.#ports
    if (attempt.isRunning || clock.monotonicMs() < attempt.retryAtMs) return
    attempt.isRunning = true
    this.#attempts.set(key, attempt)
    work().then(
      () => {
        this.#attempts.delete(key)
        this.look()
      },
      (error: unknown) => {
        if (!isBlockError(error)) throw error
        attempt.isRunning = false
        attempt.failures += 1
        const waitMs = Math.min(BACKOFF_LAST_MS, BEAT_MS * 2 ** Math.min(attempt.failures - 1, 10))
        attempt.retryAtMs = clock.monotonicMs() + waitMs
        log.warn('replica.removal-failed', { what: key, code: error.code, failures: attempt.failures }, error)
      },
    )
  }

  async #remove(uuid: string, server: string, isGone: boolean): Promise<void> {
    const { store, links } = this.#ports
    const volume = store.view.volume(uuid)
    if (volume === undefined) return
    if (!isGone) {
      const { epoch, set } = volume.lead
      const { version } = set
      await links.remove(server, {
        volume: uuid,
        epoch: epoch.number,
        set: { epoch: set.epoch, version },
      })
    }
    await store.change((records) => {
      const now = records.volume(uuid)
      // somebody may have taken it back meanwhile; then it is made again by whoever did
      if (now === undefined || replicaOn(now, server)?.state !== 'leaving')
        return { writes: [], result: undefined }
      return {
        writes: [writeOf(withoutReplica(now, server))],
        events: [this.#event(records, now, server)],
        result: undefined,
      }
    })
    this.#ports.leads.wake(uuid)
  }

  async #forget(uuid: string): Promise<void> {
    await this.#ports.store.change((records) => {
      const now = records.volume(uuid)
      if (now?.state !== 'deleting' || now.replicas.length > 0) return { writes: [], result: undefined }
      const event = {
        severity: 'info' as const,
        kind: 'volume.deleted',
        actor: 'master',
        volume: uuid,
        message: `volume ${now.name} is gone from every server`,
      }
      const snapshots = records
        .snapshotsOf(uuid)
        .map(({ id }) => ({ kind: 'removeSnapshot' as const, volume: uuid, id }))
      return { writes: [{ kind: 'removeVolume', uuid }, ...snapshots], events: [event], result: undefined }
    })
  }

  #event(records: RecordsView, volume: VolumeRecord, server: string) {
    return {
      severity: 'info' as const,
      kind: 'replica.removed',
      actor: 'master',
      volume: volume.uuid,
      server,
      message: `the replica of ${volume.name} on ${serverName(records, server)} is deleted`,
    }
  }
}
