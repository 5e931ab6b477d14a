/**
 * What a replica asks its primary on behalf of hosts, over the connection that the primary made: numbered, a bounded
 * number at a time, each answered or BUSY after 5 s. Nothing is asked twice by itself: when the link is lost nobody
 * knows whether a question was carried out, and the host decides.
 */
import { BlockError, isBlockError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Clock, Timer } from '../base/ports/clock.ts'
import type { Epoch } from '../base/units.ts'
import { type ConnectionId, sameEpoch } from '../v2engine/identity.ts'
import type { LedDevice } from './device.ts'
import type { PeerLink } from './peer-links.ts'
import { encodeForward, encodeForwarded, type Forward, type Forwarded } from './wire/forward.ts'
import { FORWARD_BYTES_MAX, FRAME } from './wire/frame.ts'

/** Questions of one connection that were not answered. */
const OUTSTANDING_MAX = 32
const ANSWER_MS = 5_000
/** The primary carries nothing out that is as old: by clocks that drift a tenth apart the replica has not given it up. */
const FRESH_MS = 4_500

interface Asked {
  readonly connection: ConnectionId
  readonly epoch: Epoch
  readonly timer: Timer
  answered(bytes: Uint8Array | undefined): void
}

export interface ForwardingOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly volume: string
  /** The connection of the primary that this replica obeys, and its epoch. */
  readonly leader: () => { readonly peer: PeerLink; readonly epoch: Epoch } | undefined
  /** What hosts are served from while this server leads. */
  readonly led: () => LedDevice | undefined
}

export class Forwarding {
  readonly #o: ForwardingOptions
  readonly #asked = new Map<number, Asked>()
  readonly #answering = new Map<ConnectionId, number>()
  /** What the newest pulse of the primary says of its clock. */
  readonly #heard = new Map<ConnectionId, number>()
  #lastId = 0

  constructor(options: ForwardingOptions) {
    this.#o = options
  }

  /** Asks the primary. BUSY when there is none, too much is asked already, it refuses, or does not answer in time. */
  async ask(bytes: Uint8Array): Promise<Uint8Array> {
    if (bytes.byteLength > FORWARD_BYTES_MAX) {
      throw new BlockError('INVALID_ARGUMENT', `more than ${FORWARD_BYTES_MAX} bytes are not forwarded`)
    }
    const leader = this.#o.leader()
    if (leader === undefined || this.#asked.size >= OUTSTANDING_MAX) throw this.#busy()
    const { peer, epoch } = leader
    const heardMs = this.#heard.get(peer.connection)
    if (heardMs === undefined) throw this.#busy()
    const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>()
    const id = this.#lastId === 0xffff_ffff ? 1 : this.#lastId + 1
    this.#lastId = id
    const answered = (answer: Uint8Array | undefined): void => {
      this.#asked.get(id)?.timer.cancel()
      this.#asked.delete(id)
      resolve(answer)
    }
    const timer = this.#o.clock.after(ANSWER_MS, () => answered(undefined))
    this.#asked.set(id, { connection: peer.connection, epoch, timer, answered })
    peer.link.send(FRAME.forward, [encodeForward({ epoch, heardMs, id, bytes })])
    const answer = await promise
    if (answer === undefined) throw this.#busy()
    return answer
  }

  /** The primary's pulse: sent at `askedAtMs` of its boot clock. */
  pulse(connection: ConnectionId, askedAtMs: number): void {
    this.#heard.set(connection, askedAtMs)
  }

  /** An answer. One that came too late is dropped, and so is one of another epoch or connection. */
  take({ connection }: PeerLink, { id, epoch, bytes }: Forwarded): void {
    const asked = this.#asked.get(id)
    if (asked?.connection === connection && sameEpoch(asked.epoch, epoch)) asked.answered(bytes)
  }

  /** The connection is gone: what was asked on it is not answered any more. */
  lost(connection: ConnectionId): void {
    for (const asked of [...this.#asked.values()])
      if (asked.connection === connection) asked.answered(undefined)
    this.#answering.delete(connection)
    this.#heard.delete(connection)
  }

  /** What was asked so far is not answered any more: this server leads, or ends. */
  end(): void {
    for (const asked of [...this.#asked.values()]) asked.answered(undefined)
  }

  /**
   * Answers a replica: as the front ends say while the epoch that it names is served here, else BUSY. What was under way for
   * so long that the replica may have told the host that it came to nothing is not carried out after that.
   */
  async answer({ connection, link }: PeerLink, { epoch, heardMs, id, bytes }: Forward): Promise<void> {
    const led = this.#o.led()
    const underway = this.#answering.get(connection) ?? 0
    const isFresh = this.#o.clock.bootMs() - heardMs < FRESH_MS
    let answer: Uint8Array | undefined
    if (led !== undefined && sameEpoch(led.epoch, epoch) && isFresh && underway < OUTSTANDING_MAX) {
      this.#answering.set(connection, underway + 1)
      answer = await this.#answered(led, bytes)
      const left = this.#answering.get(connection)
      if (left !== undefined) this.#answering.set(connection, left - 1)
    }
    link.send(FRAME.forwarded, [encodeForwarded({ epoch, id, bytes: answer })])
  }

  async #answered(led: LedDevice, bytes: Uint8Array): Promise<Uint8Array | undefined> {
    const { logger, volume } = this.#o
    try {
      const answer = await led.answerForwarded(bytes)
      if (answer.byteLength <= FORWARD_BYTES_MAX) return answer
      logger.error('replication.forward-too-long', { volume, bytes: answer.byteLength })
    } catch (error) {
      if (!isBlockError(error)) throw error
    }
    return undefined
  }

  #busy(): BlockError {
    return new BlockError('BUSY', `volume ${this.#o.volume}: its primary does not answer now; ask again`)
  }
}
