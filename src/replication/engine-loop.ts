/**
 * The one owner of a replica's state: takes events up one at a time, and carries what the engine wants out in the order
 * that effects.ts promises. Events that come while something is made durable wait.
 *
 *     submit ─▶ queue ─▶ step ─▶ halt ▸ persist[0] ▸ persist[1] ▸ … durable ──▶ after ─▶ next
 *
 * An event that makes nothing durable is done within the call that submitted it. If `halt` or `persist` fails, what
 * should come after is dropped, and nothing is carried out any more.
 */
import { InvariantError } from '../base/assert.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { Effects, Persist } from '../v2engine/effects.ts'
import type { Event, Happening } from '../v2engine/events.ts'
import type { ReplicaState } from '../v2engine/state.ts'
import { step } from '../v2engine/step.ts'

/** `Beside`: what travels beside a message, and is not the engine's business. */
export interface Carrier<Beside> {
  halt(why: string): void | Promise<void>
  /** Resolves when the item is durable. */
  persist(item: Persist): Promise<void>
  /** Everything else. `beside` came with the event that it follows from. */
  after(effects: Effects, beside: Beside | undefined): void
  /** Nothing is carried out any more. */
  failed(error: unknown): void
}

/** An event, or what makes it when its turn comes; undefined: there is none any more. */
type Source = Happening | (() => Happening | undefined)

interface With<Beside> {
  readonly beside?: Beside
  /** Called when the event is dealt with, also if that came to nothing. */
  readonly done?: () => void
}

interface Queued<Beside> extends With<Beside> {
  readonly source: Source
}

export class EngineLoop<Beside> {
  readonly #state: ReplicaState
  readonly #clock: Clock
  readonly #carrier: Carrier<Beside>
  #queue: Queued<Beside>[] = []
  /** An event is being dealt with; at first, what comes with the opening. */
  #isBusy = true
  #isEnded = false

  constructor(state: ReplicaState, clock: Clock, carrier: Carrier<Beside>) {
    this.#state = state
    this.#clock = clock
    this.#carrier = carrier
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Milliseconds of the clock that leases are counted by, whole ones: they go over the wire. */
  nowMs(): number {
    return Math.floor(this.#clock.bootMs())
  }

  /** What came with the opening; resolves when it is carried out. Rejects when it could not be. */
  async begin(effects: Effects): Promise<void> {
    await this.#carryOut(effects, undefined)
    this.#isBusy = false
    this.#run()
  }

  submit(source: Source, more: With<Beside> = {}): void {
    if (this.#isEnded) {
      more.done?.()
      return
    }
    this.#queue.push({ source, ...more })
    this.#run()
  }

  /** Nothing more is carried out; what waits is dropped. */
  end(): void {
    this.#isEnded = true
    const dropped = this.#queue
    this.#queue = []
    for (const { done } of dropped) done?.()
  }

  #run(): void {
    while (!this.#isBusy) {
      const queued = this.#queue.shift()
      if (queued === undefined) return
      this.#isBusy = true
      const later = this.#take(queued)
      if (later === undefined) this.#isBusy = false
      else void later.finally(() => this.#next())
    }
  }

  #next(): void {
    this.#isBusy = false
    this.#run()
  }

  /** A promise when the event needs something durable first. */
  #take({ source, beside, done }: Queued<Beside>): Promise<void> | undefined {
    let later: Promise<void> | undefined
    try {
      const happening = typeof source === 'function' ? source() : source
      if (happening === undefined) return undefined
      const event: Event = { ...happening, nowMs: this.nowMs() }
      const effects = step(this.#state, event)
      if (effects.halt === null && effects.persist.length === 0) this.#carrier.after(effects, beside)
      else later = this.#carryOutOrFail(effects, beside)
      return later
    } catch (error) {
      this.#fail(error)
      throw error
    } finally {
      if (later === undefined) done?.()
      else if (done !== undefined) void later.finally(done)
    }
  }

  async #carryOutOrFail(effects: Effects, beside: Beside | undefined): Promise<void> {
    try {
      await this.#carryOut(effects, beside)
    } catch (error) {
      this.#fail(error)
      if (error instanceof InvariantError) throw error
    }
  }

  async #carryOut(effects: Effects, beside: Beside | undefined): Promise<void> {
    if (effects.halt !== null) await this.#carrier.halt(effects.halt.why)
    for (const item of effects.persist) {
      if (this.#isEnded) return
      await this.#carrier.persist(item)
    }
    if (!this.#isEnded) this.#carrier.after(effects, beside)
  }

  #fail(error: unknown): void {
    this.end()
    this.#carrier.failed(error)
  }
}
