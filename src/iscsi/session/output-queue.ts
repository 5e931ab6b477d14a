/**
 * PDUs on their way out. Headers, and data up to `INLINE_BYTES_MAX`, are laid one after the other into slabs, so
 * that a turn's answers are one buffer and one system call: copying 4 KiB costs less than one more write through
 * the socket layers. Longer data goes out from where it stands and is released when the socket has taken it.
 *
 *     const at = queue.header()
 *     encodeNopIn(queue.view, at, {...})
 *     queue.end(at, data)
 *
 * Digests (RFC 7143 §13.1) and padding are added here.
 */
import { viewOf } from '../../base/binary.ts'
import type { BufferPool } from '../../base/buffer-pool.ts'
import { crc32c, crc32cOfRange } from '../../base/crc32c.ts'
import { KIB } from '../../base/units.ts'
import { BHS_BYTES } from '../pdu/opcodes.ts'

const SLAB_BYTES = 64 * KIB
const INLINE_BYTES_MAX = 16 * KIB
const DIGEST_BYTES = 4
/** Padding and data digest. */
const TRAILER_BYTES_MAX = 3 + DIGEST_BYTES
const NO_VIEW = new DataView(new ArrayBuffer(0))
const NO_SLAB = new Uint8Array(0)
const ZEROS = new Uint8Array(3)

export interface OutputBatch {
  /** Lent until `written` is called. */
  readonly buffers: readonly Uint8Array[]
  readonly lengthBytes: number
  /** To be called exactly once, when the buffers are not needed any more. */
  readonly written: () => void
}

export class OutputQueue {
  readonly #pool: BufferPool
  #headerDigest = false
  #dataDigest = false
  #slab: Uint8Array = NO_SLAB
  /** [#sealed, #used) of the slab is not among the buffers yet. */
  #sealed = 0
  #used = 0
  #buffers: Uint8Array[] = []
  #slabs: Uint8Array[] = []
  #releases: (() => void)[] = []
  #lengthBytes = 0
  /** Of the present slab: where `header` says that a header goes. */
  view: DataView = NO_VIEW

  constructor(pool: BufferPool) {
    this.#pool = pool
  }

  /** From the next PDU on. */
  setDigests(digests: { readonly header: boolean; readonly data: boolean }): void {
    this.#headerDigest = digests.header
    this.#dataDigest = digests.data
  }

  /** Bytes that are queued. */
  get lengthBytes(): number {
    return this.#lengthBytes + this.#used - this.#sealed
  }

  get isEmpty(): boolean {
    return this.#used === this.#sealed && this.#buffers.length === 0
  }

  /** Makes room for a header and returns its offset in `view`. `end` must follow before the next `header`. */
  header(): number {
    if (this.#used + BHS_BYTES + DIGEST_BYTES + TRAILER_BYTES_MAX > this.#slab.byteLength) this.#nextSlab()
    const at = this.#used
    this.#used = at + BHS_BYTES
    return at
  }

  /**
   * Completes the PDU whose header stands at `at`. True: `data` was copied. False: it is lent until the batch that
   * it is part of was written; `whenWritten` tells.
   */
  end(at: number, data?: Uint8Array): boolean {
    if (this.#headerDigest) {
      this.view.setUint32(this.#used, crc32cOfRange(this.#slab, at, at + BHS_BYTES), true)
      this.#used += DIGEST_BYTES
    }
    if (data === undefined || data.byteLength === 0) return true
    const lengthBytes = data.byteLength
    if (lengthBytes <= INLINE_BYTES_MAX) {
      if (this.#used + lengthBytes + TRAILER_BYTES_MAX > this.#slab.byteLength) this.#nextSlab()
      this.#slab.set(data, this.#used)
      this.#used += lengthBytes
      this.#trailer(data)
      return true
    }
    this.#seal()
    this.#buffers.push(data)
    this.#lengthBytes += lengthBytes
    this.#trailer(data)
    return false
  }

  /** As `end` for data that is lent for the call only. */
  endCopied(at: number, data: Uint8Array): void {
    if (data.byteLength <= INLINE_BYTES_MAX) {
      this.end(at, data)
      return
    }
    const copy = this.#pool.acquire(data.byteLength)
    copy.set(data)
    this.end(at, copy)
    this.whenWritten(() => this.#pool.release(copy))
  }

  /** Calls `release` when all that is queued now has been written, or dropped. */
  whenWritten(release: () => void): void {
    this.#releases.push(release)
  }

  /** All that is queued, or undefined. */
  take(): OutputBatch | undefined {
    if (this.isEmpty) return undefined
    this.#seal()
    const buffers = this.#buffers
    const lengthBytes = this.#lengthBytes
    const written = this.#end()
    return { buffers, lengthBytes, written }
  }

  /** Drops what is queued. */
  clear(): void {
    this.#end()()
  }

  /** Starts afresh; the call that gives back what was in use until now. */
  #end(): () => void {
    const pool = this.#pool
    const slabs = this.#slabs
    const releases = this.#releases
    this.#buffers = []
    this.#slabs = []
    this.#slab = NO_SLAB
    this.view = NO_VIEW
    this.#sealed = 0
    this.#used = 0
    this.#lengthBytes = 0
    // a new list even when this one is empty: the next batch's buffers are not this batch's to release
    this.#releases = []
    return () => {
      for (const slab of slabs) pool.release(slab)
      for (const release of releases) release()
    }
  }

  #trailer(data: Uint8Array): void {
    const paddingBytes = -data.byteLength & 3
    for (let i = 0; i < paddingBytes; i++) this.#slab[this.#used++] = 0
    if (!this.#dataDigest) return
    const crc = crc32cOfRange(ZEROS, 0, paddingBytes, crc32c(data))
    this.view.setUint32(this.#used, crc, true)
    this.#used += DIGEST_BYTES
  }

  #seal(): void {
    if (this.#used === this.#sealed) return
    this.#buffers.push(this.#slab.subarray(this.#sealed, this.#used))
    this.#lengthBytes += this.#used - this.#sealed
    this.#sealed = this.#used
  }

  #nextSlab(): void {
    this.#seal()
    this.#slab = this.#pool.acquire(SLAB_BYTES)
    this.#slabs.push(this.#slab)
    this.view = viewOf(this.#slab)
    this.#sealed = 0
    this.#used = 0
  }
}
