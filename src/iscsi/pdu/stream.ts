/**
 * The byte stream of a connection as PDUs (RFC 7143 §11.2): lent chunks in, cut anywhere; headers, data
 * segments and faults out, by calls on a handler within `push`.
 *
 *     BHS (48) | AHS | header digest | data segment | padding to 4 | data digest
 *
 * Each PDU is two calls: `header`, which says where the data segment shall go, and `end`. A payload byte is
 * copied at most once: into the buffer that `header` returned; and not at all when it returned 'lend' and
 * the segment lies whole in one chunk. Nothing is concatenated; a header that a chunk boundary cuts is
 * gathered in a buffer of the parser's own.
 *
 * A header or a length that cannot be trusted ends the stream: after a `StreamFault` other than a data
 * digest error the parser takes no more bytes. A data digest error (§13.1, §7.8) leaves framing intact:
 * the PDU gets `fault` instead of `end`, and the next one follows.
 */
import { assert } from '../../base/assert.ts'
import { viewOf } from '../../base/binary.ts'
import { crc32c, crc32cOfRange } from '../../base/crc32c.ts'
import { dataSegmentLength, totalAhsBytes } from './bhs.ts'
import { BHS_BYTES } from './opcodes.ts'

/** Where a data segment goes: into this buffer of exactly its length, to `end` as a lent view, or nowhere. */
export type DataSink = Uint8Array | 'lend' | 'discard'

export type StreamFault =
  /** The header's CRC is wrong, so its lengths mean nothing. Ends the stream. */
  | 'header digest error'
  /** The segment's CRC is wrong; the sink's bytes are damaged. The stream goes on. */
  | 'data digest error'
  /** The data segment is longer than the limit that was declared to the peer. Ends the stream. */
  | 'segment too long'
  /** More additional header segments than any command needs. Ends the stream. */
  | 'bad AHS'

export interface PduHandler {
  /**
   * The header at `offset` of `view` is complete, additional header segments right behind it; both are lent
   * for the call. The answer counts only when the data segment is not empty.
   */
  header(view: DataView, offset: number): DataSink
  /**
   * The PDU is complete and its digests are right. `data`: the sink's buffer; the lent view, valid for the
   * call; or empty, when the segment was empty or discarded.
   */
  end(data: Uint8Array): void
  /** Stands in the place of `header` or of `end`; the basic header at `offset` of `view` is lent for the call. */
  fault(fault: StreamFault, view: DataView, offset: number): void
}

export interface StreamLimits {
  /** MaxRecvDataSegmentLength that this side declared. */
  readonly dataSegmentBytesMax: number
  /** Bytes of additional header segments, up to 1020. */
  readonly ahsBytesMax: number
}

const DIGEST_BYTES = 4
const HEADER_BYTES_MAX = BHS_BYTES + 255 * 4 + DIGEST_BYTES
const EMPTY = new Uint8Array(0)

/**
 * Between chunks the parser waits for:
 *
 *     header ──▶ data ──▶ tail ──▶ header …      (a data segment that a chunk ends in)
 *       └──▶ ended                               (a fault of framing, or `stop`)
 */
type Waiting = 'header' | 'data' | 'tail' | 'ended'

export class PduStream {
  readonly #handler: PduHandler
  #limits: StreamLimits
  #headerDigest = false
  #dataDigest = false

  #waiting: Waiting = 'header'
  /** The header of the PDU that a chunk boundary cut. */
  readonly #held = new Uint8Array(HEADER_BYTES_MAX)
  readonly #heldView = viewOf(this.#held)
  #heldBytes = 0
  /** The data segment of the PDU that a chunk boundary cut. */
  #sink: DataSink = 'discard'
  #target: Uint8Array = EMPTY
  #segmentBytes = 0
  #digested = false
  #arrivedBytes = 0
  #crc = 0
  /** Padding and digest of that PDU. */
  readonly #tail = new Uint8Array(3 + DIGEST_BYTES)
  #tailBytes = 0

