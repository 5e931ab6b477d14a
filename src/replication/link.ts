/**
 * One replication connection: bytes of a socket into checked frames, frames into bytes. It ends by itself whatever cannot
 * be trusted: a peer that does not prove who it is in time, that sends what is no frame, or that falls silent. What the
 * frames mean is for others.
 *
 *     handshake ──known──▶ open ──▶ closed
 *         └──refused, fault, too late──▶ closed
 *
 * A payload that carries content is in a buffer of the pool, lent to `frame` until its `release` is called; the others
 * are their own.
 */
import { assert } from '../base/assert.ts'
import type { BufferPool } from '../base/buffer-pool.ts'
import type { Clock, Timer } from '../base/ports/clock.ts'
import type { Connection } from '../base/ports/net.ts'
import { Handshake, type HandshakeOptions, type HandshakeStep, type Refused } from './handshake.ts'
import { encodeFrameHeader, FRAME, type FrameFault, type FrameKind, isContent } from './wire/frame.ts'
import { type FrameReceiver, FrameStream } from './wire/frame-stream.ts'
import { decodeError, encodeError, type Hello, type Refusal } from './wire/hello.ts'

/** Why a link is over. */
export type LinkEnd =
  | { readonly kind: 'refused'; readonly by: 'us' | 'peer'; readonly refused: Refused }
  | { readonly kind: 'fault'; readonly fault: FrameFault | 'handshake frame' }
  /** Not known in time, or silent for too long. */
  | { readonly kind: 'silent' }
  | { readonly kind: 'closed'; readonly error: Error | undefined }

export interface LinkHandlers {
  /** The peer has proved who it is; frames follow. */
  known(peer: Hello, version: number): void
  /** A frame. `release` gives a lent payload back, and is called once, also for payloads that are not lent. */
  frame(kind: FrameKind, payload: Uint8Array, release: () => void): void
  /** What was written has gone out; writing may go on after `send` returned false. */
  drain(): void
  /** The link is over; called once, last. */
  ended(why: LinkEnd): void
}

export interface LinkOptions {
  readonly connection: Connection
  readonly handshake: HandshakeOptions
  readonly pool: BufferPool
  readonly clock: Clock
  /** From the connection to a known peer. */
  readonly handshakeMs: number
  /** Longest silence of a known peer: it has something to say more often than that. */
  readonly silenceMs: number
  readonly handlers: LinkHandlers
}

const NOTHING_TO_RELEASE = (): void => undefined

export class ReplicationLink implements FrameReceiver {
  readonly #o: LinkOptions
  readonly #handshake: Handshake
  readonly #stream: FrameStream
  #sequence = 0
  /** Buffer of the pool for a frame that is on its way. */
  #filling: Uint8Array | undefined
  #isKnown = false
  #version = 0
  #levelMax = 0
  #end: LinkEnd | undefined
  #timer: Timer | undefined
  #heardMs: number

