/**
 * Text of iSCSI requests and responses: `key=value` pairs, each ended by NUL (RFC 7143 §6.1). A sequence of
 * PDUs joined by the C bit carries one text, cut at any byte; the collector joins it within a limit that holds
 * before anything is kept. Bytes from outside give a verdict, never an exception.
 */
export interface TextPair {
  readonly key: string
  /** Without NUL; may be empty and may hold `=`. */
  readonly value: string
}

export type TextVerdict =
  | { readonly ok: true; readonly pairs: readonly TextPair[] }
  | { readonly ok: false; readonly problem: string }

/** RFC 7143 §6.1: a key name has at most 63 bytes. */
export const KEY_BYTES_MAX = 63
/** RFC 7143 §6.1: a value has at most 255 bytes unless its key says otherwise. */
export const SIMPLE_VALUE_BYTES_MAX = 255
/** RFC 7143 §6.2: what both sides must be able to receive in one negotiation sequence. */
export const TEXT_BYTES_MAX = 8192

const NUL = 0
const EQUALS = 0x3d
/** RFC 7143 §6.1, standard-label and the private extension prefixes `X-`, `X#`, `Y-`, `Z-`. */
const KEY_NAME = /^(?:[A-Za-z][A-Za-z0-9.\-+@_]*|X#[A-Za-z0-9.\-+@_]+)$/
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const fail = (problem: string): TextVerdict => ({ ok: false, problem })

/** Splits a whole text into pairs, in order. Empty runs between NULs are allowed, a missing last NUL is not. */
export function parseText(bytes: Uint8Array): TextVerdict {
  const pairs: TextPair[] = []
  let start = 0
  while (start < bytes.byteLength) {
    const end = bytes.indexOf(NUL, start)
    if (end < 0) return fail('the last pair has no terminating NUL')
    if (end > start) {
      const equals = bytes.indexOf(EQUALS, start)
      if (equals < 0 || equals > end) return fail('a pair has no =')
      if (equals - start > KEY_BYTES_MAX) return fail('a key is too long')
      const key = decode(bytes.subarray(start, equals))
      const value = decode(bytes.subarray(equals + 1, end))
      if (key === undefined || !KEY_NAME.test(key)) return fail('a key has a character that is not allowed')
      if (value === undefined) return fail(`the value of ${key} is not UTF-8`)
      pairs.push({ key, value })
    }
    start = end + 1
  }
  return { ok: true, pairs }
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

/** The bytes of `pairs`. Values must not hold NUL. */
export function encodeText(pairs: readonly TextPair[]): Uint8Array {
  let text = ''
  for (const { key, value } of pairs) text += `${key}=${value}\0`
  return Buffer.from(text, 'utf8')
}

/** Joins the text of PDUs that the C bit ties together. */
export class TextCollector {
  readonly #bytesMax: number
  #parts: Uint8Array[] = []
  #lengthBytes = 0

  constructor(bytesMax = TEXT_BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  /** Whether a text has begun and not ended. */
  get open(): boolean {
    return this.#parts.length > 0
  }

  /**
   * Takes one PDU's data segment (copied). `undefined`: the C bit was set and more is to come. Otherwise the
   * verdict over the whole text, and the collector is empty again.
   */
  push(data: Uint8Array, continues: boolean): TextVerdict | undefined {
    this.#lengthBytes += data.byteLength
    if (this.#lengthBytes > this.#bytesMax) {
      this.clear()
      return fail('the text is too long')
    }
    if (continues) {
      this.#parts.push(Uint8Array.from(data))
      return undefined
    }
    if (this.#parts.length === 0) {
      this.#lengthBytes = 0
      return parseText(data)
    }
    const whole = new Uint8Array(this.#lengthBytes)
    let offset = 0
    for (const part of this.#parts) {
      whole.set(part, offset)
      offset += part.byteLength
    }
    whole.set(data, offset)
    this.clear()
    return parseText(whole)
  }

  clear(): void {
    this.#parts = []
    this.#lengthBytes = 0
  }
}
