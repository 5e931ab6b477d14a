/**
 * What the commands of one queue hold of the process's memory for data, within the queue's share. Commands whose data is
 * asked for, and reads, wait in line while there is no room, holding nothing. Data that comes with its command cannot
 * wait, and a host that is refused for want of memory gives up after a few repetitions, within milliseconds: such data
 * is not held against the queue's share, and may use more than the budget, up to a bound of its own. Reads of a few KiB
 * on I/O queues are not counted: their number is bounded by the queue's entries.
 */
import type { BufferPool } from '../../base/buffer-pool.ts'
import { KIB } from '../../base/units.ts'
import type { ByteBudget } from '../../frontend/byte-budget.ts'
import { type Command, NO_DATA } from './command.ts'

const SMALL_READ_BYTES = 16 * KIB

export class Memory {
  readonly #pool: BufferPool
  readonly #budget: ByteBudget
  readonly #capsuleBytesMax: number
  #queueBytesMax: number
  #smallReadBytes = SMALL_READ_BYTES
  readonly #resume: (command: Command) => void
  /** In the order in which they came. */
  readonly #line = new Set<Command>()
  #heldBytes = 0

  /** `resume` is called for a command that waited and now holds what it needs. */
  constructor(options: {
    pool: BufferPool
    budget: ByteBudget
    queueBytesMax: number
    /** Data in capsules of all queues may use so much more than the budget. */
    capsuleBytesMax: number
    resume: (command: Command) => void
  }) {
    this.#pool = options.pool
    this.#budget = options.budget
    this.#queueBytesMax = options.queueBytesMax
    this.#capsuleBytesMax = options.capsuleBytesMax
    this.#resume = options.resume
  }

  /** For a queue that anybody may have: a small share, and nothing is too small to be counted. */
  restrict(queueBytesMax: number): void {
    this.#queueBytesMax = Math.min(this.#queueBytesMax, queueBytesMax)
    this.#smallReadBytes = 0
  }

  /** Gives `command` a buffer for `bytes` that are on their way; false: there is no room. */
  takeNow(command: Command, bytes: number): boolean {
    if (!this.#budget.reserve(bytes, this.#capsuleBytesMax)) return false
    this.#hold(command, bytes)
    command.buffer = this.#pool.acquire(bytes)
    return true
  }

  /** Gives `command` what it needs for its data, out or in; false: it waits in line. */
  take(command: Command): boolean {
    const bytes = this.#needOf(command)
    if (bytes === 0) return true
    if (this.#line.size === 0 && this.#reserve(command, bytes)) {
      this.#give(command)
      return true
    }
    this.#line.add(command)
    this.#budget.whenFree(this.#serve)
    return false
  }

  stopWaiting(command: Command): void {
    if (!this.#line.delete(command)) return
    if (this.#line.size === 0) this.#budget.forget(this.#serve)
  }

  /** The buffer of `command` goes back to the pool. */
  giveBackBuffer(command: Command): void {
    const { buffer } = command
    if (buffer === undefined) return
    command.buffer = undefined
    command.dataOut = NO_DATA
    this.#pool.release(buffer)
  }

  giveBack(command: Command): void {
    this.release(this.takeOver(command))
  }

  /** What `command` reserved is the caller's, who calls `release`. */
  takeOver(command: Command): number {
    const bytes = command.reservedBytes
    command.reservedBytes = 0
    return bytes
  }

  release(bytes: number): void {
    if (bytes === 0) return
    this.#heldBytes -= bytes
    this.#budget.release(bytes)
  }

  #give(command: Command): void {
    if (command.wantedBytes > 0) command.buffer = this.#pool.acquire(command.wantedBytes)
  }

  #reserve(command: Command, bytes: number): boolean {
    if (this.#heldBytes > 0 && this.#heldBytes + bytes > this.#queueBytesMax) return false
    if (!this.#budget.reserve(bytes)) return false
    this.#hold(command, bytes)
    return true
  }

  #hold(command: Command, bytes: number): void {
    this.#heldBytes += bytes
    command.reservedBytes += bytes
  }

  #needOf({ wantedBytes, dataInLengthMax }: Command): number {
    if (wantedBytes > 0) return wantedBytes
    return dataInLengthMax <= this.#smallReadBytes ? 0 : dataInLengthMax
  }

  /** There is room again: serves the line until there is none. */
  readonly #serve = (): void => {
    for (const command of this.#line) {
      if (!this.#reserve(command, this.#needOf(command))) {
        this.#budget.whenFree(this.#serve)
        return
      }
      this.#line.delete(command)
      this.#give(command)
      this.#resume(command)
    }
  }
}
