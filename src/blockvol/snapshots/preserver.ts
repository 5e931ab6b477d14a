/**
 * Copy-on-write: before extents and map lose a version of a block that a snapshot sees, it goes to the version store. For who
 * changes them, which is the flusher and the sink of a resync, each under `Checkpointer.alone`:
 *
 *   begin ─► replaced, for every block that will change ─► commit, durable ─► extents and map may change
 */
import { BlockError } from '../../base/errors.ts'

export interface Preservation {
  /**
   * The block's entry in the map is about to give way to the version `newLsn`: what it has now is kept if a snapshot sees it.
   * Content that cannot be had any more is kept as `bad`. Errors: MEDIUM when a page or a list is damaged, NO_SPACE, DISK.
   */
  replaced(block: number, newLsn: number): Promise<void>
  /** Durable, and there for readers, when the promise resolves. */
  commit(): Promise<void>
  /** Gives it up; after an error too. */
  abandon(): Promise<void>
}

export class Preserver {
  /** `asOfLsn`: above the checkpoint until the step is over. `snapshotLsns`: of those that may see something. */
  begin(_asOfLsn: number, _snapshotLsns: readonly number[]): Preservation {
    throw new BlockError('DISK', 'nothing can be preserved yet')
  }
}
