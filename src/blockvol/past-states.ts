/**
 * States that a replica's volume had before the present one, as far as entries since then may still be lost: what is not
 * committed is for nobody else to rely on, a snapshot's deletion least of all.
 */
import type { VolumeState } from './format/state.ts'

export class PastStates {
  /** Ascending, none of them the present one. */
  #states: VolumeState[] = []

  /** An entry has changed the state. */
  replaced(before: VolumeState): void {
    this.#states.push(before)
  }

  /** Everything up to `lsn` is committed: what was before the state of then is forgotten. */
  committed(lsn: number, present: VolumeState): void {
    if (this.#states.length === 0) return
    if (present.asOfLsn <= lsn) this.#states = []
    else {
      const newest = this.#states.findLastIndex(({ asOfLsn }) => asOfLsn <= lsn)
      if (newest > 0) this.#states = this.#states.slice(newest)
    }
  }

  /** The state as of what is committed. */
  committedOf(present: VolumeState): VolumeState {
    return this.#states[0] ?? present
  }

  /** LSNs of all snapshots that one of the states since the committed one has. */
  snapshotLsns(present: VolumeState): Set<number> {
    return new Set([...this.#states, present].flatMap(({ snapshots }) => snapshots.map(({ lsn }) => lsn)))
  }
}
