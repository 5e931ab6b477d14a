/**
 * Accepts replication connections for all replicas of a server: the handshake says which volume a connection is for, and
 * its replica gets it once the peer has proved who it is.
 */
import type { Connection, Listener, Net } from '../base/ports/net.ts'
import type { VolumePorts } from '../blockvol/api.ts'
import type { ServerId } from '../v2engine/identity.ts'
import { DEFAULT_BOUNDS } from '../v2engine/policy.ts'
import type { Refused, VolumeIdentity } from './handshake.ts'
import { ReplicationLink } from './link.ts'
import type { LinkReceiver } from './peer-links.ts'
import { RefusalLog } from './refusal-log.ts'
import type { Replica } from './replica.ts'
import { type Hello, NONCE_BYTES } from './wire/hello.ts'

/** For a handshake. */
const HANDSHAKE_MS = 2000
/** Connections whose peer is not known yet; more are closed at once. */
const UNKNOWN_MAX = 256

export interface ReplicationListenerOptions {
  readonly server: ServerId
  /** 16 bytes. */
  readonly clusterId: Uint8Array
  readonly clusterKey: Uint8Array
  readonly ports: Pick<VolumePorts, 'clock' | 'random' | 'pool' | 'logger'>
  /** Longest silence of a known peer; `goneMs` of the bounds, which is the default. */
  readonly silenceMs?: number
  /** The replica of a volume on this server, if it is open. */
  readonly replicaOf: (volumeUuid: Uint8Array) => Replica | undefined
}

export class ReplicationListener {
  readonly #o: ReplicationListenerOptions
  /** Links whose peer is not known yet. */
  readonly #unknown = new Set<ReplicationLink>()
  readonly #refusals: RefusalLog
  #listener: Listener | undefined
  #isClosed = false

  /** IN_USE when the address is taken; port 0 picks one. */
  static async listen(
    net: Net,
    address: { readonly host: string; readonly port: number },
    options: ReplicationListenerOptions,
  ): Promise<ReplicationListener> {
    const listener = new ReplicationListener(options)
    listener.#listener = await net.listen(address, (connection) => listener.#accept(connection))
    return listener
  }

  private constructor(options: ReplicationListenerOptions) {
    this.#o = options
    this.#refusals = new RefusalLog(options.ports.logger, options.ports.clock)
  }

  get host(): string {
    return this.#listener?.host ?? ''
  }

  get port(): number {
    return this.#listener?.port ?? 0
  }

  /** No more connections; those whose replicas have them stay. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const link of [...this.#unknown]) link.close()
    await this.#listener?.close()
  }

  #accept(connection: Connection): void {
    if (this.#isClosed || this.#unknown.size >= UNKNOWN_MAX) {
      connection.destroy()
      return
    }
    const { clusterId, clusterKey, server, ports } = this.#o
    let receiver: LinkReceiver | undefined
    const link: ReplicationLink = new ReplicationLink({
      connection,
      handshake: {
        clusterId,
        clusterKey,
        server,
        nonce: ports.random.bytes(NONCE_BYTES),
        accept: (peer) => this.#judge(peer),
      },
      pool: ports.pool,
      clock: ports.clock,
      handshakeMs: HANDSHAKE_MS,
      silenceMs: this.#o.silenceMs ?? DEFAULT_BOUNDS.goneMs,
      handlers: {
        known: (peer) => {
          this.#unknown.delete(link)
          const replica = this.#o.replicaOf(peer.volumeUuid)
          // it may have been closed since the peer said HELLO
          if (replica === undefined) link.close()
          else receiver = replica.accept(link, peer)
        },
        frame: (kind, payload, release) => {
          if (receiver === undefined) release()
          else receiver.frame(kind, payload, release)
        },
        drain: () => receiver?.drain(),
        ended: (why) => {
          this.#unknown.delete(link)
          if (receiver !== undefined) receiver.ended(why)
          else if (why.kind === 'refused' || why.kind === 'fault') {
            const [fault, reason] =
              why.kind === 'refused' ? [why.refused.refusal, why.refused.text] : [why.fault, why.fault]
            this.#refusals.refused(connection.remoteAddress, fault, reason)
          }
        },
      },
    })
    this.#unknown.add(link)
  }

  #judge(peer: Hello): VolumeIdentity | Refused {
    const replica = this.#o.replicaOf(peer.volumeUuid)
    if (replica === undefined) return { refusal: 'unknownVolume', text: 'this server has no such volume' }
    return replica.identity
  }
}
