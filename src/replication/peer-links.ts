/**
 * A replica's connections to the other replicas of its volume. Who leads connects, who follows accepts: so each server
 * has at most one connection out and one in, and a second one of the same peer takes the place of the first. Frames are
 * decoded and checked here; what a peer may not say in its role ends the connection.
 */

import { parseHostPort } from '../base/address.ts'
import type { BufferPool } from '../base/buffer-pool.ts'
import { isBlockError } from '../base/errors.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { Connection, Net } from '../base/ports/net.ts'
import type { Random } from '../base/ports/random.ts'
import type { Epoch } from '../base/units.ts'
import { type ConnectionId, connectionId, type ServerId } from '../v2engine/identity.ts'
import type { PeerMessage, PrimaryMessage } from '../v2engine/messages.ts'
import type { VolumeIdentity } from './handshake.ts'
import { type LinkEnd, type LinkHandlers, ReplicationLink } from './link.ts'
import { decodeEntries, type WireEntry } from './wire/entries.ts'
import type { FrameKind } from './wire/frame.ts'
import { NONCE_BYTES } from './wire/hello.ts'
import { decodeMessage, encodeMessage, isMessage } from './wire/messages.ts'

/** A known peer's connection. `side`: whether this server made it (and leads) or accepted it (and follows). */
export interface PeerLink {
  readonly server: ServerId
  readonly connection: ConnectionId
  readonly side: 'connector' | 'acceptor'
  readonly link: ReplicationLink
}

/** Entries that came with a message. Their data are lent until `release` is called. */
export interface Attached {
  readonly epoch: Epoch
  readonly entries: readonly WireEntry[]
  release(): void
}

interface PeerLinksHandlers {
  up(peer: PeerLink): void
  /** It is gone; null: it could not be made. */
  down(server: ServerId, connection: ConnectionId | null): void
  /** `attached` comes with `entries` alone. */
  message(peer: PeerLink, message: PeerMessage, attached: Attached | undefined): void
  /** Any other frame: of a resync. `release` has to be called. False: it cannot be understood, or may not come. */
  frame(peer: PeerLink, kind: FrameKind, payload: Uint8Array, release: () => void): boolean
  /** More may be sent. */
  drained(peer: PeerLink): void
  /** Why a connection ended, when it was not closed in the ordinary way. */
  fault(server: ServerId, why: LinkEnd): void
}

export interface PeerLinksOptions {
  readonly net: Net
  readonly clock: Clock
  readonly random: Random
  readonly pool: BufferPool
  readonly server: ServerId
  readonly clusterId: Uint8Array
  readonly clusterKey: Uint8Array
  /** This replica's facts for a handshake, as they are now. */
  readonly identity: () => VolumeIdentity
  readonly connectMs: number
  readonly handshakeMs: number
  readonly silenceMs: number
  readonly handlers: PeerLinksHandlers
}

/** What a listener hands the frames of an accepted connection to. */
export type LinkReceiver = Pick<LinkHandlers, 'frame' | 'drain' | 'ended'>

/** An attempt at a connection. */
interface Attempt {
  readonly server: ServerId
  link: ReplicationLink | undefined
}

const FROM_PRIMARY: ReadonlySet<PeerMessage['kind']> = new Set<PrimaryMessage['kind']>([
  'lead',
  'plan',
  'entries',
  'pulse',
  'barrier',
  'release',
])

export class PeerLinks {
  readonly #o: PeerLinksOptions
  readonly #links = new Map<ConnectionId, PeerLink>()
  readonly #attempts = new Map<ServerId, Attempt>()
  #lastConnection = 0
  #isClosed = false

  constructor(options: PeerLinksOptions) {
    this.#o = options
  }

  /** The connection that this server made, if it is up. */
  outgoing(server: ServerId): PeerLink | undefined {
    return this.#find(server, 'connector')
  }

  get(connection: ConnectionId): PeerLink | undefined {
    return this.#links.get(connection)
  }

