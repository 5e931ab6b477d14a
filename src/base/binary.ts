/**
 * Unsigned 64-bit integers as doubles. A value above 2^53 − 1 is refused: bytes that carry one are damaged
 * or hostile, for nothing that this system counts gets there.
 */
const TWO_32 = 0x1_0000_0000

/** The u64 at `offset`, or −1 when it is above `Number.MAX_SAFE_INTEGER`. */
export function readU64(view: DataView, offset: number, littleEndian = true): number {
  const low = view.getUint32(littleEndian ? offset : offset + 4, littleEndian)
  const high = view.getUint32(littleEndian ? offset + 4 : offset, littleEndian)
  return high > 0x1f_ffff ? -1 : high * TWO_32 + low
}

/** Writes `value`, an integer in [0, 2^53), as a u64. */
export function writeU64(view: DataView, offset: number, value: number, littleEndian = true): void {
  const low = value % TWO_32
  view.setUint32(littleEndian ? offset : offset + 4, low, littleEndian)
  view.setUint32(littleEndian ? offset + 4 : offset, (value - low) / TWO_32, littleEndian)
}

/** A `DataView` over exactly the bytes of `bytes`. */
export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Whether every byte is zero. */
export function isZero(bytes: Uint8Array): boolean {
  const { byteOffset, byteLength } = bytes
  if (byteOffset % 4 === 0 && byteLength % 4 === 0) {
    const words = new Uint32Array(bytes.buffer, byteOffset, byteLength / 4)
    for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false
    return true
  }
  for (let i = 0; i < byteLength; i++) if (bytes[i] !== 0) return false
  return true
}
