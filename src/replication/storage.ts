/**
 * One replica's storage, as the shell of replication drives it: an engine's volume that a primary writes to through its
 * device, and a replica through `append`. `ReplicaVolume` of blockvol is the one that there is.
 */
import type { BlockError } from '../base/errors.ts'
import type { BlockDevice } from '../base/ports/block-device.ts'
import type { Epoch, Lsn } from '../base/units.ts'
import type { VolumeStatus } from '../blockvol/api.ts'
import type { ReadGroup } from '../blockvol/log/log-reader.ts'
import type { History } from '../v2engine/history.ts'
import type { Local } from '../v2engine/marks.ts'
import type { WireEntry } from './wire/entries.ts'

/** What storage tells its shell. */
export interface StorageEvents {
  /** Something of `local` moved. */
  progress(): void
  /** A host flushes through this LSN, which is appended: answered by `flushed` or `refuse`. */
  flushAsked(lsn: Lsn): void
  /** An append or a sync failed: nothing is acknowledged after it (invariant 10). */
  poisoned(reason: string): void
  /** The log could not be kept for these pins any longer. */
  pinsLost(keys: readonly string[]): void
}

export interface ReplicaStorage {
  readonly uuid: Uint8Array
  readonly name: string
  /** Kernel boot under which it is open. */
  readonly bootId: string
  readonly wasClean: boolean
  /** The log has a hole, or the last opening was poisoned. */
  readonly isDamaged: boolean
  /** Bytes of `encodeMarks`; undefined in a directory that was just made. */
  readonly storedMarks: Uint8Array | undefined
  readonly local: Local
  readonly history: History

  /** Durable when it resolves. */
  saveMarks(bytes: Uint8Array): Promise<void>
  // Items of `persist`. Only while no host is served; they wait for what is on its way to the log.
  dropLog(above: Lsn): Promise<void>
  forget(above: Lsn, base: Lsn): Promise<void>
  flushLog(through: Lsn): Promise<void>
  restartLog(after: Lsn, history: History): Promise<void>
  /** The barrier that closes a resync is durable: nothing is unknown any more. */
  filled(): void

  /** Appends the epoch's first entry; `started` is called when it is appended, and not at all when it cannot be. */
  startEpoch(epoch: Epoch, started: (lsn: Lsn) => void): Promise<void>
  /** Appends entries behind everything handed over before; their data are lent until `settled`. */
  append(epoch: Epoch, entries: readonly WireEntry[], settled: () => void): void
  /** The flusher may go so far. */
  commit(lsn: Lsn): void
  /** Makes durable soon what is appended up to `lsn`. */
  requestSync(lsn: Lsn): void
  /** Resolves when log and base blocks are durable through `lsn`. */
  settle(lsn: Lsn): Promise<void>

  /** What hosts drive while this replica leads. */
  readonly device: BlockDevice
  /** Everything up to here is committed, and may be told. */
  acknowledge(lsn: Lsn): void
  /** Every flush up to here has succeeded. */
  flushed(lsn: Lsn): void
  /** Whoever waits for something up to `lsn` gets `error`. */
  refuse(lsn: Lsn, error: BlockError): void
  /** Resolves with the end of the log when nothing that changes the volume is on its way. */
  quiet(): Promise<Lsn>

  /** Entries from `from` to at most `through`; undefined when the log does not have them any more. */
  readLog(from: number, through: number): Promise<ReadGroup | undefined>
  /** Keeps the log from `from` on; false when it has that no more. */
  pin(key: string, from: Lsn): boolean
  unpin(key: string): void

  status(): VolumeStatus
  close(): Promise<void>
}
