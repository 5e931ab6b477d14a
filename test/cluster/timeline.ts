/** Virtual time: what is due next, in order. Two things of one time happen in the order in which they were asked for. */
interface Due {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

export class Timeline {
  nowMs = 0
  #order = 0
  readonly #heap: Due[] = []

  after(delayMs: number, run: () => void): void {
    const heap = this.#heap
    heap.push({ atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, run })
    let i = heap.length - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (isBefore(heap[parent]!, heap[i]!)) break
      swap(heap, i, parent)
      i = parent
    }
  }

  /** Runs what is due until `untilMs`, or until `isDone` says so. */
  run(untilMs: number, isDone: () => boolean = () => false): void {
    while (this.#heap.length > 0 && this.#heap[0]!.atMs <= untilMs) {
      const due = this.#pop()
      this.nowMs = due.atMs
      due.run()
      if (isDone()) return
    }
    this.nowMs = Math.max(this.nowMs, untilMs)
  }

  #pop(): Due {
    const heap = this.#heap
    const top = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return top
    heap[0] = last
    let i = 0
    for (;;) {
      const left = 2 * i + 1
      const right = left + 1
      let least = i
      if (left < heap.length && isBefore(heap[left]!, heap[least]!)) least = left
      if (right < heap.length && isBefore(heap[right]!, heap[least]!)) least = right
      if (least === i) return top
      swap(heap, i, least)
      i = least
    }
  }
}

const isBefore = (a: Due, b: Due): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
function swap(heap: Due[], i: number, j: number): void {
  const kept = heap[i]!
  heap[i] = heap[j]!
  heap[j] = kept
}
