/**
 * How two servers come to know each other on a new connection. Both have the cluster key; neither sends it. Each proves
 * that it has it with an HMAC-SHA256 over both HELLOs, nonces and all, under a name for its side, so that nothing of one
 * connection or side can be used in another.
 *
 *     connector                                  acceptor
 *        │ ── HELLO (nonce c) ─────────────────────▶ │   cluster, volume, server, version, epoch are judged
 *        │ ◀───────────── HELLO (nonce a), PROOF a ── │
 *        │ ── PROOF c ─────────────────────────────▶ │   known
 *      known
 *
 * Pure: frames in, frames and a verdict out. An answer never depends on how much of a proof was right.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { assert } from '../base/assert.ts'
import { FRAME, type FrameKind } from './wire/frame.ts'
import {
  commonVersion,
  decodeError,
  decodeHello,
  encodeError,
  encodeHello,
  type Hello,
  NONCE_BYTES,
  PROOF_BYTES,
  type Refusal,
  VERSIONS,
} from './wire/hello.ts'

export type Side = 'connector' | 'acceptor'

/** A frame to be sent. */
export interface OutFrame {
  readonly kind: FrameKind
  readonly payload: Uint8Array
}

export interface Refused {
  readonly refusal: Refusal
  readonly text: string
}

export type HandshakeOutcome =
  | { readonly kind: 'known'; readonly peer: Hello; readonly version: number }
  /** `by`: who refused. */
  | { readonly kind: 'refused'; readonly by: 'us' | 'peer'; readonly refused: Refused }

export interface HandshakeStep {
  readonly send: readonly OutFrame[]
  /** Present when it is over. */
  readonly outcome?: HandshakeOutcome
}

/** The volume that a connection is for, as one side has it. */
export type VolumeIdentity = Pick<Hello, 'volumeUuid' | 'epoch' | 'formatLevel' | 'levelMax'>

export interface HandshakeOptions {
  readonly clusterId: Uint8Array
  readonly clusterKey: Uint8Array
  /** Id of this server. */
  readonly server: string
  /** 32 random bytes, used once. */
  readonly nonce: Uint8Array
  /** Present at the connector: for which volume, and which server it wants. */
  readonly connect?: { readonly volume: VolumeIdentity; readonly wanted: string }
  /**
   * This side's own facts of the volume that the peer named, or why it does not want the peer for what it says of
   * itself. Asked before the peer has proved anything, so it must not change anything.
   */
  readonly accept: (peer: Hello) => VolumeIdentity | Refused
}

const NOTHING: HandshakeStep = { send: [] }

export class Handshake {
  readonly #o: HandshakeOptions
  readonly #side: Side
  #own: Uint8Array = new Uint8Array(0)
  /** What is awaited next. */
  #state: 'hello' | 'proof' | 'over' = 'hello'
  #peer: Hello | undefined
  #version = 0
  #transcript: readonly Uint8Array[] = []

  constructor(options: HandshakeOptions) {
    assert(options.nonce.byteLength === NONCE_BYTES, 'a nonce has 32 bytes')
    assert(options.clusterKey.byteLength > 0, 'there is a cluster key')
    this.#o = options
    this.#side = options.connect === undefined ? 'acceptor' : 'connector'
  }

  get isOver(): boolean {
    return this.#state === 'over'
  }

