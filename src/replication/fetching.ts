/**
 * Good copies of bad blocks, from the other replicas: a replica asks its primary, a primary its replicas, one after the
 * other, the best first. A version is asked for exactly, held against its checksum before it is sent and after it came,
 * and never another one in its place. A bounded number is asked of a peer at a time, more wait; who has no copy after 5 s
 * gets none.
 */
import { isBlockError } from '../base/errors.ts'
import type { Clock, Timer } from '../base/ports/clock.ts'
import { BLOCK_BYTES, type Epoch } from '../base/units.ts'
import type { ExactVersion } from '../blockvol/api.ts'
import { isExactly } from '../blockvol/exact-versions.ts'
import type { ReplicaVolume } from '../blockvol/replica/replica-volume.ts'
import { type ConnectionId, sameEpoch } from '../v2engine/identity.ts'
import type { PeerLink } from './peer-links.ts'
import { encodeFetch, encodeFetched, type Fetch, type Fetched } from './wire/fetch.ts'
import { FRAME } from './wire/frame.ts'

/** Questions of one connection without an answer. */
const OUTSTANDING_MAX = 16
/** What the answering side takes of one connection at a time: a little more, for its clock is another one. */
const ANSWERING_MAX = 32
/** Questions that wait or are asked, of all connections. */
const ASKED_MAX = 1024
const FETCH_MS = 5_000
/** Of one peer, while there are others. */
const PEER_MS = 2_000

interface Asked {
  readonly connection: ConnectionId
  readonly epoch: Epoch
  readonly isSent: boolean
  send(): void
  answered(outcome: Fetched['outcome'] | undefined): void
}

export interface FetchingOptions {
  readonly clock: Clock
  readonly storage: Pick<ReplicaVolume, 'readExact'>
  /** Replicas that have this one's history, the best first, and the epoch in which they do. */
  readonly peers: () => { readonly epoch: Epoch; readonly links: readonly PeerLink[] }
}

export class Fetching {
  readonly #o: FetchingOptions
  /** By number, in the order in which they were asked. */
  readonly #asked = new Map<number, Asked>()
  readonly #answering = new Map<ConnectionId, number>()
  #lastId = 0
  #isOver = false

  constructor(options: FetchingOptions) {
    this.#o = options
  }

  /** The version's content; undefined when no peer has a good copy of it, or none answers. Rejects never. */
  async fetch(wanted: ExactVersion): Promise<Uint8Array | undefined> {
    const { clock, peers } = this.#o
    const untilMs = clock.monotonicMs() + FETCH_MS
    const { epoch, links } = peers()
    for (const [i, peer] of links.entries()) {
      const leftMs = untilMs - clock.monotonicMs()
      if (this.#isOver || leftMs <= 0 || !peers().links.includes(peer)) continue
      const isLast = i === links.length - 1
      const outcome = await this.#ask(peer, epoch, wanted, isLast ? leftMs : Math.min(leftMs, PEER_MS))
      if (outcome?.kind === 'found' && isExactly(outcome.data, wanted)) return outcome.data
    }
    return undefined
  }

  /** Whether this one has a good copy; undefined when it cannot tell now. Rejects never. */
  async has(peer: PeerLink, wanted: ExactVersion): Promise<boolean | undefined> {
    const outcome = this.#isOver ? undefined : await this.#ask(peer, this.#o.peers().epoch, wanted, FETCH_MS)
    if (outcome === undefined || outcome.kind === 'busy') return undefined
    return outcome.kind === 'found' && isExactly(outcome.data, wanted)
  }

  #ask(
    peer: PeerLink,
    epoch: Epoch,
    wanted: ExactVersion,
    forMs: number,
  ): Promise<Fetched['outcome'] | undefined> {
    if (this.#asked.size >= ASKED_MAX) return Promise.resolve(undefined)
    const { promise, resolve } = Promise.withResolvers<Fetched['outcome'] | undefined>()
    const { connection, link } = peer
    this.#lastId = this.#lastId === 0xffff_ffff ? 1 : this.#lastId + 1
    const id = this.#lastId
    const asked = {
      connection,
      epoch,
      isSent: false,
      send: (): void => {
        asked.isSent = true
        link.send(FRAME.fetch, [encodeFetch({ epoch, id, wanted })])
      },
      answered: (outcome: Fetched['outcome'] | undefined): void => {
        timer.cancel()
        this.#asked.delete(id)
        resolve(outcome)
        this.#pump(connection)
      },
    }
    const timer: Timer = this.#o.clock.after(forMs, () => asked.answered(undefined))
    this.#asked.set(id, asked)
    this.#pump(connection)
    return promise
  }

  /** Sends what waits, as far as it may. */
  #pump(connection: ConnectionId): void {
    let outstanding = 0
    for (const asked of this.#asked.values()) {
      if (asked.connection !== connection) continue
      if (++outstanding > OUTSTANDING_MAX) return
      if (!asked.isSent) asked.send()
    }
  }

  /** An answer. One that came too late is dropped, and so is one of another epoch or connection. */
  take({ connection }: PeerLink, { id, epoch, outcome }: Fetched): void {
    const asked = this.#asked.get(id)
    if (asked?.connection !== connection || !asked.isSent || !sameEpoch(asked.epoch, epoch)) return
    asked.answered(outcome)
  }

  /** Answers a peer, from what is here. */
  async answer({ connection, link }: PeerLink, { epoch, id, wanted }: Fetch): Promise<void> {
    const underway = this.#answering.get(connection) ?? 0
    let outcome: Fetched['outcome'] = { kind: 'busy' }
    if (!this.#isOver && underway < ANSWERING_MAX && sameEpoch(this.#o.peers().epoch, epoch)) {
      this.#answering.set(connection, underway + 1)
      outcome = await this.#found(wanted)
      const left = this.#answering.get(connection)
      if (left !== undefined) this.#answering.set(connection, left - 1)
    }
    link.send(FRAME.fetched, encodeFetched({ epoch, id, outcome }))
  }

  async #found(wanted: ExactVersion): Promise<Fetched['outcome']> {
    const data = new Uint8Array(BLOCK_BYTES)
    try {
      return (await this.#o.storage.readExact(wanted, data)) ? { kind: 'found', data } : { kind: 'missing' }
    } catch (error) {
      // closed or cut meanwhile, or a page of the map cannot be read now
      if (!isBlockError(error)) throw error
      return { kind: 'busy' }
    }
  }

  /** The connection is gone: what was asked on it is not answered any more. */
  lost(connection: ConnectionId): void {
    for (const asked of [...this.#asked.values()])
      if (asked.connection === connection) asked.answered(undefined)
    this.#answering.delete(connection)
  }

  /** Nobody waits any more for what was asked so far: the log is about to be cut. */
  giveUp(): void {
    for (const asked of [...this.#asked.values()]) asked.answered(undefined)
  }

  /** Nothing is asked or answered any more. */
  end(): void {
    this.#isOver = true
    this.giveUp()
  }
}
