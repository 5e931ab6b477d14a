/** Content that follows from a seed, any part of it by itself. */
import { createCipheriv, createHash } from 'node:crypto'

const UNIT_BYTES = 16

/** `offsetBytes`: a multiple of 16. */
export function seededBytes(seed: string, offsetBytes: number, lengthBytes: number): Uint8Array {
  const key = createHash('sha256').update(seed).digest().subarray(0, UNIT_BYTES)
  const counter = Buffer.alloc(UNIT_BYTES)
  counter.writeBigUInt64BE(BigInt(offsetBytes / UNIT_BYTES), 8)
  return createCipheriv('aes-128-ctr', key, counter).update(new Uint8Array(lengthBytes))
}

export const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex')

/** Where two contents of one length part; −1 when they are the same. */
export function firstDifference(one: Uint8Array, other: Uint8Array): number {
  if (Buffer.compare(one, other) === 0) return -1
  return one.findIndex((byte, index) => byte !== other[index])
}