  constructor(handler: PduHandler, limits: StreamLimits) {
    this.#handler = handler
    this.#limits = limits
  }

  /** From the next PDU on. Digests are agreed in the login and used in the full feature phase. */
  setDigests(digests: { readonly header: boolean; readonly data: boolean }): void {
    this.#headerDigest = digests.header
    this.#dataDigest = digests.data
  }

  /** From the next PDU on. */
  setLimits(limits: StreamLimits): void {
    this.#limits = limits
  }

  /** Takes no more bytes, not even the rest of the present chunk. May be called by the handler. */
  stop(): void {
    this.#waiting = 'ended'
  }

  get ended(): boolean {
    return this.#waiting === 'ended'
  }

  /** Takes the next bytes of the connection. `chunk` is lent for the call. */
  push(chunk: Uint8Array): void {
    const end = chunk.byteLength
    const view = viewOf(chunk)
    let at = 0
    while (at < end) {
      switch (this.#waiting) {
        case 'header': {
          if (this.#heldBytes === 0 && end - at >= BHS_BYTES) {
            const headerEnd = at + this.#headerBytes(view, at)
            if (headerEnd <= end) {
              at = this.#take(chunk, view, at, headerEnd)
              break
            }
          }
          at = this.#gatherHeader(chunk, at)
          break
        }
        case 'data':
          at = this.#gatherData(chunk, at)
          break
        case 'tail':
          at = this.#gatherTail(chunk, at)
          break
        case 'ended':
          return
      }
    }
  }

  /** Bytes of header, additional segments and header digest of the PDU at `offset`. */
  #headerBytes(view: DataView, offset: number): number {
    return BHS_BYTES + totalAhsBytes(view, offset) + (this.#headerDigest ? DIGEST_BYTES : 0)
  }

