/** What may be set of the engine. Defaults serve a server with many volumes. */
import { MIB } from '../base/units.ts'

export interface Tuning {
  /** Share of the log in use (or of the dirty map's bound) from which writes are delayed. */
  readonly softWatermark: number
  /** Share from which writes wait for the flusher. */
  readonly hardWatermark: number
  /** Greatest delay of one write between the watermarks, at the hard one. */
  readonly softDelayMsMax: number
  /** How long a write may wait for admission before it fails with BUSY. */
  readonly admissionTimeoutMs: number
  /** Share of the log in use at which the flusher starts. */
  readonly flushWatermark: number
  /** The flusher also starts this long after the last write, so that an idle volume has an empty log. */
  readonly idleFlushMs: number
  /** Pause before the flusher tries again after it stopped for want of space or a good log entry. */
  readonly flushRetryMs: number
  /** An append or fdatasync of the log that takes longer than this has failed. */
  readonly hungDiskMs: number
  /** Parsed map pages kept in memory, per volume. */
  readonly mapCacheBytes: number
  /** Data bytes of writes taken and not yet appended, per volume; more wait. */
  readonly pendingBytesMax: number
  /** Trimmed or patterned ranges in the dirty map, per generation; the flusher starts at half of it. */
  readonly dirtyRangesMax: number
  /** Free space on the disk below which writes that need new space are refused. */
  readonly reserveBytes: number
  /** Bytes a second that a scrub reads. */
  readonly scrubBytesPerSecond: number
  /** Pause between two scrub passes; 0 turns periodic scrubs off. */
  readonly scrubIntervalMs: number
}

export const DEFAULT_TUNING: Tuning = {
  softWatermark: 0.8,
  hardWatermark: 0.95,
  softDelayMsMax: 5,
  admissionTimeoutMs: 5_000,
  flushWatermark: 0.6,
  idleFlushMs: 2_000,
  flushRetryMs: 1_000,
  hungDiskMs: 30_000,
  mapCacheBytes: 4 * MIB,
  pendingBytesMax: 16 * MIB,
  dirtyRangesMax: 16_384,
  reserveBytes: 64 * MIB,
  scrubBytesPerSecond: 32 * MIB,
  scrubIntervalMs: 7 * 24 * 3600 * 1000,
}
