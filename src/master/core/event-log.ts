/**
 * The cluster's log: the last so many events, numbered for ever. What happens again within a window is counted in the
 * event that tells of it already. `plan` decides and changes nothing; `apply` follows when the plan is durable.
 */
import type { EventQuery } from '../master-api.ts'
import type { EventRecord } from '../records.ts'
import type { NewEvent } from './records-view.ts'

export interface EventLogOptions {
  /** Events kept. */
  readonly countMax: number
  /** How long after it was last seen an event is counted instead of written again; of the wall clock. */
  readonly windowMs: number
}

export interface EventPlan {
  /** New events, and those that are counted up, in the order in which they came. */
  readonly told: readonly EventRecord[]
  /** Of those, what is to be kept. */
  readonly puts: readonly EventRecord[]
  /** Numbers of events that make room. */
  readonly removes: readonly number[]
}

/** Removed events are cut off the array when they are so many. */
const CUT_COUNT = 1024

export class EventLog {
  readonly #options: EventLogOptions
  /** By rising number; those before `#start` are removed. */
  #events: EventRecord[] = []
  #start = 0
  /** The newest event of each identity. */
  readonly #newest = new Map<string, EventRecord>()

  /** `events` in the order of their numbers. */
  constructor(options: EventLogOptions, events: readonly EventRecord[]) {
    this.#options = options
    for (const event of events) this.#put(event)
  }

  plan(news: readonly NewEvent[], nowMs: number): EventPlan {
    if (news.length === 0) return { told: [], puts: [], removes: [] }
    const told = new Map<number, EventRecord>()
    const newest = new Map<string, EventRecord>()
    let next = (this.#events.at(-1)?.number ?? 0) + 1
    for (const event of news) {
      const identity = identityOf(event)
      const before = newest.get(identity) ?? this.#newest.get(identity)
      const isRepeated = before !== undefined && Math.abs(nowMs - before.lastAt) < this.#options.windowMs
      const record = isRepeated ? repeated(before, event, nowMs) : firstOf(event, next++, nowMs)
      newest.set(identity, record)
      told.set(record.number, record)
    }
    const list = [...told.values()]
    const oldest = next - this.#options.countMax
    return {
      told: list,
      puts: list.filter(({ number }) => number >= oldest),
      removes: this.#numbersBelow(oldest),
    }
  }

  apply(plan: EventPlan): void {
    for (const event of plan.puts) this.#put(event)
    for (const number of plan.removes) this.#remove(number)
  }

  /**
   * With `after`: the first `limit` events with greater numbers. Without: the last `limit`. In the order of their numbers.
   */
  list(query: EventQuery): readonly EventRecord[] {
    const { after, volume, server, limit } = query
    const found: EventRecord[] = []
    const matches = (event: EventRecord): boolean =>
      (volume === undefined || event.volume === volume) && (server === undefined || event.server === server)
    if (after !== undefined) {
      for (let i = this.#place(after + 1); i < this.#events.length && found.length < limit; i++) {
        if (matches(this.#events[i]!)) found.push(this.#events[i]!)
      }
      return found
    }
    for (let i = this.#events.length - 1; i >= this.#start && found.length < limit; i--) {
      if (matches(this.#events[i]!)) found.push(this.#events[i]!)
    }
    return found.reverse()
  }

  #numbersBelow(oldest: number): number[] {
    const numbers: number[] = []
    for (let i = this.#start; i < this.#events.length && this.#events[i]!.number < oldest; i++) {
      numbers.push(this.#events[i]!.number)
    }
    return numbers
  }

  #put(event: EventRecord): void {
    const place = this.#place(event.number)
    this.#events[place] = event
    const identity = identityOf(event)
    if ((this.#newest.get(identity)?.number ?? 0) <= event.number) this.#newest.set(identity, event)
  }

  /** Only the oldest goes. */
  #remove(number: number): void {
    const event = this.#events[this.#start]
    if (event === undefined || event.number !== number) return
    this.#start++
    const identity = identityOf(event)
    if (this.#newest.get(identity)?.number === number) this.#newest.delete(identity)
    if (this.#start < CUT_COUNT) return
    this.#events = this.#events.slice(this.#start)
    this.#start = 0
  }

  /** The place of the first event whose number is not below `number`. */
  #place(number: number): number {
    let [from, to] = [this.#start, this.#events.length]
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.#events[middle]!.number < number) from = middle + 1
      else to = middle
    }
    return from
  }
}

/** What makes two events the same one seen twice. Who did it is part of it: the log is the audit log too. */
const identityOf = (event: NewEvent): string =>
  JSON.stringify([
    event.kind,
    event.severity,
    event.actor,
    event.volume ?? null,
    event.server ?? null,
    event.reason ?? null,
    event.epoch ?? null,
    event.message,
  ])

const firstOf = (event: NewEvent, number: number, nowMs: number): EventRecord => ({
  number,
  at: nowMs,
  lastAt: nowMs,
  count: 1,
  severity: event.severity,
  kind: event.kind,
  actor: event.actor,
  volume: event.volume ?? null,
  server: event.server ?? null,
  message: event.message,
  reason: event.reason ?? null,
  epoch: event.epoch ?? null,
  lsn: event.lsn ?? null,
  requestId: event.requestId ?? null,
})

/** Counted up, with what the latest one says of LSN and request. */
const repeated = (before: EventRecord, event: NewEvent, nowMs: number): EventRecord => ({
  ...before,
  lastAt: nowMs,
  count: before.count + 1,
  lsn: event.lsn ?? before.lsn,
  requestId: event.requestId ?? before.requestId,
})