  /** Those of these connections that are up. */
  all(connections: readonly ConnectionId[]): readonly PeerLink[] {
    return connections.flatMap((connection) => this.#links.get(connection) ?? [])
  }

  #find(server: ServerId, side: PeerLink['side']): PeerLink | undefined {
    for (const peer of this.#links.values()) if (peer.server === server && peer.side === side) return peer
    return undefined
  }

  /**
   * Connects to a server at `endpoint`, HOST:PORT. Ends in `up` or in `down` with null, unless `disconnect` or another
   * `connect` comes before.
   */
  connect(server: ServerId, endpoint: string): void {
    this.#drop(server)
    if (this.#isClosed) return
    const attempt: Attempt = { server, link: undefined }
    this.#attempts.set(server, attempt)
    void this.#attempt(attempt, endpoint)
  }

  async #attempt(attempt: Attempt, endpoint: string): Promise<void> {
    let connection: Connection
    try {
      const address = parseHostPort(endpoint, `the endpoint of ${attempt.server}`)
      connection = await this.#o.net.connect({ ...address, timeoutMs: this.#o.connectMs })
    } catch (error) {
      if (!isBlockError(error)) throw error
      this.#fail(attempt, { kind: 'closed', error })
      return
    }
    if (this.#attempts.get(attempt.server) === attempt) this.#begin(attempt, connection)
    else connection.destroy()
  }

  #begin(attempt: Attempt, connection: Connection): void {
    const { clusterId, clusterKey, server, random, identity, pool, clock } = this.#o
    let peer: PeerLink | undefined
    const link = new ReplicationLink({
      connection,
      handshake: {
        clusterId,
        clusterKey,
        server,
        nonce: random.bytes(NONCE_BYTES),
        connect: { volume: identity(), wanted: attempt.server },
        accept: identity,
      },
      pool,
      clock,
      handshakeMs: this.#o.handshakeMs,
      silenceMs: this.#o.silenceMs,
      handlers: {
        known: () => {
          this.#attempts.delete(attempt.server)
          peer = this.#add(attempt.server, 'connector', link)
          this.#o.handlers.up(peer)
        },
        frame: (kind, payload, release) => this.#frame(peer, kind, payload, release),
        drain: () => peer !== undefined && this.#o.handlers.drained(peer),
        ended: (why) => {
          if (peer === undefined) this.#fail(attempt, why)
          else this.#ended(peer, why)
        },
      },
    })
    attempt.link = link
  }

  #fail(attempt: Attempt, why: LinkEnd): void {
    if (this.#attempts.get(attempt.server) !== attempt) return
    this.#attempts.delete(attempt.server)
    this.#o.handlers.fault(attempt.server, why)
    this.#o.handlers.down(attempt.server, null)
  }

  /** A connection of a peer that has proved who it is: it takes the place of an earlier one. */
  accept(link: ReplicationLink, server: ServerId): LinkReceiver {
    if (this.#isClosed) link.refuse('unknownVolume', 'the volume is closed')
    else this.#find(server, 'acceptor')?.link.close()
    const peer = this.#add(server, 'acceptor', link)
    return {
      frame: (kind, payload, release) => this.#frame(peer, kind, payload, release),
      drain: () => this.#o.handlers.drained(peer),
      ended: (why) => this.#ended(peer, why),
    }
  }

  #add(server: ServerId, side: PeerLink['side'], link: ReplicationLink): PeerLink {
    const peer = { server, side, link, connection: connectionId(++this.#lastConnection) }
    this.#links.set(peer.connection, peer)
    return peer
  }

  #ended(peer: PeerLink, why: LinkEnd): void {
    this.#links.delete(peer.connection)
    if (why.kind !== 'closed' || why.error !== undefined) this.#o.handlers.fault(peer.server, why)
    this.#o.handlers.down(peer.server, peer.connection)
  }

  /** Closes this connection, or, with null, the one that this server made to it and attempts at one. */
  disconnect(server: ServerId, connection: ConnectionId | null): void {
    if (connection === null) this.#drop(server)
    else this.#links.get(connection)?.link.close()
  }

  #drop(server: ServerId): void {
    const attempt = this.#attempts.get(server)
    this.#attempts.delete(server)
    attempt?.link?.close()
    this.outgoing(server)?.link.close()
  }

  /** Nothing is connected, and nothing will be. */
  closeAll(): void {
    this.#isClosed = true
    for (const attempt of [...this.#attempts.values()]) this.#drop(attempt.server)
    for (const { link } of [...this.#links.values()]) link.close()
  }

  /** Sends a message; what is for a connection that is gone is dropped. */
  send(connection: ConnectionId, message: PeerMessage): void {
    const peer = this.#links.get(connection)
    if (peer === undefined) return
    const { kind, payload } = encodeMessage(message)
    peer.link.send(kind, [payload])
  }

  #frame(peer: PeerLink | undefined, kind: FrameKind, payload: Uint8Array, release: () => void): void {
    if (peer === undefined || this.#isClosed) {
      release()
      return
    }
    if (!isMessage(kind)) {
      if (!this.#o.handlers.frame(peer, kind, payload, release))
        this.#refuse(peer, 'a frame that may not come')
      return
    }
    const decoded = decodeMessage(kind, payload)
    const isAllowed =
      decoded !== undefined && FROM_PRIMARY.has(decoded.message.kind) === (peer.side === 'acceptor')
    if (decoded?.message.kind !== 'entries' || !isAllowed) {
      release()
      if (isAllowed) this.#o.handlers.message(peer, decoded.message, undefined)
      else this.#refuse(peer, 'a message that cannot be read, or may not come')
      return
    }
    const decodedEntries = decodeEntries(payload.subarray(decoded.endBytes), decoded.message)
    if (decodedEntries === undefined) {
      release()
      this.#refuse(peer, 'entries that are not what their checksums say')
      return
    }
    this.#o.handlers.message(peer, decoded.message, { ...decodedEntries, release })
  }

  #refuse(peer: PeerLink, text: string): void {
    peer.link.refuse('protocol', text)
  }
}
