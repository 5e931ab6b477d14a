/**
 * Entries that a primary gave their LSNs, on their way into this replica's log. They are appended in their order or not
 * at all: when one cannot be (the log stayed full), those behind it are refused too, until the log is cut and a new
 * stream begins.
 */
import { BlockError } from '../../base/errors.ts'
import type { Epoch } from '../../base/units.ts'
import { ENTRY_KIND, type EntryKind } from '../format/log-group.ts'
import type { LogReach } from '../log/log-room.ts'
import type { LogWriter } from '../log/log-writer.ts'

/** An entry as its primary appended it. */
export interface ReplicaEntry {
  readonly lsn: number
  readonly kind: EntryKind
  readonly block: number
  readonly blocks: number
  readonly argument: number
  /** Whole blocks. */
  readonly data: Uint8Array
}

export class EntryStream {
  readonly #writer: LogWriter
  /** LSN of the last entry that got its place. */
  #admittedLsn: number

  constructor(writer: LogWriter) {
    this.#writer = writer
    this.#admittedLsn = writer.appendedLsn
  }

  /** `settled` is called once all of them are in the log, or refused; their data are lent until then. */
  append(epoch: Epoch, entries: readonly ReplicaEntry[], settled: () => void): void {
    let left = entries.length
    for (const { lsn, kind, block, blocks, argument, data } of entries) {
      this.#writer.submit({
        kind,
        epoch,
        block,
        blocks,
        data: data.byteLength === 0 ? undefined : data,
        argument,
        reach: reachOf(kind),
        admit: () => this.#admit(lsn),
        settled: () => {
          left--
          if (left === 0) settled()
        },
      })
    }
  }

  #admit(lsn: number): void {
    if (lsn !== this.#admittedLsn + 1) {
      throw new BlockError('BUSY', `entry ${lsn} does not follow ${this.#admittedLsn}`)
    }
    this.#admittedLsn = lsn
  }
}

/**
 * Content goes as far as trims here: groups of this log are others than the primary's, and take more room where fewer entries
 * share one. What filled its log up to where hosts wait has to fit, or nothing is committed any more and nothing is ever freed.
 */
function reachOf(kind: EntryKind): LogReach {
  const isOfHosts =
    kind === ENTRY_KIND.write ||
    kind === ENTRY_KIND.writeSame ||
    kind === ENTRY_KIND.trim ||
    kind === ENTRY_KIND.writeZeroes
  return isOfHosts ? 'trim' : 'bookkeeping'
}
