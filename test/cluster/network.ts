/**
 * Connections between servers and datagrams to the authority. A connection keeps the order of its frames; when a frame
 * is lost the connection is broken, and each side hears of that at its own time. Frames that are on their way when it
 * breaks may still arrive, late. Cuts hold one way or both.
 */
import { type ConnectionId, connectionId } from '../../src/v2engine/identity.ts'
import type { SeededRandom } from '../sim/random.ts'
import type { Timeline } from './timeline.ts'

interface Ends<Frame> {
  readonly up: (connection: ConnectionId) => void
  readonly down: (connection: ConnectionId | null) => void
  readonly frame: (connection: ConnectionId, frame: Frame) => void
}

interface Connection<Frame> {
  readonly id: ConnectionId
  readonly ends: ReadonlyMap<string, Ends<Frame>>
  readonly lastMs: Map<string, number>
  isBroken: boolean
}

export class Network<Frame> {
  readonly #timeline: Timeline
  readonly #random: SeededRandom
  readonly #connections = new Map<ConnectionId, Connection<Frame>>()
  readonly #cuts = new Map<string, number>()
  #next = 1
  /** Nothing is lost or late by chance. */
  isCalm = false

  constructor(timeline: Timeline, random: SeededRandom) {
    this.#timeline = timeline
    this.#random = random
  }

  /** All cuts are over. */
  heal(): void {
    this.#cuts.clear()
  }

  cut(from: string, to: string, forMs: number): void {
    this.#cuts.set(`${from}>${to}`, this.#timeline.nowMs + forMs)
  }

  isCut(from: string, to: string): boolean {
    return (this.#cuts.get(`${from}>${to}`) ?? 0) > this.#timeline.nowMs
  }

  connect(from: string, to: string, own: Ends<Frame>, other: Ends<Frame> | undefined): void {
    const delayMs = 1 + this.#random.integer(5)
    this.#timeline.after(delayMs, () => {
      if (other === undefined || this.isCut(from, to) || this.isCut(to, from)) {
        own.down(null)
        return
      }
      const id = connectionId(this.#next++)
      const ends = new Map([
        [from, own],
        [to, other],
      ])
      this.#connections.set(id, { id, ends, lastMs: new Map(), isBroken: false })
      own.up(id)
    })
  }

  send(from: string, to: string, id: ConnectionId, frame: Frame): void {
    const connection = this.#connections.get(id)
    if (connection === undefined || connection.isBroken) return
    if (this.isCut(from, to) || (!this.isCalm && this.#random.chance(0.003))) {
      this.break(id)
      return
    }
    const isSlow = !this.isCalm && this.#random.chance(0.02)
    const delayMs = 1 + this.#random.integer(isSlow ? 800 : 3)
    const atMs = Math.max(this.#timeline.nowMs + delayMs, connection.lastMs.get(to) ?? 0)
    connection.lastMs.set(to, atMs)
    this.#timeline.after(atMs - this.#timeline.nowMs, () => connection.ends.get(to)!.frame(id, frame))
  }

  break(id: ConnectionId): void {
    const connection = this.#connections.get(id)
    if (connection === undefined || connection.isBroken) return
    connection.isBroken = true
    this.#connections.delete(id)
    for (const ends of connection.ends.values()) {
      this.#timeline.after(this.#random.integer(1500), () => ends.down(id))
    }
  }

  /** One side closes; both hear of it. */
  close(between: readonly [string, string], id: ConnectionId | null): void {
    for (const connection of [...this.#connections.values()]) {
      const isMeant = id === null ? between.every((end) => connection.ends.has(end)) : connection.id === id
      if (isMeant) this.break(connection.id)
    }
  }

  /** A process is gone, and all its connections with it. */
  closeAll(of: string): void {
    for (const connection of [...this.#connections.values()]) {
      if (connection.ends.has(of)) this.break(connection.id)
    }
  }

  /** A message without a connection: lost, doubled, late. */
  datagram(from: string, to: string, deliver: () => void): void {
    if (this.isCut(from, to) || (!this.isCalm && this.#random.chance(0.05))) return
    const copies = !this.isCalm && this.#random.chance(0.05) ? 2 : 1
    for (let i = 0; i < copies; i++) {
      const isLate = !this.isCalm && this.#random.chance(0.05)
      this.#timeline.after(1 + this.#random.integer(isLate ? 5000 : 20), deliver)
    }
  }
}
