/** What a log writer needs of its surroundings, and whom it tells what. */
import type { LatencySink } from '../../base/latency-sink.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Epoch, LogPosition, Lsn } from '../../base/units.ts'
import type { AppendedEntry } from './group-composer.ts'
import type { LogFile } from './log-file.ts'
import type { LogIndex } from './log-index.ts'

export interface LogWriterOptions {
  readonly file: LogFile
  readonly clock: Clock
  readonly logTag: bigint
  /** Of the last entry. */
  readonly epoch: Epoch
  /** End of the last valid group; appending goes on at the next page. */
  readonly head: LogPosition
  readonly lastLsn: Lsn
  readonly checkpoint: LogPosition
  readonly hardWatermark: number
  /** Is told of every group; only a volume whose log is shipped has one. */
  readonly index: LogIndex | undefined
  readonly timeoutMs: number
  /** An append or fdatasync that takes longer has failed: a disk that hangs is a disk that is gone. */
  readonly hungMs: number
  /** An entry was appended; called in LSN order before anyone is told. */
  readonly onAppended: (entry: AppendedEntry) => void
  /** All entries of a group were told: LSN and position stand at a boundary again. */
  readonly onGroup: () => void
  /** The durable LSN rose. */
  readonly onSynced: () => void
  /** Some entries have settled, one way or the other. */
  readonly onSettled: () => void
  /** Something waits for room. */
  readonly onFull: () => void
  /** An append or fdatasync failed. Called once. */
  readonly onFailed: (error: unknown) => void
  /** How long each fdatasync takes. */
  readonly syncTook?: LatencySink | undefined
}
