/**
 * Runs the schedules. A run is recorded when it begins and when it has ended; what it makes has names and ids that come from its
 * time, so that a master that takes over goes on with it and makes nothing twice.
 */
import { isBlockError } from '../../base/errors.ts'
import type { Timer } from '../../base/ports/clock.ts'
import { formatUuid, randomUuid } from '../../base/uuid.ts'
import { backupJob } from '../backups/requests.ts'
import type { NewEvent, RecordWrite } from '../core/records-view.ts'
import { newJob } from '../jobs/new-job.ts'
import type { JobPorts } from '../jobs/ports.ts'
import type { ScheduleRecord } from '../records.ts'
import type { SnapshotService } from '../snapshots/snapshot-service.ts'
import { areOver, dueNow, jobsOfRun, matching, snapshotName, surplus, wantsFull } from './due.ts'

interface SchedulePorts extends Pick<JobPorts, 'store' | 'clock' | 'random' | 'log'> {
  readonly snapshots: Pick<SnapshotService, 'create'>
  /** Jobs look at once. */
  readonly look: () => void
}

const BEAT_MS = 1000
/** Snapshots that one run makes at once. */
const AT_ONCE_MAX = 4
/** A volume that cannot be had is tried for so long. */
const TRY_MS = 60_000
const PAUSE_MS = 2000

interface Tally {
  made: number
  failed: number
  message: string | null
}

export class ScheduleRunner {
  readonly #ports: SchedulePorts
  readonly #running = new Set<string>()
  #timer: Timer | null = null
  #isClosed = false

  constructor(ports: SchedulePorts) {
    this.#ports = ports
  }

