/**
 * The byte stream of a connection as frames: lent chunks in, cut anywhere; whole, checked frames out. A payload byte is
 * copied once, into the buffer that the receiver gives. What cannot be trusted ends the stream: after a fault it takes
 * no more bytes.
 */
import { assert } from '../../base/assert.ts'
import { crc32c } from '../../base/crc32c.ts'
import {
  FRAME_HEADER_BYTES,
  type FrameFault,
  type FrameHeader,
  type FrameKind,
  parseFrameHeader,
  payloadBytesMax,
} from './frame.ts'

export interface FrameReceiver {
  /** Whether the peer has proved who it is; decides how long a payload may be. */
  readonly isPeerKnown: boolean
  /** A buffer of exactly this length for the payload of a frame; never called for an empty one. */
  buffer(kind: FrameKind, lengthBytes: number): Uint8Array
  /** A frame is whole. `payload` is the buffer that was given, and belongs to the receiver again. */
  frame(kind: FrameKind, payload: Uint8Array): void
  /** The stream has ended. A buffer that was given for a frame that is not complete is the receiver's again. */
  fault(fault: FrameFault): void
}

const EMPTY = new Uint8Array(0)

export class FrameStream {
  readonly #receiver: FrameReceiver
  readonly #head = new Uint8Array(FRAME_HEADER_BYTES)
  #headBytes = 0
  #header: FrameHeader | undefined
  #payload: Uint8Array = EMPTY
  #payloadBytes = 0
  #sequence = 0
  #isEnded = false

  constructor(receiver: FrameReceiver) {
    this.#receiver = receiver
  }

  /** Takes the next bytes. The receiver is called within; it may call `end`. */
  push(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.byteLength && !this.#isEnded) {
      at += this.#header === undefined ? this.#gatherHead(chunk, at) : this.#gatherPayload(chunk, at)
    }
  }

  /** Takes no more bytes. A buffer that was given for a frame that is not complete is the receiver's again. */
  end(): void {
    this.#isEnded = true
    this.#payload = EMPTY
  }

  #gatherHead(chunk: Uint8Array, at: number): number {
    const taken = Math.min(FRAME_HEADER_BYTES - this.#headBytes, chunk.byteLength - at)
    this.#head.set(chunk.subarray(at, at + taken), this.#headBytes)
    this.#headBytes += taken
    if (this.#headBytes === FRAME_HEADER_BYTES) this.#onHead()
    return taken
  }

  #onHead(): void {
    this.#headBytes = 0
    const header = parseFrameHeader(this.#head)
    if (typeof header === 'string') {
      this.#fault(header)
      return
    }
    if (header.sequence !== this.#sequence) {
      this.#fault('out of sequence')
      return
    }
    if (header.lengthBytes > payloadBytesMax(header.kind, this.#receiver.isPeerKnown)) {
      this.#fault('too long')
      return
    }
    this.#sequence = (this.#sequence + 1) >>> 0
    this.#header = header
    this.#payloadBytes = 0
    if (header.lengthBytes === 0) {
      this.#complete(header)
      return
    }
    this.#payload = this.#receiver.buffer(header.kind, header.lengthBytes)
    assert(this.#payload.byteLength === header.lengthBytes, 'a payload gets a buffer of its length')
  }

  #gatherPayload(chunk: Uint8Array, at: number): number {
    const header = this.#header
    assert(header !== undefined, 'a payload follows a header')
    const taken = Math.min(header.lengthBytes - this.#payloadBytes, chunk.byteLength - at)
    this.#payload.set(chunk.subarray(at, at + taken), this.#payloadBytes)
    this.#payloadBytes += taken
    if (this.#payloadBytes === header.lengthBytes) this.#complete(header)
    return taken
  }

  #complete({ kind, payloadCrc32c }: FrameHeader): void {
    const payload = this.#payload
    this.#header = undefined
    if (crc32c(payload) !== payloadCrc32c) {
      this.#fault('payload checksum')
      return
    }
    this.#payload = EMPTY
    this.#receiver.frame(kind, payload)
  }

  #fault(fault: FrameFault): void {
    this.end()
    this.#receiver.fault(fault)
  }
}
