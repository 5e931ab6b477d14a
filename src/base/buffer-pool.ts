/**
 * Buffers for payloads. Sizes are powers of two from 4 KiB to 1 MiB, cut from slabs and kept when released,
 * because `Buffer.allocUnsafe(4096)` costs a hundred times what a free list does. What the pool keeps is
 * bounded, and when it is full the size that holds most of it gives way: buffers of a size that nobody asks for any
 * more must not keep out those that are asked for now. Larger requests are allocated plainly and dropped on release.
 *
 * One owner at a time: `acquire` gives, `release` takes back, and nobody touches a buffer after releasing it.
 * Contents of an acquired buffer are unspecified.
 */
import { assert } from './assert.ts'
import { MIB } from './units.ts'

const CLASS_BYTES_MIN = 4096
const CLASS_BYTES_MAX = MIB

export class BufferPool {
  readonly #free: Uint8Array[][] = []
  readonly #keepBytesMax: number
  #keptBytes = 0
  #lentBytes = 0
  /**
   * What is out. A buffer that is released twice would be given to two owners: wrong data. The look-up costs less
   * than that can.
   */
  readonly #lent = new Set<ArrayBufferLike>()

  constructor(options: { keepBytesMax?: number } = {}) {
    this.#keepBytesMax = options.keepBytesMax ?? 16 * MIB
    for (let size = CLASS_BYTES_MIN; size <= CLASS_BYTES_MAX; size *= 2) this.#free.push([])
  }

  /** Bytes of buffers that are out. */
  get lentBytes(): number {
    return this.#lentBytes
  }

  /** A buffer of exactly `lengthBytes` bytes (a view of a whole class-sized buffer), at least 1. */
  acquire(lengthBytes: number): Uint8Array {
    assert(lengthBytes > 0, 'a buffer has at least one byte')
    const index = classIndex(lengthBytes)
    const list = this.#free[index]
    const kept = list?.pop()
    const classBytes = list === undefined ? lengthBytes : CLASS_BYTES_MIN * 2 ** index
    if (kept !== undefined) this.#keptBytes -= classBytes
    this.#lentBytes += classBytes
    const whole = kept ?? Buffer.allocUnsafeSlow(classBytes)
    this.#lent.add(whole.buffer)
    return lengthBytes === classBytes ? whole : whole.subarray(0, lengthBytes)
  }

  /** Takes back what `acquire` returned. */
  release(buffer: Uint8Array): void {
    const classBytes = buffer.buffer.byteLength
    assert(this.#lent.delete(buffer.buffer), 'a buffer is released once, to the pool that it is from')
    this.#lentBytes -= classBytes
    const list = this.#free[classIndex(classBytes)]
    if (list === undefined || !this.#makeRoom(list, classBytes)) return
    this.#keptBytes += classBytes
    list.push(buffer.byteLength === classBytes ? buffer : Buffer.from(buffer.buffer, 0, classBytes))
  }

  /** Drops buffers of the size that holds most until another of `list`, of `classBytes`, fits; false: that is `list`. */
  #makeRoom(list: Uint8Array[], classBytes: number): boolean {
    while (this.#keptBytes + classBytes > this.#keepBytesMax) {
      const fullest = this.#fullest()
      if (fullest === list) return false
      const dropped = fullest.pop()
      if (dropped === undefined) return false
      this.#keptBytes -= dropped.byteLength
    }
    return true
  }

  #fullest(): Uint8Array[] {
    let fullest = this.#free[0]!
    let mostBytes = -1
    for (const list of this.#free) {
      const bytes = list.length === 0 ? 0 : list.length * list[0]!.byteLength
      if (bytes <= mostBytes) continue
      fullest = list
      mostBytes = bytes
    }
    return fullest
  }
}

function classIndex(lengthBytes: number): number {
  if (lengthBytes <= CLASS_BYTES_MIN) return 0
  return 32 - Math.clz32((lengthBytes - 1) >>> 12)
}
