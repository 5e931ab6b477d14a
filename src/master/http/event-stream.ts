/**
 * The log of events as server-sent events (WHATWG HTML §9.2), for one client. Events are pulled from the log as the
 * client takes them, so that a slow one costs a cursor and not memory; one that takes nothing for a while is dropped, and
 * comes back with `Last-Event-ID`. An event that repeats one already sent is sent again with its new count, under the
 * same id, unless the client is behind: what it misses then is a number, not an event.
 *
 *   caught up ──the client takes no more──► behind ──it has read up to the log's end──► caught up
 */
import { Readable } from 'node:stream'
import type { Static } from 'typebox'
import type { Clock, Timer } from '../../base/ports/clock.ts'
import type { EventFilter, MasterApi } from '../master-api.ts'
import type { EventRecord } from '../records.ts'
import { type Event, eventResource } from './cluster-resource.ts'

export interface EventStreamOptions {
  readonly api: Pick<MasterApi, 'events' | 'subscribe'>
  readonly filter: EventFilter
  /** Number of the last event that the client has; undefined: only what comes from now on. */
  readonly after: number | undefined
  readonly clock: Clock
  /** Asked at each beat: a token may be revoked meanwhile. */
  readonly isStillAdmitted: () => boolean
}

/** A comment goes out so often, so that both sides notice a connection that is gone. */
export const BEAT_MS = 15_000
/** Beats that a client may take nothing before it is dropped. */
const BLOCKED_BEATS_MAX = 2
const BATCH = 100

export class EventStream extends Readable {
  readonly #options: EventStreamOptions
  readonly #unsubscribe: () => void
  #beat: Timer
  /** Number of the last event that was pushed or passed over. */
  #cursor: number
  #isBehind: boolean
  /** The reader asked for more, and has not been given enough. */
  #isWanted = false
  #blockedBeats = 0

  constructor(options: EventStreamOptions) {
    super({ highWaterMark: 64 * 1024 })
    this.#options = options
    this.#cursor = options.after ?? 0
    this.#isBehind = options.after !== undefined
    this.#unsubscribe = options.api.subscribe((event) => this.#onEvent(event))
    this.#beat = options.clock.after(BEAT_MS, () => this.#onBeat())
    this.push(': events of the cluster\n\n')
  }

  override _read(): void {
    this.#isWanted = true
    this.#blockedBeats = 0
    this.#pull()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#unsubscribe()
    this.#beat.cancel()
    done(error)
  }

  #onEvent(event: EventRecord): void {
    const { volume, server } = this.#options.filter
    if (volume !== undefined && event.volume !== volume) return
    if (server !== undefined && event.server !== server) return
    if (this.#isBehind || !this.#isWanted) {
      // Where to go on from, when nothing has been sent yet.
      if (!this.#isBehind && event.number > this.#cursor) {
        this.#cursor = Math.max(this.#cursor, event.number - 1)
        this.#isBehind = true
      }
      return
    }
    this.#send(event)
  }

  #pull(): void {
    const { api, filter } = this.#options
    while (this.#isBehind && this.#isWanted) {
      const events = api.events({ ...filter, after: this.#cursor, limit: BATCH })
      if (events.length === 0) this.#isBehind = false
      for (const event of events) {
        if (!this.#isWanted) break
        this.#send(event)
      }
    }
  }

  #send(event: EventRecord): void {
    this.#cursor = Math.max(this.#cursor, event.number)
    const data: Static<typeof Event> = eventResource(event)
    this.#isWanted = this.push(`id: ${event.number}\ndata: ${JSON.stringify(data)}\n\n`)
  }

  #onBeat(): void {
    if (!this.#isWanted) this.#blockedBeats++
    if (this.#blockedBeats > BLOCKED_BEATS_MAX || !this.#options.isStillAdmitted()) {
      this.destroy()
      return
    }
    if (this.#isWanted) this.#isWanted = this.push(': \n\n')
    this.#beat = this.#options.clock.after(BEAT_MS, () => this.#onBeat())
  }
}
