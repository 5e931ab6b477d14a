/**
 * Virtual time. Everything that completes later (a disk operation, a timer, a yield) is an event here; the
 * scheduler runs one event, lets every microtask that follows from it run, and takes the next. Among events
 * that are due at the same moment the order is drawn by the seed. Time passes only when nothing is due.
 *
 * What is always true: one event at a time; the same seed and the same program give the same sequence of
 * events, which `traceHash` sums up; nothing waits for the real clock.
 *
 * Microtasks cannot be drained by a call, so that each event gets an own `setImmediate` callback (Node empties
 * the microtask queue after each). They are queued in batches, because a turn of the event loop costs more
 * than the events do.
 */
import { SeededRandom } from './random.ts'

/** Immediates queued at once. Unused ones cost 0.1 µs. */
const BATCH = 32

export interface ScheduledEvent {
  readonly atMs: number
  readonly order: number
  readonly label: string
  readonly subject: string
  run: (() => void) | undefined
}

/** A wait that cannot end: nothing is due any more, or virtual time ran past its limit. */
export class StuckError extends Error {
  override readonly name = 'StuckError'
}

export interface UntilOptions {
  /** What is waited for, for the message of a `StuckError`. */
  readonly what: string
  /** Virtual time that the wait may take. */
  readonly limitMs?: number
}

const DEFAULT_LIMIT_MS = 600_000

export class Scheduler {
  readonly #random: SeededRandom
  /** Binary heap by (atMs, order). */
  readonly #heap: ScheduledEvent[] = []
  readonly #labelHashes = new Map<string, number>()
  readonly #waits = new Set<Wait>()
  #nowMs = 0
  #events = 0
  #traceHash = 0
  #queuedTurns = 0

  constructor(seed: number) {
    this.#random = new SeededRandom(seed, 0x5c4ed)
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** Events run so far. */
  get events(): number {
    return this.#events
  }

  /** A checksum of all events run: label, subject and time of each, in order. */
  get traceHash(): string {
    return (this.#traceHash >>> 0).toString(16).padStart(8, '0')
  }

  /** Runs `run` in `delayMs`, as an event of its own. `label` and `subject` name it in traces. */
  schedule(label: string, subject: string, delayMs: number, run: () => void): ScheduledEvent {
    const event = { atMs: this.#nowMs + delayMs, order: this.#random.u32(), label, subject, run }
    this.#push(event)
    return event
  }

  /** Takes an event back; it will not run. */
  cancel(event: ScheduledEvent): void {
    event.run = undefined
  }

  /**
   * Runs events until `promise` settled, and settles alike. Fails with `StuckError` when nothing is left to run
   * or `limitMs` of virtual time have passed. Several waits may be open at once.
   */
  until<T>(promise: Promise<T>, options: UntilOptions): Promise<T> {
    return new Promise((resolve, reject) => {
      const wait: Wait = {
        what: options.what,
        deadlineMs: this.#nowMs + (options.limitMs ?? DEFAULT_LIMIT_MS),
        settled: undefined,
        fail: reject,
      }
      this.#waits.add(wait)
      promise.then(
        (value) => {
          wait.settled = () => resolve(value)
        },
        (error: unknown) => {
          wait.settled = () => reject(error)
        },
      )
      this.#queueTurns()
    })
  }

  /** Lets `durationMs` of virtual time pass. */
  async pass(durationMs: number): Promise<void> {
    const passed = new Promise<void>((resolve) => {
      this.schedule('pass', '', durationMs, resolve)
    })
    await this.until(passed, { what: 'time to pass', limitMs: durationMs + 1 })
  }

  /** What is scheduled, soonest first, for messages. */
  pending(): string[] {
    return this.#heap
      .filter((event) => event.run !== undefined)
      .sort((a, b) => a.atMs - b.atMs)
      .map((event) => `${event.label} ${event.subject} in ${(event.atMs - this.#nowMs).toFixed(3)} ms`)
  }

  #queueTurns(): void {
    while (this.#queuedTurns < BATCH) {
      this.#queuedTurns++
      setImmediate(this.#turn)
    }
  }

  readonly #turn = (): void => {
    this.#queuedTurns--
    if (this.#waits.size === 0) return
    let ended = false
    for (const wait of this.#waits) {
      if (wait.settled === undefined) continue
      this.#waits.delete(wait)
      wait.settled()
      ended = true
    }
    // Whoever waited continues in microtasks after this turn and may wait again: the next turn goes on.
    if (!ended) this.#runOne()
    if (this.#waits.size > 0 && this.#queuedTurns === 0) this.#queueTurns()
  }

  #runOne(): void {
    let event = this.#pop()
    while (event !== undefined && event.run === undefined) event = this.#pop()
    if (event === undefined) {
      this.#failWaits(() => true, 'nothing is left to run')
      return
    }
    const { atMs } = event
    const isLate = (wait: Wait): boolean => wait.deadlineMs < atMs
    if ([...this.#waits].some(isLate)) {
      this.#push(event)
      this.#failWaits(isLate, `virtual time ran out at ${this.#nowMs.toFixed(1)} ms`)
      return
    }
    this.#nowMs = Math.max(this.#nowMs, atMs)
    const { run } = event
    event.run = undefined
    this.#events++
    this.#trace(event)
    try {
      run?.()
    } catch (error) {
      // a broken invariant in an event has no caller: everyone who waits gets it
      for (const wait of this.#waits) wait.fail(error)
      this.#waits.clear()
    }
  }

  #failWaits(which: (wait: Wait) => boolean, why: string): void {
    for (const wait of this.#waits) {
      if (!which(wait)) continue
      this.#waits.delete(wait)
      const pending = this.pending()
      const list = pending.length === 0 ? 'no event' : pending.slice(0, 20).join('; ')
      wait.fail(new StuckError(`${wait.what} does not end: ${why}; pending: ${list}`))
    }
  }

  #trace(event: ScheduledEvent): void {
    let hash = Math.imul(this.#traceHash ^ this.#hashOf(event.label), 0x9e3779b1)
    hash = Math.imul((hash ^ (hash >>> 15)) + this.#hashOf(event.subject), 0x85ebca6b)
    this.#traceHash = (hash ^ (hash >>> 13) ^ Math.round(event.atMs * 1000)) | 0
  }

  #hashOf(text: string): number {
    let hash = this.#labelHashes.get(text)
    if (hash === undefined) {
      hash = 0x811c9dc5
      for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
      this.#labelHashes.set(text, hash)
    }
    return hash
  }

  #push(event: ScheduledEvent): void {
    const heap = this.#heap
    let child = heap.length
    heap.push(event)
    while (child > 0) {
      const parent = (child - 1) >>> 1
      if (!before(event, heap[parent]!)) break
      heap[child] = heap[parent]!
      child = parent
    }
    heap[child] = event
  }

  #pop(): ScheduledEvent | undefined {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (last === undefined || last === top) return top
    let hole = 0
    for (;;) {
      let child = 2 * hole + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[hole] = heap[child]!
      hole = child
    }
    heap[hole] = last
    return top
  }
}

interface Wait {
  readonly what: string
  readonly deadlineMs: number
  settled: (() => void) | undefined
  readonly fail: (error: unknown) => void
}

const before = (a: ScheduledEvent, b: ScheduledEvent): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
