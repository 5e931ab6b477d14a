/**
 * Commands of one queue by their CID. A CID is a slot and the low bits of the slot's generation, so that looking one up
 * is an array access, and the CID of a command that is over names nothing for the next 15 uses of its slot.
 */
import { assert } from '../../base/assert.ts'
import type { NvmeHandler, NvmeRequest } from './command.ts'

const SLOT_BITS = 12
const SLOT_MASK = 0xfff
const GENERATION_MASK = 0xf
/** Commands of a queue, outstanding and waiting. */
export const TASKS_MAX = 4095

const NO_BYTES = new Uint8Array(0)

/** One shape for every command, with or without data, so that the code which reads it stays monomorphic. */
export class Task {
  readonly request: NvmeRequest
  readonly dataOut: Uint8Array
  readonly dataIn: Uint8Array
  readonly handler: NvmeHandler
  readonly deadlineMs: number
  cid = 0
  isSent = false
  dataInBytes = 0
  /** The offset that the next R2T has to ask for. */
  nextR2tOffset = 0
  /** Data of it came damaged; its completion is a transport error, whatever the controller says. */
  isDamaged = false
  /** LAST_PDU came. */
  isDataOver = false
  /** The next of those that wait for room in the queue. */
  next: Task | undefined = undefined

  constructor(request: NvmeRequest, deadlineMs: number, handler: NvmeHandler) {
    this.request = request
    this.dataOut = request.dataOut ?? NO_BYTES
    this.dataIn = request.dataIn ?? NO_BYTES
    this.deadlineMs = deadlineMs
    this.handler = handler
  }
}

interface Slot {
  generation: number
  task: Task | undefined
}

export class TaskTable {
  readonly #slots: Slot[] = []
  readonly #free: number[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Gives `task` its CID. */
  add(task: Task): void {
    let index = this.#free.pop()
    if (index === undefined) {
      index = this.#slots.length
      assert(index < TASKS_MAX, 'commands are bounded')
      this.#slots.push({ generation: 0, task })
    }
    const slot = this.#slots[index]!
    slot.task = task
    task.cid = (slot.generation << SLOT_BITS) | index
    this.#size++
  }

  get(cid: number): Task | undefined {
    const slot = this.#slots[cid & SLOT_MASK]
    return slot !== undefined && slot.generation === cid >>> SLOT_BITS ? slot.task : undefined
  }

  /** The command is over; its CID names nothing any more. */
  remove(task: Task): void {
    const index = task.cid & SLOT_MASK
    const slot = this.#slots[index]
    assert(slot?.task === task, 'the command is in the table')
    slot.task = undefined
    slot.generation = (slot.generation + 1) & GENERATION_MASK
    this.#free.push(index)
    this.#size--
  }

  /** All commands, in no particular order. */
  *values(): Generator<Task> {
    for (const { task } of this.#slots) if (task !== undefined) yield task
  }
}
