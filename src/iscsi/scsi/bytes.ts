/** Big-endian fields of CDBs and parameter data. Reads beyond the end give zeros, as a shorter CDB would. */

export const readU16 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)

export const readU24 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)

export const readU32 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)) >>>
  0

/** For block addresses: above 2^53 the low bits are lost, and the value is out of every range all the same. */
export const readLba64 = (bytes: Uint8Array, at: number): number =>
  readU32(bytes, at) * 0x1_0000_0000 + readU32(bytes, at + 4)

export function putU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

export function putU24(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 16
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value
}

export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** `value` is an integer in [0, 2^53). */
export function putU64(bytes: Uint8Array, at: number, value: number): void {
  putU32(bytes, at, Math.floor(value / 0x1_0000_0000))
  putU32(bytes, at + 4, value >>> 0)
}

/** `text` in ASCII at `at`, padded with spaces to `lengthBytes`, cut off there; what is not printable becomes '?'. */
export function putAscii(bytes: Uint8Array, at: number, lengthBytes: number, text: string): void {
  for (let i = 0; i < lengthBytes; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 0x20
    bytes[at + i] = code >= 0x20 && code <= 0x7e ? code : 0x3f
  }
}
