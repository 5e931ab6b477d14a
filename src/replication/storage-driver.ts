/**
 * Carries what the engine wants of storage out, and tells the engine what came of it. Storage does what it is handed in
 * order; what needs care is what may be told when:
 *
 * - Each cut of the log has a number, and what storage holds is read when the report's turn comes, so a report and its
 *   number always belong together. After a cut there is a report.
 * - Between handing over an epoch's start entry and telling of it nothing is reported: a report might cover it.
 */
import { assert } from '../base/assert.ts'
import { isBlockError } from '../base/errors.ts'
import { type Epoch, type Lsn, lsn as toLsn } from '../base/units.ts'
import type { ReplicaVolume } from '../blockvol/replica/replica-volume.ts'
import type { Persist, StorageCommand } from '../v2engine/effects.ts'
import type { Happening } from '../v2engine/events.ts'
import type { SessionRef } from '../v2engine/identity.ts'
import type { Local, Marks } from '../v2engine/marks.ts'
import { encodeMarks } from './marks.ts'
import type { Attached } from './peer-links.ts'

/** Entries that came with a message, and whether storage has been lent them. */
export interface Entries extends Attached {
  isTaken: boolean
}

export interface StorageDriverOptions {
  readonly storage: ReplicaVolume
  readonly stored: Marks | null
  readonly submit: (source: Happening | (() => Happening | undefined)) => void
  /** Resolves when every base block that has come in this session is applied. */
  readonly baseSettled: (session: SessionRef) => Promise<void>
  /** Ends what base blocks are still to come. Resolves when none is being applied any more. */
  readonly endBase: () => Promise<void>
  /** Nobody waits any more for good copies that were asked for: a flush would hold up the cut of the log. */
  readonly giveUpRepairs: () => void
  /** A command failed that cannot be tried again. */
  readonly onFailed: (error: unknown) => void
  /** One failed that its primary will ask for again. */
  readonly onMissed: (what: string, error: unknown) => void
}

/** What the log has beyond is of a history that this replica gives up. */
const isGivenUp = (marks: Marks | null): boolean => marks?.resync?.phase === 'forgetting'

export class StorageDriver {
  readonly #o: StorageDriverOptions
  #marks: Marks | null
  /** Number of the last cut that is carried out. */
  #cut = 0
  #isCutReported = true
  /** A start entry is handed over, and not told of. */
  #starting: object | undefined
  #isReportQueued = false
  /** A flush of the primary's hosts waits for this. */
  #syncWanted = toLsn(0)

  constructor(options: StorageDriverOptions) {
    this.#o = options
    this.#marks = options.stored
  }

  async persist(item: Persist): Promise<void> {
    const { storage } = this.#o
    switch (item.kind) {
      case 'marks':
        return this.#saveMarks(item.marks)
      case 'dropLog':
        await this.#o.endBase()
        this.#o.giveUpRepairs()
        await storage.dropLog(item.above, isGivenUp(this.#marks) ? 'given up' : 'kept')
        this.#onCut(item.cut)
        return
      case 'forget': {
        const resync = this.#marks?.resync ?? null
        assert(resync !== null, 'a history is given up under a mark')
        return storage.forget(item.above, resync.base)
      }
      case 'flushLog':
        return storage.flushLog(item.through)
      case 'restartLog':
        this.#o.giveUpRepairs()
        await storage.restartLog(item.after, item.history)
        this.#onCut(item.cut)
        return
    }
  }

  async #saveMarks(marks: Marks): Promise<void> {
    const wasFilling = this.#marks !== null && this.#marks.resync !== null
    await this.#o.storage.saveMarks(encodeMarks(marks))
    this.#marks = marks
    if (!wasFilling || marks.resync !== null) return
    this.#o.storage.filled()
    await this.#o.endBase()
  }

  #onCut(cut: number): void {
    this.#cut = cut
    this.#isCutReported = false
    // whatever was to be told or done is of the log before
    this.#starting = undefined
    this.#syncWanted = toLsn(0)
  }

  /** After everything of an event was carried out. */
  reportCut(): void {
    if (this.#isCutReported) return
    this.#isCutReported = true
    this.report()
  }

  /** Storage moved on. */
  report(): void {
    if (this.#isReportQueued) return
    this.#isReportQueued = true
    this.#o.submit(() => {
      this.#isReportQueued = false
      if (this.#starting !== undefined) return undefined
      const { local } = this.#o.storage
      this.#sync(local)
      return { kind: 'progress', cut: this.#cut, local }
    })
  }

  /** Hosts of the primary wait for everything up to `lsn`, which may be still to come, to be durable here. */
  wantSync(lsn: Lsn): void {
    if (lsn <= this.#syncWanted) return
    this.#syncWanted = lsn
    this.#sync(this.#o.storage.local)
  }

  #sync({ appended, durable }: Local): void {
    if (durable < Math.min(this.#syncWanted, appended)) this.#o.storage.requestSync(this.#syncWanted)
  }

  run(command: StorageCommand, entries: Entries | undefined): void {
    const { storage } = this.#o
    switch (command.kind) {
      case 'startEpoch':
        void this.#startEpoch(command.epoch)
        return
      case 'append':
        assert(entries !== undefined, 'entries come with their message')
        entries.isTaken = true
        storage.append(entries.epoch, entries.entries, entries.release)
        return
      case 'commit':
        storage.commit(command.lsn)
        return
      case 'settle':
        void this.#settle(command.session, command.lsn)
        return
    }
  }

  async #startEpoch(epoch: Epoch): Promise<void> {
    const starting = {}
    const cut = this.#cut
    this.#starting = starting
    const started = (lsn: Lsn): void => {
      this.#o.submit(() => {
        if (this.#starting === starting) this.#starting = undefined
        return { kind: 'epochStarted', cut, epoch, lsn }
      })
      this.report()
    }
    try {
      await this.#o.storage.startEpoch(epoch, started)
    } catch (error) {
      if (!isBlockError(error)) throw error
      // poisoned, closed, cut: of that the engine hears apart. A log that stays full keeps the epoch from ever beginning
      if (!isBlockError(error, 'POISONED') && !isBlockError(error, 'CLOSED')) this.#o.onFailed(error)
    }
  }

  /** Log and base are made durable, and the engine is told of the log first. */
  async #settle(session: SessionRef, lsn: Lsn): Promise<void> {
    try {
      await this.#o.baseSettled(session)
      await this.#o.storage.settle(lsn)
    } catch (error) {
      if (!isBlockError(error)) throw error
      this.#o.onMissed('settle', error)
      return
    }
    this.report()
    this.#o.submit({ kind: 'settled', session, lsn })
  }
}
