/**
 * Outstanding tasks by Initiator Task Tag. A tag is a slot and the slot's generation, so looking one up is an
 * array access, and the tag of a task that is over names no task for the next 32768 uses of its slot. No tag
 * is `RESERVED_TAG`.
 */
import { assert } from '../../base/assert.ts'

const SLOTS_MAX = 0xffff
const GENERATION_MASK = 0x7fff

interface Slot<Task> {
  generation: number
  task: Task | undefined
}

export class TaskTable<Task> {
  readonly #slots: Slot<Task>[] = []
  readonly #free: number[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The tag under which `task` is now found. At most 65535 tasks. */
  add(task: Task): number {
    let index = this.#free.pop()
    if (index === undefined) {
      index = this.#slots.length
      assert(index < SLOTS_MAX, 'tasks are bounded')
      this.#slots.push({ generation: 0, task })
    }
    const slot = this.#slots[index]!
    slot.task = task
    this.#size++
    return slot.generation * 0x1_0000 + index
  }

  get(tag: number): Task | undefined {
    const slot = this.#slots[tag & 0xffff]
    return slot !== undefined && slot.generation === tag >>> 16 ? slot.task : undefined
  }

  /** The task is over; its tag names nothing any more. */
  remove(tag: number): void {
    const index = tag & 0xffff
    const slot = this.#slots[index]
    assert(slot?.task !== undefined && slot.generation === tag >>> 16, 'the task is in the table')
    slot.task = undefined
    slot.generation = (slot.generation + 1) & GENERATION_MASK
    this.#free.push(index)
    this.#size--
  }

  /** All tasks, in no particular order. */
  *values(): Generator<Task> {
    for (const { task } of this.#slots) if (task !== undefined) yield task
  }
}
