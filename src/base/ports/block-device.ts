/**
 * What a front end drives: one volume as a disk. Offsets and lengths are bytes, multiples of `logicalBlockBytes`,
 * inside [0, sizeBytes); else OUT_OF_RANGE. Every operation may run concurrently with every other. An operation
 * that fails throws `BlockError`. BUSY and NO_SPACE mean that nothing was done, or, of a write longer than 1 MiB or
 * a range with partly covered blocks, that a part may have been done: repeating the operation is right either way.
 *
 * Data is lent: the device does not keep or touch a buffer after the promise settled, the caller must not
 * change it before.
 */
export interface WriteOptions {
  /** Force unit access: durable before the promise resolves. */
  readonly fua?: boolean
  /**
   * Called where the operation gets its LSN, after everything that might wait. Throws to refuse the operation
   * (a reservation conflict, an ended epoch); then nothing was done.
   */
  readonly admit?: () => void
}

export type CompareResult =
  | { readonly equal: true }
  /** Offset of the first differing byte, counted from the start of the compared data. */
  | { readonly equal: false; readonly mismatchOffsetBytes: number }

/** A run of blocks with one provisioning state, as GET LBA STATUS reports it. */
export interface AllocationRun {
  readonly offsetBytes: number
  readonly lengthBytes: number
  readonly mapped: boolean
}

export type DeviceEvent =
  | { readonly kind: 'resized'; readonly sizeBytes: number }
  /** All of the content is another: it was set back to a snapshot. What hosts remember of it is out of date. */
  | { readonly kind: 'restored' }
  /** Acknowledgements have ended; connections of this opening must be reset. */
  | { readonly kind: 'lost'; readonly reason: string }

export interface BlockDevice {
  /** RFC 9562 UUID, 16 bytes: the only source of serial numbers and NAA or NGUID names. */
  readonly uuid: Uint8Array
  readonly name: string
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
  readonly readOnly: boolean
  /** False while every command ends with BUSY because another server may serve by now. Absent: that is never so. */
  readonly isServing?: boolean
  /**
   * A `write` of at most this many bytes, wherever it begins, is one change: after a crash all of it is there or none,
   * and no other write comes between its blocks. `readNow` sees all of it or none; `read`, which waits for the disk,
   * may see a part. 0: nothing is promised.
   */
  readonly atomicWriteBytesMax: number
  /** Snapshots exist, or may: they hold what was overwritten, so that nobody can wipe it. */
  readonly hasSnapshots: boolean

  /**
   * Fills `target` at once when the bytes can be had without waiting for the disk; else returns false and leaves
   * `target` undefined, and the caller uses `read`. Throws as `read` does.
   */
  readNow(offsetBytes: number, target: Uint8Array): boolean
  read(offsetBytes: number, target: Uint8Array): Promise<void>
  write(offsetBytes: number, data: Uint8Array, options?: WriteOptions): Promise<void>
  /** Resolves when every write acknowledged before the call is durable. */
  flush(): Promise<void>
  /**
   * Resolves when everything acknowledged before the call has taken the place of the old content, which a log alone
   * leaves where it was. Slow: for who wipes, or writes more in patterns than the device should have to carry.
   */
  checkpoint(): Promise<void>
  /** Deallocates; the range reads as zeros. */
  trim(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void>
  writeZeroes(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void>
  /** Writes `pattern` (one logical block) over the range; stays a range in the log. */
  writeSame(
    offsetBytes: number,
    lengthBytes: number,
    pattern: Uint8Array,
    options?: WriteOptions,
  ): Promise<void>
  /** Atomically: reads, compares with `expected`, and only if equal writes `data` of the same length. */
  compareAndWrite(
    offsetBytes: number,
    expected: Uint8Array,
    data: Uint8Array,
    options?: WriteOptions,
  ): Promise<CompareResult>
  /**
   * Atomically: reads, lets `combine` change the old content in place, writes the result (ORWRITE).
   */
  readModifyWrite(
    offsetBytes: number,
    lengthBytes: number,
    combine: (content: Uint8Array) => void,
    options?: WriteOptions,
  ): Promise<void>
  /** Provisioning of the range from `offsetBytes`, at most `runsMax` runs, adjacent runs differing. */
  allocation(offsetBytes: number, lengthBytes: number, runsMax: number): Promise<AllocationRun[]>
  /** The front ends' persistent state (reservations), as they encoded it; empty at first. Replicated by the log. */
  frontendState(): Uint8Array
  /**
   * Durable when the promise resolves. At most 1 MiB. `options.admit` is called where the change gets its LSN:
   * what it changes in memory is in force for exactly the operations with a greater LSN.
   */
  setFrontendState(state: Uint8Array, options?: WriteOptions): Promise<void>
  /** Returns the call that ends the subscription. */
  subscribe(listener: (event: DeviceEvent) => void): () => void
}
