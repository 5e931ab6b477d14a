/**
 * Writing and reading of what stands in payloads: little-endian, one field after the other, lengths before what varies.
 * A reader never throws on a peer's bytes: past the end, or on a value that cannot be, it turns invalid and gives zeros.
 */
import { readU64, viewOf, writeU64 } from '../../base/binary.ts'

const STRING_BYTES_MAX = 255

export class ByteWriter {
  #bytes = new Uint8Array(256)
  #view = viewOf(this.#bytes)
  #at = 0

  #room(lengthBytes: number): number {
    const at = this.#at
    this.#at += lengthBytes
    if (this.#at > this.#bytes.byteLength) {
      const grown = new Uint8Array(Math.max(this.#at, this.#bytes.byteLength * 2))
      grown.set(this.#bytes)
      this.#bytes = grown
      this.#view = viewOf(grown)
    }
    return at
  }

  u8(value: number): this {
    const at = this.#room(1)
    this.#view.setUint8(at, value)
    return this
  }

  u16(value: number): this {
    const at = this.#room(2)
    this.#view.setUint16(at, value, true)
    return this
  }

  u32(value: number): this {
    const at = this.#room(4)
    this.#view.setUint32(at, value, true)
    return this
  }

  /** An integer in [0, 2^53). */
  u64(value: number): this {
    const at = this.#room(8)
    writeU64(this.#view, at, value)
    return this
  }

  /** Sixty-four opaque bits. */
  bits64(value: bigint): this {
    const at = this.#room(8)
    this.#view.setBigUint64(at, value, true)
    return this
  }

  bytes(value: Uint8Array): this {
    const at = this.#room(value.byteLength)
    this.#bytes.set(value, at)
    return this
  }

  /** At most 255 bytes of UTF-8; longer ones are cut, which only texts for people are. */
  string(value: string): this {
    const encoded = Buffer.from(value).subarray(0, STRING_BYTES_MAX)
    return this.u8(encoded.byteLength).bytes(encoded)
  }

  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0
  #isValid = true

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = viewOf(bytes)
  }

  /** Whether everything so far was there and could be. */
  get isValid(): boolean {
    return this.#isValid
  }

  /** Whether everything was there, and nothing is left over. */
  get isDone(): boolean {
    return this.#isValid && this.#at === this.#bytes.byteLength
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#at
  }

  /** Bytes that were not read yet; 0 when what was read cannot be. */
  get leftBytes(): number {
    return this.#isValid ? this.#bytes.byteLength - this.#at : 0
  }

  /** What was read cannot be. */
  fail(): void {
    this.#isValid = false
  }

  /** Where the next field is, or undefined when the payload ends before its end. */
  #next(lengthBytes: number): number | undefined {
    const at = this.#at
    if (at + lengthBytes > this.#bytes.byteLength) this.#isValid = false
    if (!this.#isValid) return undefined
    this.#at = at + lengthBytes
    return at
  }

  u8(): number {
    const at = this.#next(1)
    return at === undefined ? 0 : this.#view.getUint8(at)
  }

  u16(): number {
    const at = this.#next(2)
    return at === undefined ? 0 : this.#view.getUint16(at, true)
  }

  u32(): number {
    const at = this.#next(4)
    return at === undefined ? 0 : this.#view.getUint32(at, true)
  }

  u64(): number {
    const at = this.#next(8)
    const value = at === undefined ? 0 : readU64(this.#view, at)
    if (value >= 0) return value
    this.#isValid = false
    return 0
  }

  bits64(): bigint {
    const at = this.#next(8)
    return at === undefined ? 0n : this.#view.getBigUint64(at, true)
  }

  /** A view of the payload, not a copy. Empty when it ends before. */
  bytes(lengthBytes: number): Uint8Array {
    const at = this.#next(lengthBytes)
    return at === undefined ? this.#bytes.subarray(0, 0) : this.#bytes.subarray(at, at + lengthBytes)
  }

  string(): string {
    return Buffer.from(this.bytes(this.u8())).toString()
  }

  /** One of `values` by its index. */
  choice<const T>(values: readonly T[]): T {
    const index = this.u8()
    const value = values[index]
    if (value !== undefined) return value
    this.#isValid = false
    return values[0] as T
  }

  /** A list whose count stands before it as a u16. */
  list<T>(countMax: number, read: () => T): T[] {
    const count = this.u16()
    if (count > countMax) this.#isValid = false
    const values: T[] = []
    for (let i = 0; i < count && this.#isValid; i++) values.push(read())
    return values
  }
}