  /** A PDU whose header stands whole at `at` of the chunk. Returns the position behind what was used. */
  #take(chunk: Uint8Array, view: DataView, at: number, headerEnd: number): number {
    const segmentBytes = dataSegmentLength(view, at)
    if (!this.#isHeaderGood(chunk, view, at, headerEnd, segmentBytes)) return headerEnd
    const digested = this.#dataDigest
    const sink = this.#handler.header(view, at)
    if (segmentBytes === 0) {
      if (this.#waiting !== 'ended') this.#handler.end(EMPTY)
      return headerEnd
    }
    if (this.#waiting === 'ended') return headerEnd

    const dataEnd = headerEnd + segmentBytes
    const paddedEnd = headerEnd + ((segmentBytes + 3) & ~3)
    const pduEnd = digested ? paddedEnd + DIGEST_BYTES : paddedEnd
    if (pduEnd > chunk.byteLength) {
      this.#held.set(chunk.subarray(at, at + BHS_BYTES))
      this.#awaitData(sink, segmentBytes, digested)
      return headerEnd
    }
    let data: Uint8Array = EMPTY
    if (sink !== 'discard') {
      data = chunk.subarray(headerEnd, dataEnd)
      if (sink !== 'lend') {
        assert(sink.byteLength === segmentBytes, 'the sink has the length of the segment')
        sink.set(data)
        data = sink
      }
    }
    if (digested) {
      const crc = crc32c(chunk.subarray(headerEnd, paddedEnd))
      if (crc !== view.getUint32(paddedEnd, true)) {
        this.#handler.fault('data digest error', view, at)
        return pduEnd
      }
    }
    this.#handler.end(data)
    return pduEnd
  }

  /** Checks digest and limits; on a fault tells the handler and ends the stream. */
  #isHeaderGood(
    bytes: Uint8Array,
    view: DataView,
    at: number,
    headerEnd: number,
    segmentBytes: number,
  ): boolean {
    let fault: StreamFault | undefined
    if (this.#headerDigest) {
      const digestAt = headerEnd - DIGEST_BYTES
      if (crc32cOfRange(bytes, at, digestAt) !== view.getUint32(digestAt, true)) fault = 'header digest error'
    }
    if (fault === undefined && segmentBytes > this.#limits.dataSegmentBytesMax) fault = 'segment too long'
    if (fault === undefined && headerEnd - at > BHS_BYTES + DIGEST_BYTES) {
      if (totalAhsBytes(view, at) > this.#limits.ahsBytesMax) fault = 'bad AHS'
    }
    if (fault === undefined) return true
    this.#waiting = 'ended'
    this.#handler.fault(fault, view, at)
    return false
  }

  /** Collects a header that a chunk boundary cut, and begins its PDU when it is whole. */
  #gatherHeader(chunk: Uint8Array, at: number): number {
    let needed = this.#heldBytes < BHS_BYTES ? BHS_BYTES : this.#headerBytes(this.#heldView, 0)
    let position = this.#hold(chunk, at, needed)
    if (this.#heldBytes < BHS_BYTES) return position
    needed = this.#headerBytes(this.#heldView, 0)
    position = this.#hold(chunk, position, needed)
    if (this.#heldBytes < needed) return position

    this.#heldBytes = 0
    const segmentBytes = dataSegmentLength(this.#heldView, 0)
    if (!this.#isHeaderGood(this.#held, this.#heldView, 0, needed, segmentBytes)) return position
    const digested = this.#dataDigest
    const sink = this.#handler.header(this.#heldView, 0)
    if (this.ended) return position
    if (segmentBytes > 0) this.#awaitData(sink, segmentBytes, digested)
    else this.#handler.end(EMPTY)
    return position
  }

  #hold(chunk: Uint8Array, at: number, needed: number): number {
    const end = Math.min(chunk.byteLength, at + needed - this.#heldBytes)
    for (let i = at; i < end; i++) this.#held[this.#heldBytes++] = chunk[i]!
    return end
  }

  /** The basic header stands in `#held` and its data segment is still to come, or a part of it. */
  #awaitData(sink: DataSink, segmentBytes: number, digested: boolean): void {
    if (typeof sink !== 'string') {
      assert(sink.byteLength === segmentBytes, 'the sink has the length of the segment')
      this.#target = sink
    } else this.#target = sink === 'lend' ? Buffer.allocUnsafe(segmentBytes) : EMPTY
    this.#sink = sink
    this.#segmentBytes = segmentBytes
    this.#digested = digested
    this.#arrivedBytes = 0
    this.#tailBytes = 0
    this.#crc = 0
    this.#waiting = 'data'
  }

  #gatherData(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.byteLength, at + this.#segmentBytes - this.#arrivedBytes)
    const piece = chunk.subarray(at, end)
    if (this.#sink !== 'discard') this.#target.set(piece, this.#arrivedBytes)
    if (this.#digested) this.#crc = crc32c(piece, this.#crc)
    this.#arrivedBytes += end - at
    if (this.#arrivedBytes === this.#segmentBytes) {
      this.#waiting = 'tail'
      if (this.#tailBytesNeeded() === 0) this.#finish()
    }
    return end
  }

  #tailBytesNeeded(): number {
    return (-this.#segmentBytes & 3) + (this.#digested ? DIGEST_BYTES : 0)
  }

  #gatherTail(chunk: Uint8Array, at: number): number {
    const needed = this.#tailBytesNeeded()
    let position = at
    while (this.#tailBytes < needed && position < chunk.byteLength) {
      this.#tail[this.#tailBytes++] = chunk[position++]!
    }
    if (this.#tailBytes === needed) this.#finish()
    return position
  }

  /** The PDU that a chunk boundary cut is whole. */
  #finish(): void {
    const data = this.#target
    this.#target = EMPTY
    this.#sink = 'discard'
    this.#waiting = 'header'
    if (this.#digested) {
      const paddingBytes = -this.#segmentBytes & 3
      const crc = crc32cOfRange(this.#tail, 0, paddingBytes, this.#crc)
      if (crc !== viewOf(this.#tail).getUint32(paddingBytes, true)) {
        this.#handler.fault('data digest error', this.#heldView, 0)
        return
      }
    }
    this.#handler.end(data)
  }
}
