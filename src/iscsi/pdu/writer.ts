/**
 * The PDUs of one turn as buffers for one gathering write. Headers, padding, digests and small data segments
 * stand one behind the other in slabs from the pool; a larger data segment is referred to where it lies. So
 * a payload is never copied, and a hundred responses are one buffer.
 *
 *     const at = writer.begin()
 *     encodeDataIn(writer.view, at, { … })
 *     writer.end(data, owner)
 *     …
 *     const batch = writer.take()        // once per turn
 *     connection.write(batch.buffers, batch.written)
 *
 * A batch owns its slabs and the `owner` buffers that `end` was given until `written` is called; then they
 * return to the pool. A writer that is dropped with PDUs in it gives its buffers back by `discard`.
 */
import { assert } from '../../base/assert.ts'
import { viewOf } from '../../base/binary.ts'
import type { BufferPool } from '../../base/buffer-pool.ts'
import { crc32c, crc32cOfRange } from '../../base/crc32c.ts'
import { BHS_BYTES } from './opcodes.ts'

const SLAB_BYTES = 8192
const DIGEST_BYTES = 4
/** Beyond this, naming a buffer to the kernel costs less than copying it. */
const COPY_BYTES_MAX = 512
const ZEROS = new Uint8Array(3)
const EMPTY = new Uint8Array(0)
const NO_VIEW = viewOf(EMPTY)

export interface Batch {
  readonly buffers: readonly Uint8Array[]
  /** To be called once, when the connection no longer needs the buffers, whether they were sent or not. */
  readonly written: () => void
}

export class PduWriter {
  readonly #pool: BufferPool
  #headerDigest = false
  #dataDigest = false
  #buffers: Uint8Array[] = []
  /** What returns to the pool when the batch has gone out. */
  #owned: Uint8Array[] = []
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

  /** From the next `begin` on. */
  setDigests(digests: { readonly header: boolean; readonly data: boolean }): void {
    this.#headerDigest = digests.header
    this.#dataDigest = digests.data
  }

  /** Where the header that was begun is to be encoded. Another view after each `begin`. */
  get view(): DataView {
    return this.#view
  }

  /** Bytes of PDUs since the last `take`. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Makes room for a header and `ahsBytes` of additional headers; returns its offset in `view`. */
  begin(ahsBytes = 0): number {
    const roomBytes = BHS_BYTES + ahsBytes + COPY_BYTES_MAX + 3 + 2 * DIGEST_BYTES
    if (this.#slab.byteLength - this.#position < roomBytes) this.#nextSlab()
    this.#headerEnd = this.#position + BHS_BYTES + ahsBytes
    return this.#position
  }

  /**
   * Ends the PDU: header digest, data segment, padding, data digest. `data` is as long as the header's
   * DataSegmentLength says. Above 512 bytes it is lent until the batch was written. `owner` is a buffer of
   * the pool that is given away; it returns to the pool after the batch was written.
   */
  end(data: Uint8Array = EMPTY, owner?: Uint8Array): void {
    const start = this.#position
    const slab = this.#slab
    assert(this.#headerEnd > start, 'a header was begun')
    let position = this.#headerEnd
    if (this.#headerDigest) {
      this.#view.setUint32(position, crc32cOfRange(slab, start, position), true)
      position += DIGEST_BYTES
    }
    const dataBytes = data.byteLength
    if (dataBytes > COPY_BYTES_MAX) {
      this.#buffers.push(slab.subarray(this.#runStart, position), data)
      this.#runStart = position
      this.#pendingBytes += dataBytes
    } else if (dataBytes > 0) {
      slab.set(data, position)
      position += dataBytes
    }
    if (dataBytes > 0) {
      const paddingBytes = -dataBytes & 3
      for (let i = 0; i < paddingBytes; i++) slab[position++] = 0
      if (this.#dataDigest) {
        const crc = crc32cOfRange(ZEROS, 0, paddingBytes, crc32c(data))
        this.#view.setUint32(position, crc, true)
        position += DIGEST_BYTES
      }
    }
    this.#pendingBytes += position - start
    this.#position = position
    if (owner !== undefined) this.#owned.push(owner)
  }

  /** What was written since the last call. Empty buffers when nothing was. */
  take(): Batch {
    this.#closeRun()
    const buffers = this.#buffers
    const owned = this.#owned
    this.#reset()
    const pool = this.#pool
    return {
      buffers,
      written: () => {
        for (const buffer of owned) pool.release(buffer)
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
    this.#slab = EMPTY
    this.#view = NO_VIEW
    this.#runStart = 0
    this.#position = 0
    this.#headerEnd = 0
    this.#pendingBytes = 0
  }
}
