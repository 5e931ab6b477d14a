/**
 * Bytes of variable length: LEB128 numbers and strings. The reader never throws: past the end, or on a number that is too
 * large or longer than it must be, it answers 0 and `isBad` is set for good, and who decodes asks at the end.
 */
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

export class ByteWriter {
  #bytes: Uint8Array
  #end = 0

  constructor(capacityBytes = 1024) {
    this.#bytes = new Uint8Array(capacityBytes)
  }

  get lengthBytes(): number {
    return this.#end
  }

  /** An integer in [0, 2^53). */
  number(value: number): void {
    this.#reserve(8)
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[this.#end++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#bytes[this.#end++] = rest
  }

  raw(source: Uint8Array, start = 0, end = source.byteLength): void {
    this.#reserve(end - start)
    if (start === 0 && end === source.byteLength) this.#bytes.set(source, this.#end)
    else this.#bytes.set(source.subarray(start, end), this.#end)
    this.#end += end - start
  }

  text(value: string): void {
    const bytes = encoder.encode(value)
    this.number(bytes.byteLength)
    this.raw(bytes)
  }

  /** What was written; lent until the next write. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#end)
  }

  #reserve(lengthBytes: number): void {
    if (this.#end + lengthBytes <= this.#bytes.byteLength) return
    const grown = new Uint8Array(Math.max(2 * this.#bytes.byteLength, this.#end + lengthBytes))
    grown.set(this.#bytes.subarray(0, this.#end))
    this.#bytes = grown
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array
  #at = 0
  #isBad = false

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isBad(): boolean {
    return this.#isBad
  }

  /** Everything was read, and nothing was wrong. */
  get isWhole(): boolean {
    return !this.#isBad && this.#at === this.#bytes.byteLength
  }

  number(): number {
    let value = 0
    let factor = 1
    for (let i = 0; i < 8 && this.#at < this.#bytes.byteLength; i++) {
      const byte = this.#bytes[this.#at++]!
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return (byte === 0 && i > 0) || value > Number.MAX_SAFE_INTEGER ? this.#fail() : value
      factor *= 0x80
    }
    return this.#fail()
  }

  /** `lengthBytes` bytes of the source, not copied; an empty array when there are not so many. */
  raw(lengthBytes: number): Uint8Array {
    if (this.#isBad || this.#at + lengthBytes > this.#bytes.byteLength) {
      this.#fail()
      return new Uint8Array(0)
    }
    this.#at += lengthBytes
    return this.#bytes.subarray(this.#at - lengthBytes, this.#at)
  }

  text(lengthMax: number): string {
    const lengthBytes = this.number()
    if (this.#isBad || lengthBytes > lengthMax) {
      this.#fail()
      return ''
    }
    const text = decodeText(this.raw(lengthBytes))
    if (text === undefined) {
      this.#fail()
      return ''
    }
    return text
  }

  #fail(): number {
    this.#isBad = true
    return 0
  }
}

/** UTF-8, or undefined when the bytes are none. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

export const encodeText = (text: string): Uint8Array => encoder.encode(text)