  constructor(options: LinkOptions) {
    this.#o = options
    this.#handshake = new Handshake(options.handshake)
    this.#stream = new FrameStream(this)
    this.#heardMs = options.clock.monotonicMs()
    this.#timer = options.clock.after(options.handshakeMs, () => this.#finish({ kind: 'silent' }))
    options.connection.start({
      data: (chunk) => {
        this.#heardMs = options.clock.monotonicMs()
        this.#stream.push(chunk)
      },
      drain: () => {
        if (this.#end === undefined) options.handlers.drain()
      },
      closed: (error) => this.#closed(error),
    })
    this.#take(this.#handshake.start())
  }

  get isPeerKnown(): boolean {
    return this.#isKnown
  }

  /** Of the protocol, between these two; 0 before the peer is known. */
  get version(): number {
    return this.#version
  }

  /** Format level that the peer's program knows; 0 before the peer is known. */
  get levelMax(): number {
    return this.#levelMax
  }

  /** Bytes given to `send` that the kernel has not taken yet. */
  get queuedBytes(): number {
    return this.#o.connection.queuedBytes
  }

  /**
   * Sends a frame to a known peer. `payload` is lent until `written` is called, also when the link is over. False: wait
   * for `drain` before more content is sent. What is sent when the link is over is dropped.
   */
  send(kind: FrameKind, payload: readonly Uint8Array[], written?: () => void): boolean {
    assert(this.#isKnown, 'nothing but the handshake is sent before the peer is known')
    if (this.#end !== undefined) {
      written?.()
      return false
    }
    return this.#write(kind, payload, written)
  }

  #write(kind: FrameKind, payload: readonly Uint8Array[], written?: () => void): boolean {
    const header = encodeFrameHeader(kind, this.#sequence++, payload)
    return this.#o.connection.write([header, ...payload], written)
  }

  /** Ends the link and tells the peer why. */
  refuse(refusal: Refusal, text: string): void {
    if (this.#end !== undefined) return
    this.#write(FRAME.error, [encodeError(refusal, text)])
    this.#finish({ kind: 'refused', by: 'us', refused: { refusal, text } })
  }

  /** Ends the link after what was sent has gone out. */
  close(): void {
    this.#finish({ kind: 'closed', error: undefined })
  }

  buffer(kind: FrameKind, lengthBytes: number): Uint8Array {
    if (!isContent(kind)) return new Uint8Array(lengthBytes)
    this.#filling = this.#o.pool.acquire(lengthBytes)
    return this.#filling
  }

  frame(kind: FrameKind, payload: Uint8Array): void {
    if (!this.#isKnown) {
      this.#take(this.#handshake.take(kind, payload))
      return
    }
    if (kind === FRAME.error) {
      this.#finish({ kind: 'refused', by: 'peer', refused: decodeError(payload) })
      return
    }
    if (kind === FRAME.hello || kind === FRAME.proof) {
      this.#finish({ kind: 'fault', fault: 'handshake frame' })
      return
    }
    const isLent = this.#filling === payload
    this.#filling = undefined
    this.#o.handlers.frame(kind, payload, isLent ? () => this.#o.pool.release(payload) : NOTHING_TO_RELEASE)
  }

  fault(fault: FrameFault): void {
    this.#finish({ kind: 'fault', fault })
  }

  #take({ send, outcome }: HandshakeStep): void {
    for (const { kind, payload } of send) this.#write(kind, [payload])
    if (outcome === undefined) return
    if (outcome.kind === 'refused') {
      this.#finish(outcome)
      return
    }
    this.#isKnown = true
    this.#version = outcome.version
    this.#levelMax = outcome.peer.levelMax
    this.#watchSilence(this.#o.silenceMs)
    this.#o.handlers.known(outcome.peer, outcome.version)
  }

  #watchSilence(afterMs: number): void {
    const { clock, silenceMs } = this.#o
    this.#timer?.cancel()
    this.#timer = clock.after(afterMs, () => {
      const leftMs = this.#heardMs + silenceMs - clock.monotonicMs()
      if (leftMs <= 0) this.#finish({ kind: 'silent' })
      else this.#watchSilence(leftMs)
    })
  }

  #finish(end: LinkEnd): void {
    if (this.#end !== undefined) return
    this.#end = end
    this.#stopReading()
    // an ERROR that was just written still goes out; a silent peer is not waited for
    if (end.kind === 'silent') this.#o.connection.destroy()
    else this.#o.connection.end()
  }

  /** No more is read; the buffer of a frame that will not be completed goes back. */
  #stopReading(): void {
    this.#timer?.cancel()
    this.#stream.end()
    const filling = this.#filling
    this.#filling = undefined
    if (filling !== undefined) this.#o.pool.release(filling)
  }

  #closed(error: Error | undefined): void {
    this.#end ??= { kind: 'closed', error }
    this.#stopReading()
    this.#o.handlers.ended(this.#end)
  }
}
