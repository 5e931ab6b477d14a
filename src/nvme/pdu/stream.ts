/**
 * The byte stream of a connection as PDUs: lent chunks in, cut anywhere; headers, data and faults out, by calls on a
 * handler within `push`.
 *
 *     header (HLEN) | header digest | padding to PDO | data | data digest
 *
 * Each PDU is two calls: `header`, which says where the data shall go, and `end`. A payload byte is copied at most once:
 * into the buffer that `header` returned; and not at all when it returned 'lend' and the data lies whole in one chunk.
 * Nothing is concatenated; a header that a chunk boundary cuts is gathered in a buffer of the parser's own.
 *
 * A header that is wrong ends the stream: after `fault` the parser takes no more bytes. A wrong data digest leaves the
 * framing intact: the PDU gets `dataDamaged` instead of `end`, and the next one follows. What the header means for a
 * command (its tag, its offset) is the handler's to judge; it may `stop` from within any call.
 */
import { assert } from '../../base/assert.ts'
import { viewOf } from '../../base/binary.ts'
import { crc32c, crc32cOfRange } from '../../base/crc32c.ts'
import { checkCommonHeader, type Expectation, type Shape } from './check.ts'
import { COMMON_HEADER_BYTES, CommonHeader } from './common-header.ts'
import { DataHeader } from './transfer.ts'
import { DIGEST_BYTES, FatalErrorStatus, type PduFault, PduType } from './types.ts'

/** Where data goes: into this buffer of exactly its length, to `end` as a lent view, or nowhere. */
export type DataSink = Uint8Array | 'lend' | 'discard'

export interface PduHandler {
  /**
   * The header at `offset` of `view` is complete and can be trusted; it is lent for the call. The answer counts only
   * when `dataBytes` is not 0. The DATAL of a data PDU is `dataBytes`.
   */
  header(view: DataView, offset: number, dataBytes: number): DataSink
  /**
   * The PDU is complete and its digests are right. `data`: the sink's buffer; the lent view, valid for the call; or
   * empty, when there was none or it was discarded.
   */
  end(data: Uint8Array): void
  /** In the place of `end`: the data digest is wrong, the sink's bytes are damaged. The stream goes on. */
  dataDamaged(): void
  /**
   * The peer sent what ends the connection. `fault`: what a TermReq is to say; 'close': none is sent. `header`: what a
   * TermReq carries, at most 128 bytes; lent for the call. The last call.
   */
  fault(fault: PduFault | 'close', header: Uint8Array): void
}

/** What a receiver has agreed on or limits; see `Expectation`. */
export type StreamOptions = Pick<
  Expectation,
  'side' | 'alignmentBytes' | 'capsuleDataBytesMax' | 'transferBytesMax'
>

/** PDO is a byte, and so the longest head; an ICReq has 128 bytes. */
const HEAD_BYTES_MAX = 256
const EMPTY = new Uint8Array(0)
const WRONG_DATAL: PduFault = { fes: FatalErrorStatus.invalidPduHeaderField, fei: DataHeader.at.datal }

/**
 * Between chunks the parser waits for:
 *
 *     common ──▶ head ──▶ data ──▶ digest ──▶ common …     (whatever a chunk ends in)
 *        └────────┴──▶ ended                               (a fault, or `stop`)
 */
type Waiting = 'common' | 'head' | 'data' | 'digest' | 'ended'

export class PduStream {
  readonly #handler: PduHandler
  #expected: Expectation

  #waiting: Waiting = 'common'
  /** The PDU under way: how it is cut. */
  readonly #shape: Shape = { headBytes: 0, dataBytes: 0, hasHeaderDigest: false, hasDataDigest: false }
  /** Its head, when a chunk boundary cut it. */
  readonly #held = new Uint8Array(HEAD_BYTES_MAX)
  readonly #heldView = viewOf(this.#held)
  #heldBytes = 0
  #sink: DataSink = 'discard'
  #target: Uint8Array = EMPTY
  #arrivedBytes = 0
  #crc = 0
  readonly #digest = new Uint8Array(DIGEST_BYTES)
  readonly #digestView = viewOf(this.#digest)
  #digestBytes = 0

