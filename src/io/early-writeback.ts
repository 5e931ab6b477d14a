/**
 * Has the kernel begin to write out what was written, every few MiB. Left alone it begins when a tenth of the memory is
 * dirty or at the fdatasync, which then waits for all of it while the disk was idle before. It makes nothing durable and
 * reports no errors: that is the fdatasync's.
 */
import { MIB } from '../base/units.ts'
import type { Syscalls } from './syscalls.ts'

const STEP_BYTES = 4 * MIB

export class EarlyWriteback {
  readonly #syscalls: Syscalls
  /** What was written since the last step lies in [start, end). */
  #start = Number.POSITIVE_INFINITY
  #end = 0
  #bytes = 0
  #isRunning = false

  constructor(syscalls: Syscalls) {
    this.#syscalls = syscalls
  }

  /** `lengthBytes` at `offsetBytes` were written. Returns the step that this began, to be held until it is done. */
  wrote(fd: number, offsetBytes: number, lengthBytes: number): Promise<boolean> | undefined {
    this.#start = Math.min(this.#start, offsetBytes)
    this.#end = Math.max(this.#end, offsetBytes + lengthBytes)
    this.#bytes += lengthBytes
    if (this.#bytes < STEP_BYTES || this.#isRunning) return undefined
    const [start, end] = [this.#start, this.#end]
    this.#start = Number.POSITIVE_INFINITY
    this.#end = 0
    this.#bytes = 0
    this.#isRunning = true
    return this.#syscalls.startWriteback(fd, start, end - start).finally(() => {
      this.#isRunning = false
    })
  }
}
