/**
 * The PDUs of one turn as buffers for one gathering write. Headers, digests and data up to 16 KiB stand one behind the
 * other in slabs from the pool, so that a turn's answers are a few buffers: copying 4 KiB costs less than naming one more
 * buffer to the kernel and keeping it until it has gone. Larger data is referred to where it lies.
 *
 *     const at = writer.begin(PduType.c2hData)
 *     encodeC2hData(writer.view, at, { … })
 *     writer.end(data, owner)
 *     …
 *     const batch = writer.take()        // once per turn
 *     connection.write(batch.buffers, batch.written)
 *
 * A batch owns its slabs, and the `owner` of data that was not copied, until `written` is called; then they return to the
 * pool. A writer that is dropped with PDUs in it gives its buffers back by `discard`.
 */
import { assert } from '../../base/assert.ts'
import { viewOf } from '../../base/binary.ts'
import type { BufferPool } from '../../base/buffer-pool.ts'
import { crc32c, crc32cOfRange } from '../../base/crc32c.ts'
import { KIB } from '../../base/units.ts'
import { CommonHeader, HEADER_BYTES } from './common-header.ts'
import { alignmentBytesOf, DATA_ALIGNMENT_MAX, DIGEST_BYTES, PduFlag, PduType } from './types.ts'

const SLAB_BYTES = 64 * KIB
/** Beyond this, naming a buffer to the kernel costs less than copying it. */
const COPY_BYTES_MAX = 16 * KIB
/** Header, digest and padding: PDO is a byte. */
const HEAD_BYTES_MAX = 256
/** What a PDU takes of the slab in which it begins, but for data that is copied. */
const ROOM_BYTES = HEAD_BYTES_MAX + DIGEST_BYTES
const EMPTY = new Uint8Array(0)
const NO_VIEW = viewOf(EMPTY)
const AT = CommonHeader.at

export interface Batch {
  readonly buffers: readonly Uint8Array[]
  /** To be called once, when the connection no longer needs the buffers, whether they were sent or not. */
  readonly written: () => void
}

export class PduWriter {
  readonly #pool: BufferPool
  #headerDigest = false
  #dataDigest = false
  #alignmentBytes = alignmentBytesOf(0)
  #buffers: Uint8Array[] = []
  /** What returns to the pool, or to whoever lent it, when the batch has gone out. */
  #owned: Uint8Array[] = []
  #releases: (() => void)[] = []
  #slab: Uint8Array = EMPTY
  #view = NO_VIEW
  /** Bytes of the slab before `#runStart` stand in `#buffers`; those before `#position` are written. */
  #runStart = 0
  #position = 0
  #headerEnd = 0
  #pendingBytes = 0
  /** What `place` gave for the next PDU. */
  #place: Uint8Array = EMPTY

  constructor(pool: BufferPool) {
    this.#pool = pool
  }

  /**
   * What Initialize Connection came to; from the next `begin` on. `dataAlignment`: the peer's HPDA or CPDA. IC PDUs and
   * TermReqs have neither digests nor padding.
   */
  initialized(agreed: {
    readonly headerDigest: boolean
    readonly dataDigest: boolean
    readonly dataAlignment: number
  }): void {
    assert(agreed.dataAlignment <= DATA_ALIGNMENT_MAX, 'the alignment was checked')
    this.#headerDigest = agreed.headerDigest
    this.#dataDigest = agreed.dataDigest
    this.#alignmentBytes = alignmentBytesOf(agreed.dataAlignment)
  }

  /** Where the header that was begun is to be encoded. Another view after each `begin`. */
  get view(): DataView {
    return this.#view
  }

  /** The bytes that `view` looks at. */
  get bytes(): Uint8Array {
    return this.#slab
  }