  constructor(handler: PduHandler, options: StreamOptions) {
    this.#handler = handler
    this.#expected = { ...options, isInitialized: false, headerDigest: false, dataDigest: false }
  }

  /** Initialize Connection is over, and this is what it came to; from the next PDU on. */
  initialized(digests: { readonly headerDigest: boolean; readonly dataDigest: boolean }): void {
    const { headerDigest, dataDigest } = digests
    this.#expected = { ...this.#expected, isInitialized: true, headerDigest, dataDigest }
  }

  /** From the next PDU on. */
  setLimits(limits: Partial<Omit<StreamOptions, 'side'>>): void {
    this.#expected = { ...this.#expected, ...limits }
  }

  /** Takes no more bytes, not even the rest of the present chunk. May be called by the handler. */
  stop(): void {
    this.#waiting = 'ended'
  }

  get ended(): boolean {
    return this.#waiting === 'ended'
  }

  /** Whether the stream stands within a PDU: the peer has begun one and not ended it. */
  get isWithinPdu(): boolean {
    return this.#heldBytes > 0 || this.#waiting === 'data' || this.#waiting === 'digest'
  }

  /** Takes the next bytes of the connection. `chunk` is lent for the call. */
  push(chunk: Uint8Array): void {
    const end = chunk.byteLength
    const view = viewOf(chunk)
    let at = 0
    while (at < end) {
      switch (this.#waiting) {
        case 'common':
          if (this.#heldBytes === 0 && end - at >= COMMON_HEADER_BYTES) at = this.#begin(chunk, view, at)
          else at = this.#gatherCommon(chunk, at)
          break
        case 'head':
          at = this.#gatherHead(chunk, at)
          break
        case 'data':
          at = this.#gatherData(chunk, at)
          break
        case 'digest':
          at = this.#gatherDigest(chunk, at)
          break
        case 'ended':
          return
      }
    }
  }

  /** A common header stands whole at `at` of the chunk. Returns the position behind what was used. */
  #begin(chunk: Uint8Array, view: DataView, at: number): number {
    const fault = checkCommonHeader(view, at, this.#expected, this.#shape)
    if (fault !== undefined) {
      this.#fail(fault, chunk.subarray(at, at + COMMON_HEADER_BYTES))
      return at
    }
    const { headBytes, dataBytes, hasDataDigest } = this.#shape
    const dataAt = at + headBytes
    if (dataAt > chunk.byteLength) {
      this.#waiting = 'head'
      return this.#gatherHead(chunk, at)
    }
    if (!this.#isHeadGood(chunk, view, at)) return dataAt
    const sink = this.#handler.header(view, at, dataBytes)
    if (this.ended) return dataAt
    if (dataBytes === 0) {
      this.#handler.end(EMPTY)
      return dataAt
    }
    const dataEnd = dataAt + dataBytes
    const pduEnd = hasDataDigest ? dataEnd + DIGEST_BYTES : dataEnd
    if (pduEnd > chunk.byteLength) {
      this.#awaitData(sink)
      return dataAt
    }
    let data: Uint8Array = EMPTY
    if (sink !== 'discard') {
      data = chunk.subarray(dataAt, dataEnd)
      if (sink !== 'lend') {
        assert(sink.byteLength === dataBytes, 'the sink has the length of the data')
        sink.set(data)
        data = sink
      }
    }
    if (hasDataDigest && crc32c(chunk.subarray(dataAt, dataEnd)) !== view.getUint32(dataEnd, true)) {
      this.#handler.dataDamaged()
    } else this.#handler.end(data)
    return pduEnd
  }

  #fail(fault: PduFault | 'close', header: Uint8Array): void {
    this.#waiting = 'ended'
    this.#handler.fault(fault, header)
  }

  /** Checks what is behind the common header; on a fault tells the handler and ends the stream. */
  #isHeadGood(bytes: Uint8Array, view: DataView, at: number): boolean {
    const headerEnd = at + view.getUint8(at + CommonHeader.at.hlen)
    if (this.#shape.hasHeaderDigest) {
      const came = view.getUint32(headerEnd, true)
      if (crc32cOfRange(bytes, at, headerEnd) !== came) {
        const fault = { fes: FatalErrorStatus.headerDigestError, fei: came }
        this.#fail(fault, bytes.subarray(at, headerEnd))
        return false
      }
    }
    const type = view.getUint8(at)
    if (type !== PduType.h2cData && type !== PduType.c2hData) return true
    if (view.getUint32(at + DataHeader.at.datal, true) === this.#shape.dataBytes) return true
    this.#fail(WRONG_DATAL, bytes.subarray(at, headerEnd))
    return false
  }

  #gatherCommon(chunk: Uint8Array, at: number): number {
    const position = this.#hold(chunk, at, COMMON_HEADER_BYTES)
    if (this.#heldBytes < COMMON_HEADER_BYTES) return position
    const fault = checkCommonHeader(this.#heldView, 0, this.#expected, this.#shape)
    if (fault !== undefined) this.#fail(fault, this.#held.subarray(0, COMMON_HEADER_BYTES))
    else this.#waiting = 'head'
    return position
  }

  /** Collects a head that a chunk boundary cut, and begins its data when it is whole. */
  #gatherHead(chunk: Uint8Array, at: number): number {
    const { headBytes, dataBytes } = this.#shape
    const position = this.#hold(chunk, at, headBytes)
    if (this.#heldBytes < headBytes) return position
    this.#heldBytes = 0
    this.#waiting = 'common'
    if (!this.#isHeadGood(this.#held, this.#heldView, 0)) return position
    const sink = this.#handler.header(this.#heldView, 0, dataBytes)
    if (this.ended) return position
    if (dataBytes > 0) this.#awaitData(sink)
    else this.#handler.end(EMPTY)
    return position
  }

  #hold(chunk: Uint8Array, at: number, needed: number): number {
    const end = Math.min(chunk.byteLength, at + needed - this.#heldBytes)
    for (let i = at; i < end; i++) this.#held[this.#heldBytes++] = chunk[i]!
    return end
  }

  #awaitData(sink: DataSink): void {
    const { dataBytes } = this.#shape
    if (typeof sink !== 'string') {
      assert(sink.byteLength === dataBytes, 'the sink has the length of the data')
      this.#target = sink
    } else this.#target = sink === 'lend' ? Buffer.allocUnsafe(dataBytes) : EMPTY
    this.#sink = sink
    this.#arrivedBytes = 0
    this.#digestBytes = 0
    this.#crc = 0
    this.#waiting = 'data'
  }

  #gatherData(chunk: Uint8Array, at: number): number {
    const { dataBytes, hasDataDigest } = this.#shape
    const end = Math.min(chunk.byteLength, at + dataBytes - this.#arrivedBytes)
    const piece = chunk.subarray(at, end)
    if (this.#sink !== 'discard') this.#target.set(piece, this.#arrivedBytes)
    if (hasDataDigest) this.#crc = crc32c(piece, this.#crc)
    this.#arrivedBytes += end - at
    if (this.#arrivedBytes === dataBytes) {
      if (hasDataDigest) this.#waiting = 'digest'
      else this.#finish(true)
    }
    return end
  }

  #gatherDigest(chunk: Uint8Array, at: number): number {
    let position = at
    while (this.#digestBytes < DIGEST_BYTES && position < chunk.byteLength) {
      this.#digest[this.#digestBytes++] = chunk[position++]!
    }
    if (this.#digestBytes === DIGEST_BYTES) this.#finish(this.#crc === this.#digestView.getUint32(0, true))
    return position
  }

  /** The PDU that a chunk boundary cut is whole. */
  #finish(isGood: boolean): void {
    const data = this.#target
    this.#target = EMPTY
    this.#sink = 'discard'
    this.#waiting = 'common'
    if (isGood) this.#handler.end(data)
    else this.#handler.dataDamaged()
  }
}