  start(): void {
    this.look()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  look(): void {
    if (this.#isClosed) return
    this.#timer?.cancel()
    this.#timer = this.#ports.clock.after(BEAT_MS, () => this.look())
    const { store, clock } = this.#ports
    if (store.view.cluster.lock !== null) return
    for (const schedule of store.view.schedules()) {
      const { name, last } = schedule
      if (this.#running.has(name)) continue
      const isUnderWay = last !== null && last.endedAt === null
      if (isUnderWay || dueNow(schedule, clock.wallMs()) !== null) void this.#run(name)
    }
  }

  async #run(name: string): Promise<void> {
    this.#running.add(name)
    try {
      const schedule = await this.#begin(name)
      if (schedule === null) return
      const tally = schedule.backup === null ? await this.#snapshots(schedule) : await this.#backups(schedule)
      if (tally !== null && !this.#isClosed) await this.#end(schedule, tally)
    } catch (error) {
      // the registry is closed or full; the next beat, or the next master, goes on
      if (!isBlockError(error)) throw error
      this.#ports.log.warn('schedule.not-recorded', { schedule: name, code: error.code }, error)
    } finally {
      this.#running.delete(name)
    }
  }

  /** Records the run, or finds it recorded; null: nothing is due any more. */
  #begin(name: string): Promise<ScheduleRecord | null> {
    const { store, clock, random } = this.#ports
    const id = formatUuid(randomUuid(random))
    return store.change((records) => {
      const schedule = records.schedule(name)
      if (schedule === undefined) return { writes: [], result: null }
      const nowMs = Math.trunc(clock.wallMs())
      if (schedule.last !== null && schedule.last.endedAt === null) return { writes: [], result: schedule }
      const dueAt = dueNow(schedule, nowMs)
      if (dueAt === null) return { writes: [], result: null }
      const last = { dueAt, startedAt: nowMs, endedAt: null, made: 0, failed: 0, message: null }
      const record: ScheduleRecord = { ...schedule, last }
      const { backup } = schedule
      const jobs = matching(records, schedule).flatMap((volume, n): RecordWrite[] => {
        if (backup === null) return []
        const full = wantsFull(records.snapshotsOf(volume.uuid), schedule, nowMs)
        const wish = { repository: backup.repository, full }
        const job = backupJob(idOf(id, n), nowMs, `schedule ${name}`, volume, wish)
        return [{ kind: 'job', record: { ...job, data: { ...job.data, schedule: name, dueAt } } }]
      })
      return { writes: [{ kind: 'schedule', record }, ...jobs], result: record }
    })
  }

  async #snapshots(schedule: ScheduleRecord): Promise<Tally> {
    const { store, clock } = this.#ports
    const dueAt = schedule.last?.dueAt ?? 0
    const name = snapshotName(schedule, dueAt)
    const waiting = [...matching(store.view, schedule)]
    const tally: Tally = { made: 0, failed: 0, message: null }
    const endMs = clock.monotonicMs() + TRY_MS
    const one = async (uuid: string, volumeName: string): Promise<void> => {
      for (;;) {
        const there = store.view.snapshotsOf(uuid).find((snapshot) => snapshot.name === name)
        if (there?.state === 'ready') break
        try {
          const caller = { actor: `schedule ${schedule.name}`, requestId: null }
          await this.#ports.snapshots.create(caller, uuid, { name, schedule: schedule.name })
          break
        } catch (error) {
          if (!isBlockError(error)) throw error
          // what was given up is deleted first, and then made again
          const isPassing = error.code !== 'NO_SPACE' && error.code !== 'UNKNOWN_FORMAT'
          if (this.#isClosed || !isPassing || clock.monotonicMs() >= endMs) {
            tally.failed += 1
            tally.message ??= `${volumeName}: ${error.message}`
            return
          }
        }
        await clock.sleep(PAUSE_MS)
      }
      tally.made += 1
    }
    const workers = Array.from({ length: AT_ONCE_MAX }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        await one(next.uuid, next.name)
      }
    })
    await Promise.all(workers)
    return tally
  }

  /** Null: they run still. */
  async #backups(schedule: ScheduleRecord): Promise<Tally | null> {
    const { store } = this.#ports
    this.#ports.look()
    const jobs = jobsOfRun(store.view, schedule.name, schedule.last?.dueAt ?? 0)
    if (!areOver(jobs)) return null
    const failed = jobs.filter(({ state }) => state !== 'succeeded')
    const message = failed[0]?.message ?? (failed.length > 0 ? 'a backup was cancelled' : null)
    return { made: jobs.length - failed.length, failed: failed.length, message }
  }

  async #end(schedule: ScheduleRecord, tally: Tally): Promise<void> {
    const { store, clock, random } = this.#ports
    const id = formatUuid(randomUuid(random))
    await store.change((records) => {
      const now = records.schedule(schedule.name)
      const { last } = schedule
      if (now === undefined || last === null || now.last?.dueAt !== last.dueAt || now.last.endedAt !== null) {
        return { writes: [], result: undefined }
      }
      const wallMs = Math.trunc(clock.wallMs())
      const record: ScheduleRecord = { ...now, last: { ...now.last, ...tally, endedAt: wallMs } }
      const gone = surplus(records, now).map(
        (snapshot): RecordWrite => ({ kind: 'snapshot', record: { ...snapshot, state: 'deleting' } }),
      )
      const { backup } = now
      const prunes = matching(records, now).flatMap((volume, n): RecordWrite[] => {
        if (backup?.keep == null || tally.made === 0) return []
        const job = newJob(idOf(id, n), wallMs, {
          kind: 'prune_backups',
          actor: `schedule ${now.name}`,
          step: 'run',
          data: { repository: backup.repository, of: volume.uuid, keep: backup.keep, dryRun: false },
        })
        return [{ kind: 'job', record: job }]
      })
      return {
        writes: [{ kind: 'schedule', record }, ...gone, ...prunes],
        events: tally.failed === 0 ? [] : [failedEvent(now, tally)],
        result: undefined,
      }
    })
    this.#ports.look()
  }
}

const failedEvent = ({ name }: ScheduleRecord, { made, failed, message }: Tally): NewEvent => ({
  severity: 'error',
  kind: 'schedule.failed',
  actor: 'master',
  message: `schedule ${name}: ${failed} of ${made + failed} volumes failed: ${message ?? ''}`,
})

/** UUIDs of one run differ in their last digits. */
const idOf = (base: string, n: number): string => `${base.slice(0, -6)}${n.toString(16).padStart(6, '0')}`
