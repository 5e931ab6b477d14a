/**
 * The PDUs of one turn as buffers for one gathering write. Headers, digests and small data stand one behind the other in
 * slabs from the pool; larger data is referred to where it lies. So a payload is never copied, and a hundred responses
 * are one buffer.
 *
 *     const at = writer.begin(PduType.c2hData)
 *     encodeC2hData(writer.view, at, { … })
 *     writer.end(data, owner)
 *     …
 *     const batch = writer.take()        // once per turn
 *     connection.write(batch.buffers, batch.written)
 *
 * A batch owns its slabs and the `owner` buffers that `end` was given until `written` is called; then they return to the
 * pool. A writer that is dropped with PDUs in it gives its buffers back by `discard`.
 */
import { assert } from '../../base/assert.ts'
import { viewOf } from '../../base/binary.ts'
import type { BufferPool } from '../../base/buffer-pool.ts'
import { crc32c, crc32cOfRange } from '../../base/crc32c.ts'
import { CommonHeader, HEADER_BYTES } from './common-header.ts'
import { alignmentBytesOf, DATA_ALIGNMENT_MAX, DIGEST_BYTES, PduFlag, PduType } from './types.ts'

const SLAB_BYTES = 8192
/** Beyond this, naming a buffer to the kernel costs less than copying it. */
const COPY_BYTES_MAX = 512
/** Header, digest and padding: PDO is a byte. */
const HEAD_BYTES_MAX = 256
const ROOM_BYTES = HEAD_BYTES_MAX + COPY_BYTES_MAX + DIGEST_BYTES
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

  /** Makes room for a header; returns its offset in `view`. */
  begin(type: PduType): number {
    if (this.#slab.byteLength - this.#position < ROOM_BYTES) this.#nextSlab()
    this.#headerEnd = this.#position + HEADER_BYTES[type]
    return this.#position
  }

  /**
   * Ends the PDU: flags, PDO and PLEN of the common header as the data and the digests want them, header digest,
   * padding, data, data digest. Above 512 bytes `data` is lent until the batch was written. `owner`: a buffer of the
   * pool that is given away and returns to it then, or a call to be made then.
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
          const alignment = this.#alignmentBytes
          pdo = Math.ceil(pdo / alignment) * alignment
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
    if (dataBytes > COPY_BYTES_MAX) {
      this.#buffers.push(slab.subarray(this.#runStart, position), data)
      this.#runStart = position
      this.#pendingBytes += dataBytes
    } else if (dataBytes > 0) {
      slab.set(data, position)
      position += dataBytes
    }
    if (dataDigest) {
      view.setUint32(position, crc32c(data), true)
      position += DIGEST_BYTES
    }
    this.#pendingBytes += position - start
    this.#position = position
    if (typeof owner === 'function') this.#releases.push(owner)
    else if (owner !== undefined) this.#owned.push(owner)
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
    if (this.#position > this.#runStart) {
      this.#buffers.push(this.#slab.subarray(this.#runStart, this.#position))
    }
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
  }
}