  /** Bytes of PDUs since the last `take`. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /**
   * Where `dataBytes` of data of the next PDU, which is of `type`, will stand: who has them made there and gives this view
   * to `end` spares a copy. Undefined for data that is not copied. It may be left unused; another PDU takes it away.
   */
  place(type: PduType, dataBytes: number): Uint8Array | undefined {
    if (dataBytes > COPY_BYTES_MAX) return undefined
    const dataAt = this.#pdoOf(HEADER_BYTES[type] + (this.#headerDigest ? DIGEST_BYTES : 0))
    const neededBytes = Math.max(dataAt + dataBytes + DIGEST_BYTES, ROOM_BYTES)
    if (this.#slab.byteLength - this.#position < neededBytes) this.#nextSlab()
    const { buffer, byteOffset } = this.#slab
    this.#place = new Uint8Array(buffer, byteOffset + this.#position + dataAt, dataBytes)
    return this.#place
  }

  /** Makes room for a header; returns its offset in `view`. */
  begin(type: PduType): number {
    if (this.#slab.byteLength - this.#position < ROOM_BYTES) this.#nextSlab()
    this.#headerEnd = this.#position + HEADER_BYTES[type]
    return this.#position
  }

  /**
   * Ends the PDU: flags, PDO and PLEN of the common header as the data and the digests want them, header digest,
   * padding, data, data digest. Above 16 KiB `data` is lent until the batch was written. `owner`: a buffer of the pool
   * that is given away, or a call: it returns, or is made, when `data` is not needed any more, which may be at once.
   */
  end(data: Uint8Array = EMPTY, owner?: Uint8Array | (() => void)): void {
    const start = this.#position
    const slab = this.#slab
    const view = this.#view
    assert(this.#headerEnd > start, 'a header was begun')
    const dataBytes = data.byteLength
    const isDigested = slab[start]! >= PduType.capsuleCmd
    const headerDigest = isDigested && this.#headerDigest
    const dataDigest = isDigested && this.#dataDigest && dataBytes > 0
    const headEnd = headerDigest ? this.#headerEnd + DIGEST_BYTES : this.#headerEnd
    let position = headEnd
    if (headerDigest || dataBytes > 0) {
      let pdo = 0
      if (dataBytes > 0) {
        pdo = headEnd - start
        if (isDigested) {
          pdo = this.#pdoOf(pdo)
          view.setUint8(start + AT.pdo, pdo)
        }
        position = start + pdo
      }
      const flags = (headerDigest ? PduFlag.headerDigest : 0) | (dataDigest ? PduFlag.dataDigest : 0)
      view.setUint8(start + AT.flags, slab[start + AT.flags]! | flags)
      view.setUint32(start + AT.plen, position - start + dataBytes + (dataDigest ? DIGEST_BYTES : 0), true)
      if (headerDigest) view.setUint32(this.#headerEnd, crc32cOfRange(slab, start, this.#headerEnd), true)
      for (let at = headEnd; at < position; at++) slab[at] = 0
    }
    this.#pendingBytes += position - start + dataBytes
    this.#position = position
    const isCopied = dataBytes <= COPY_BYTES_MAX
    assert(data === this.#place || !this.#isOwn(data), 'a place that another PDU has taken is not used')
    if (!isCopied) {
      this.#closeRun()
      this.#buffers.push(data)
    } else if (dataBytes > 0) this.#copy(data)
    if (dataDigest) {
      this.#view.setUint32(this.#position, crc32c(data), true)
      this.#position += DIGEST_BYTES
      this.#pendingBytes += DIGEST_BYTES
    }
    this.#place = EMPTY
    if (owner !== undefined) this.#letGo(owner, isCopied)
  }

  /** Calls `call` when all that was written until now has gone out, or was dropped. */
  whenWritten(call: () => void): void {
    this.#releases.push(call)
  }

  /** Offset of data behind `headBytes` of header and digest. */
  #pdoOf(headBytes: number): number {
    const alignment = this.#alignmentBytes
    return Math.ceil(headBytes / alignment) * alignment
  }

  /** Whether the bytes stand in the slab. */
  #isOwn(data: Uint8Array): boolean {
    const { buffer, byteOffset, byteLength } = this.#slab
    const offset = data.byteOffset - byteOffset
    return data.buffer === buffer && data.byteLength > 0 && offset >= 0 && offset < byteLength
  }

  #copy(data: Uint8Array): void {
    const dataBytes = data.byteLength
    if (data === this.#place) {
      assert(data.byteOffset === this.#slab.byteOffset + this.#position, 'the place is that of this PDU')
    } else {
      if (this.#slab.byteLength - this.#position < dataBytes + DIGEST_BYTES) this.#nextSlab()
      this.#slab.set(data, this.#position)
    }
    this.#position += dataBytes
  }

  #letGo(owner: Uint8Array | (() => void), isCopied: boolean): void {
    if (typeof owner === 'function') {
      if (isCopied) owner()
      else this.#releases.push(owner)
    } else if (isCopied) this.#pool.release(owner)
    else this.#owned.push(owner)
  }

  /** What was written since the last call. Empty buffers when nothing was. */
  take(): Batch {
    this.#closeRun()
    const buffers = this.#buffers
    const owned = this.#owned
    const releases = this.#releases
    this.#reset()
    const pool = this.#pool
    return {
      buffers,
      written: () => {
        for (const buffer of owned) pool.release(buffer)
        for (const release of releases) release()
      },
    }
  }

  /** Drops what was written since the last `take`. */
  discard(): void {
    this.take().written()
  }

  #nextSlab(): void {
    this.#closeRun()
    this.#slab = this.#pool.acquire(SLAB_BYTES)
    this.#view = viewOf(this.#slab)
    this.#owned.push(this.#slab)
    this.#runStart = 0
    this.#position = 0
  }

  #closeRun(): void {
    if (this.#position === this.#runStart) return
    this.#buffers.push(this.#slab.subarray(this.#runStart, this.#position))
    this.#runStart = this.#position
  }

  #reset(): void {
    this.#buffers = []
    this.#owned = []
    this.#releases = []
    this.#slab = EMPTY
    this.#view = NO_VIEW
    this.#runStart = 0
    this.#position = 0
    this.#headerEnd = 0
    this.#pendingBytes = 0
    this.#place = EMPTY
  }
}
