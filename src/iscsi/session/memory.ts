/**
 * What the commands of one session hold of the process's memory for data, within the session's share. Commands for
 * which there is no room wait in line, holding nothing; reads of a few KiB are not counted, for they are copied
 * into the output at once and their number is bounded by the queue depth.
 */
import type { BufferPool } from '../../base/buffer-pool.ts'
import { KIB } from '../../base/units.ts'
import type { ByteBudget } from '../../frontend/byte-budget.ts'
import { TRANSFER_BYTES_MAX } from '../scsi/limits.ts'
import type { ScsiResult } from '../scsi/task.ts'
import type { Task } from './task.ts'

const SMALL_READ_BYTES = 16 * KIB

export class Memory {
  readonly #pool: BufferPool
  readonly #budget: ByteBudget
  readonly #sessionBytesMax: number
  readonly #resume: (task: Task) => void
  /** In the order in which they came. */
  readonly #line = new Set<Task>()
  #heldBytes = 0

  /** `resume` is called for a task that waited and now holds what it needs. */
  constructor(options: {
    pool: BufferPool
    budget: ByteBudget
    sessionBytesMax: number
    resume: (task: Task) => void
  }) {
    this.#pool = options.pool
    this.#budget = options.budget
    this.#sessionBytesMax = options.sessionBytesMax
    this.#resume = options.resume
  }

  /** Gives `task` a buffer for `bytes` of data from the initiator; false: there is no room. */
  take(task: Task, bytes: number): boolean {
    if (this.#line.size > 0 || !this.#reserve(task, bytes)) return false
    task.dataOut = this.#pool.acquire(bytes)
    return true
  }

  /** Reserves for what `task` may read; false: it has to wait. */
  takeForRead(task: Task): boolean {
    const bytes = readBytes(task)
    return bytes === 0 || (this.#line.size === 0 && this.#reserve(task, bytes))
  }

  /** Puts `task` in line. */
  wait(task: Task): void {
    this.#line.add(task)
    this.#budget.whenFree(this.#serve)
  }

  stopWaiting(task: Task): void {
    this.#line.delete(task)
    if (this.#line.size === 0) this.#budget.forget(this.#serve)
  }

  /** The buffer of `task` goes back to the pool. */
  giveBackDataOut(task: Task): void {
    const buffer = task.takeDataOut()
    if (buffer !== undefined) this.#pool.release(buffer)
  }

  giveBack(task: Task): void {
    const bytes = task.reservedBytes
    task.reservedBytes = 0
    this.#release(bytes)
  }

  /** What is to be called when the data of `result` has gone. Takes over what `task` reserved. */
  releaseOf(task: Task, result: ScsiResult): (() => void) | undefined {
    const bytes = task.reservedBytes
    if (bytes === 0) return result.release
    task.reservedBytes = 0
    return () => {
      result.release?.()
      this.#release(bytes)
    }
  }

  #reserve(task: Task, bytes: number): boolean {
    if (this.#heldBytes > 0 && this.#heldBytes + bytes > this.#sessionBytesMax) return false
    if (!this.#budget.reserve(bytes)) return false
    this.#heldBytes += bytes
    task.reservedBytes = bytes
    return true
  }

  #release(bytes: number): void {
    if (bytes === 0) return
    this.#heldBytes -= bytes
    this.#budget.release(bytes)
  }

  /** There is room again: serves the line until there is none. */
  readonly #serve = (): void => {
    for (const task of this.#line) {
      const isWrite = task.transfer !== undefined && !task.transfer.complete
      const bytes = isWrite ? task.transfer!.wantedBytes : readBytes(task)
      if (!this.#reserve(task, bytes)) {
        this.#budget.whenFree(this.#serve)
        return
      }
      this.#line.delete(task)
      if (isWrite) task.dataOut = this.#pool.acquire(bytes)
      this.#resume(task)
    }
  }
}

/** What a read is counted with: its announced length, as far as a command can have it. */
function readBytes(task: Task): number {
  const { dataInLengthMax } = task
  return dataInLengthMax <= SMALL_READ_BYTES ? 0 : Math.min(dataInLengthMax, TRANSFER_BYTES_MAX)
}
