/**
 * How entries show in memory: blocks in the dirty map, what concerns the state there, and the boundaries of snapshots and
 * restores between the generations of the dirty map. The same when an entry is appended and when it is replayed, so that an
 * opening makes the cuts that the opening before had.
 *
 * A snapshot sees every entry up to its own. What is in one generation is flushed together, so the generation ends there: all
 * of another one is older than the snapshot or newer. A restore is a generation of its own, which begins when everything
 * before it is in extents and map. Cuts that are made so wait in their order, and the flusher takes the oldest.
 */
import { assert } from '../base/assert.ts'
import { type Epoch, type LogPosition, logPosition, lsn as toLsn } from '../base/units.ts'
import type { DirtyMap } from './dirty/dirty-map.ts'
import { recordEntry } from './dirty/record-entry.ts'
import type { StatefulCut } from './flush/cut.ts'
import { ENTRY_KIND, type EntryKind } from './format/log-group.ts'
import { decodeRestore, isAlone } from './format/snapshot-entries.ts'
import type { StateKeeper } from './state-keeper.ts'

export interface RecordedGroup {
  /** Where the group begins. */
  readonly position: number
  readonly epoch: Epoch
}

export interface EntryFields {
  readonly kind: EntryKind
  readonly block: number
  readonly blocks: number
  readonly argument: number
  readonly data: Uint8Array | undefined
}

/** Where a checkpoint may stand: behind the last entry of a group. */
export interface Boundary {
  readonly lsn: number
  readonly position: LogPosition
  readonly epoch: Epoch
}

export class Recorder {
  readonly dirty: DirtyMap
  readonly state: StateKeeper
  readonly #waiting: StatefulCut[] = []
  /** The active generation ends with the group that is being recorded. */
  #isDue = false
  /** Up to here an operator accepted that entries are lost: the map may be ahead of what is left. */
  #lossThroughLsn = 0

  constructor(dirty: DirtyMap, state: StateKeeper) {
    this.dirty = dirty
    this.state = state
  }

  /**
   * An operator gave up the entries from `fromLsn` to `throughLsn`: map and extents may have something of them. So may the state,
   * which is made durable ahead of its cut at times; a snapshot of one of them would show what was before the hole as its own.
   */
  lossAccepted(fromLsn: number, throughLsn: number): void {
    this.#lossThroughLsn = throughLsn
    this.state.forgetSnapshots(fromLsn - 1)
    const waiting = this.#waiting.splice(0)
    for (const cut of waiting) {
      const snapshots = cut.state.snapshots.filter((snapshot) => snapshot.lsn < fromLsn)
      this.#waiting.push({ ...cut, state: { ...cut.state, snapshots }, isAfterLoss: true })
    }
  }

  /** Cuts that wait to be flushed. */
  get waiting(): readonly StatefulCut[] {
    return this.#waiting
  }

  /** `dataPosition` is the log position of the entry's first data block; `checksum(i)` that of its block i. */
  entry(
    entry: EntryFields,
    lsn: number,
    dataPosition: number,
    checksum: (i: number) => number,
    group: RecordedGroup,
  ): void {
    recordEntry(this.dirty.active, entry, lsn, dataPosition, checksum)
    if (entry.kind < ENTRY_KIND.epochStart) return
    if (entry.kind === ENTRY_KIND.restore) this.#restore(entry, lsn, group)
    this.state.apply({ ...entry, lsn })
    this.#isDue = isAlone(entry.kind)
  }

  #restore({ data }: EntryFields, lsn: number, { position, epoch }: RecordedGroup): void {
    const restored = decodeRestore(data, lsn)
    this.#cut({ lsn: lsn - 1, position: logPosition(position), epoch })
    this.dirty.markRestored({ lsn, snapshotLsn: restored.lsn })
  }

  /** The group is recorded whole. */
  groupEnded(boundary: () => Boundary): void {
    if (!this.#isDue) return
    this.#isDue = false
    this.#cut(boundary())
  }

  /** A generation without anything needs no cut: what comes next may go into it. */
  #cut(boundary: Boundary): void {
    if (!this.dirty.active.isEmpty) this.#waiting.push(this.freeze(boundary))
  }

  /** Freezes the active generation. */
  freeze({ lsn, position, epoch }: Boundary): StatefulCut {
    const { newestLsn } = this.dirty.active
    assert(newestLsn <= lsn, 'a cut covers its generation')
    return {
      lsn: toLsn(lsn),
      position,
      epoch,
      generation: this.dirty.freeze(),
      state: this.state.current,
      isAfterLoss: lsn <= this.#lossThroughLsn,
    }
  }

  /** The oldest cut that waits, taken off. */
  take(): StatefulCut | undefined {
    return this.#waiting.shift()
  }
}
