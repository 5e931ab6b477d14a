/**
 * Finds the halves of fused operations (NVMe Base 2.0 §3.4.2): the second stands right behind the first in the submission
 * queue, whatever becomes of their data.
 */
import { STATUS } from '../status.ts'
import { Command } from './command.ts'

export const FUSE = { none: 0, first: 1, second: 2 } as const

export class FusedPairs {
  /** The first half, until the command behind it has come; 'failed': it is over already. */
  #first: Command | 'failed' | undefined
  #idleTicks = 0

  /** Whether the next command has to be shown to `take` though it is not fused. */
  get isWaiting(): boolean {
    return this.#first !== undefined
  }

  /**
   * The next command of the queue: gets its partner, or the status that a half without one is refused with. Returns a
   * first half that stays alone.
   */
  take(command: Command): Command | undefined {
    const first = this.#first
    this.#first = undefined
    this.#idleTicks = 0
    if (command.fuse === FUSE.second) {
      if (first === undefined) command.failure = STATUS.ABORTED_MISSING_FUSED
      else if (first === 'failed') command.failure = STATUS.ABORTED_FAILED_FUSED
      else {
        first.partner = command
        command.partner = first
        return undefined
      }
      command.fuse = FUSE.none
      return undefined
    }
    if (command.fuse === FUSE.first) this.#first = command
    if (first === undefined || first === 'failed') return undefined
    first.fuse = FUSE.none
    return first
  }

  /** Once a second. Returns a first half for whose second half the host takes more than `secondsMax`. */
  tick(secondsMax: number): Command | undefined {
    const first = this.#first
    return first instanceof Command && ++this.#idleTicks > secondsMax ? first : undefined
  }

  /** `command` is over before it was executed. */
  failed(command: Command): void {
    if (this.#first === command) this.#first = 'failed'
  }
}