  /** What is sent first. */
  start(): HandshakeStep {
    const { connect } = this.#o
    if (connect === undefined) return NOTHING
    this.#own = this.#hello(connect.volume, connect.wanted)
    return { send: [{ kind: FRAME.hello, payload: this.#own }] }
  }

  #hello(volume: VolumeIdentity, wanted: string): Uint8Array {
    const { clusterId, server, nonce } = this.#o
    const { volumeUuid, epoch, formatLevel, levelMax } = volume
    const versions = { minVersion: VERSIONS.min, maxVersion: VERSIONS.max }
    const facts = { volumeUuid, epoch, formatLevel, levelMax }
    return encodeHello({ ...versions, clusterId, server, nonce, ...facts, wanted })
  }

  /** Takes one frame; the payload is not kept. */
  take(kind: FrameKind, payload: Uint8Array): HandshakeStep {
    assert(this.#state !== 'over', 'a handshake that is over takes no frames')
    if (kind === FRAME.error) return this.#end({ kind: 'refused', by: 'peer', refused: decodeError(payload) })
    if (kind === FRAME.hello && this.#state === 'hello') return this.#onHello(payload)
    if (kind === FRAME.proof && this.#state === 'proof') return this.#onProof(payload)
    return this.#refuse('protocol', 'a frame that does not belong into a handshake')
  }

  #onHello(payload: Uint8Array): HandshakeStep {
    const { clusterId, server, connect, accept } = this.#o
    const peer = decodeHello(Uint8Array.from(payload))
    if (peer === undefined) return this.#refuse('protocol', 'a HELLO that cannot be read')
    const version = commonVersion({ minVersion: VERSIONS.min, maxVersion: VERSIONS.max }, peer)
    if (version === undefined) {
      const theirs = `${peer.minVersion} to ${peer.maxVersion}`
      return this.#refuse('version', `versions ${VERSIONS.min} to ${VERSIONS.max} here, ${theirs} there`)
    }
    if (Buffer.compare(peer.clusterId, clusterId) !== 0) {
      return this.#refuse('wrongCluster', 'this server belongs to another cluster')
    }
    if (peer.wanted !== server) {
      return this.#refuse('otherServer', `this is server ${server}, not ${peer.wanted}`)
    }
    if (connect !== undefined && peer.server !== connect.wanted) {
      return this.#refuse('otherServer', `server ${connect.wanted} was expected, not ${peer.server}`)
    }
    const volume = accept(peer)
    if ('refusal' in volume) return this.#refuse(volume.refusal, volume.text)
    if (Buffer.compare(peer.volumeUuid, volume.volumeUuid) !== 0) {
      return this.#refuse('unknownVolume', 'the connection is for another volume')
    }
    if (peer.formatLevel > volume.levelMax || volume.formatLevel > peer.levelMax) {
      const here = `format level ${volume.formatLevel}, at most ${volume.levelMax}, here`
      const there = `${peer.formatLevel}, at most ${peer.levelMax}, there`
      return this.#refuse('formatLevel', `${here}; ${there}: one of the servers needs a newer release`)
    }
    this.#peer = peer
    this.#version = version
    this.#state = 'proof'
    const theirs = Uint8Array.from(payload)
    if (connect !== undefined) {
      this.#transcript = [this.#own, theirs]
      return NOTHING
    }
    this.#own = this.#hello(volume, peer.server)
    this.#transcript = [theirs, this.#own]
    return { send: [{ kind: FRAME.hello, payload: this.#own }, this.#proof()] }
  }

  #onProof(payload: Uint8Array): HandshakeStep {
    const expected = this.#hmac(this.#side === 'connector' ? 'acceptor' : 'connector')
    const isRight = payload.byteLength === PROOF_BYTES && timingSafeEqual(payload, expected)
    if (!isRight) return this.#refuse('notAuthentic', 'the cluster keys differ')
    const peer = this.#peer
    assert(peer !== undefined, 'a proof is awaited after a HELLO')
    const outcome = { kind: 'known', peer, version: this.#version } as const
    return this.#end(outcome, this.#side === 'connector' ? [this.#proof()] : [])
  }

  #proof(): OutFrame {
    return { kind: FRAME.proof, payload: this.#hmac(this.#side) }
  }

  #hmac(side: Side): Uint8Array {
    const hmac = createHmac('sha256', this.#o.clusterKey).update(`basalt replication ${side}\n`)
    for (const hello of this.#transcript) {
      const lengthBytes = Buffer.alloc(4)
      lengthBytes.writeUInt32LE(hello.byteLength)
      hmac.update(lengthBytes).update(hello)
    }
    return hmac.digest()
  }

  #refuse(refusal: Refusal, text: string): HandshakeStep {
    const frame = { kind: FRAME.error, payload: encodeError(refusal, text) }
    return this.#end({ kind: 'refused', by: 'us', refused: { refusal, text } }, [frame])
  }

  #end(outcome: HandshakeOutcome, send: readonly OutFrame[] = []): HandshakeStep {
    this.#state = 'over'
    return { send, outcome }
  }
}
