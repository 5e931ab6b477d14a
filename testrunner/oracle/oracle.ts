/**
 * What was acknowledged, remembered in the runner's process, which no fault of a scenario touches. Every block it writes says
 * which block it is and as its how manieth write.
 */
import type { Disk } from '../hosts/disk.ts'

export interface LoadOptions {
  /** 1 to 64 commands at once. */
  readonly depth: number
  /** Of all commands: reads are checked as they come. */
  readonly readPercent: number
  /** A flush after so many writes; 0 for none. */
  readonly flushEvery: number
  /** Pause of a worker after each command; 0 for as fast as it goes. */
  readonly paceMs: number
  /** The part of the disk that it uses, from its start. */
  readonly areaBytes: number
}

export interface LoadTotals {
  readonly writes: number
  readonly reads: number
  readonly flushes: number
  readonly errors: number
  /** The longest time without any answer, in ms. */
  readonly longestGapMs: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** A load that goes on until it is stopped. */
export interface Load {
  readonly totals: LoadTotals
  /** Resolves after `writes` more acknowledged writes. Rejects with StepFailure when the load found a mismatch, TIMEOUT never: the step's signal does that. */
  progress(writes: number, signal: AbortSignal): Promise<void>
  /** Ends it after what is under way; rejects with StepFailure DATA_MISMATCH when a read was wrong. */
  stop(signal: AbortSignal): Promise<LoadTotals>
}

/** All that was written to one volume, over whatever disks. */
export interface Ledger {
  readonly volume: string
  start(disk: Disk, options: LoadOptions): Load
  /** Writes every block of the area once, and flushes. */
  fill(disk: Disk, areaBytes: number, signal: AbortSignal): Promise<void>
  /** Reads all that was ever written and compares. Resolves with the count of blocks; rejects with StepFailure DATA_MISMATCH and where. */
  verify(disk: Disk, signal: AbortSignal): Promise<{ readonly blocks: number }>
  /** What a snapshot made between two calls must show: begin before it is asked for, end when it is there. */
  remember(label: string): LedgerMark
  /** Compares `disk` with what was true at `label`. */
  verifyAt(label: string, disk: Disk, signal: AbortSignal): Promise<{ readonly blocks: number }>
  /** The volume was set back to `label`. */
  rewind(label: string): void
  /**
   * Some of what was acknowledged before now may be missing: what no flush was answered for (every copy lost power), or what was
   * not `settled` (a primary of best_effort was lost, which alone had it, flushed or not). Called when the harm was done.
   */
  allowLoss(loss?: 'unflushed' | 'unsettled'): void
  /** Every replica has what was acknowledged by now. */
  settled(): void
}

export interface LedgerMark {
  end(): void
}

export interface Oracle {
  /** Made at first use. */
  ledger(volume: string): Ledger
  /** Of every volume: throws what running loads found. Asked at the scenario's end. */
  check(): void
  close(): Promise<void>
}
