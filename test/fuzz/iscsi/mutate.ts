/**
 * How PDUs become wrong: in their fields before digests are made, so that the parser takes them for whole; or in the
 * bytes on the wire, where nothing fits any more.
 */
import { crc32c } from '../../../src/base/crc32c.ts'
import type { SeededRandom } from '../../sim/random.ts'
import type { Draft } from './pdus.ts'

const BHS_BYTES = 48
const BYTES = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff] as const
const WORDS = [0, 1, 2, 511, 512, 65536, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff] as const
const OPCODES = [0, 1, 2, 3, 4, 5, 6, 0x10, 0x1c, 0x1e, 0x20, 0x21, 0x25, 0x31, 0x3f] as const
/** Longer than what any header announces; never sent whole. */
const SEGMENT_BYTES_LONGEST = 0xff_ffff

/** Wrong fields. Lengths follow the data unless they are what is wrong. */
export function mutateFields(random: SeededRandom, { header, data }: Draft): Draft {
  const wrong = Uint8Array.from(header)
  const view = new DataView(wrong.buffer)
  let content = data
  for (let left = 1 + random.integer(3); left > 0; left--) {
    switch (random.weighted({ byte: 4, bit: 4, word: 4, opcode: 2, length: 2, ahs: 1, data: 2 })) {
      case 'byte':
        wrong[random.integer(BHS_BYTES)] = random.pick(BYTES)
        break
      case 'bit': {
        const at = random.integer(BHS_BYTES)
        wrong[at] = wrong[at]! ^ (1 << random.integer(8))
        break
      }
      case 'word':
        view.setUint32(8 + 4 * random.integer(10), random.pick(WORDS))
        break
      case 'opcode':
        wrong[0] = (wrong[0]! & 0x40) | random.pick(OPCODES)
        break
      case 'length': {
        const near = content.byteLength + random.pick([-1, 1, 4, 512])
        const length = random.pick([0, Math.max(0, near), SEGMENT_BYTES_LONGEST, 262_145, 8193])
        view.setUint32(4, (wrong[4]! << 24) | length)
        break
      }
      case 'ahs':
        wrong[4] = random.pick([1, 2, 5, 66, 255])
        break
      case 'data':
        content = random.bytes(random.pick([0, 1, 3, 48, 511, 4096]))
        view.setUint32(4, (wrong[4]! << 24) | content.byteLength)
        break
    }
  }
  const ahsBytes = random.chance(0.8) ? wrong[4]! * 4 : 0
  const whole = new Uint8Array(BHS_BYTES + ahsBytes)
  whole.set(wrong)
  whole.set(random.bytes(ahsBytes), BHS_BYTES)
  return { header: whole, data: content }
}

/** The PDU as bytes: padded, and with the digests that were agreed. */
export function wire({ header, data }: Draft, digests: { header: boolean; data: boolean }): Uint8Array {
  const paddedBytes = (data.byteLength + 3) & ~3
  const headerBytes = header.byteLength + (digests.header ? 4 : 0)
  const isDigested = digests.data && data.byteLength > 0
  const bytes = new Uint8Array(headerBytes + paddedBytes + (isDigested ? 4 : 0))
  const view = new DataView(bytes.buffer)
  bytes.set(header)
  if (digests.header) view.setUint32(header.byteLength, crc32c(header), true)
  bytes.set(data, headerBytes)
  const end = headerBytes + paddedBytes
  if (isDigested) view.setUint32(end, crc32c(bytes.subarray(headerBytes, end)), true)
  return bytes
}

/** Wrong bytes: flipped, cut out, doubled, or strange ones between. */
export function mutateBytes(random: SeededRandom, bytes: Uint8Array): Uint8Array {
  const at = random.integer(Math.max(1, bytes.byteLength))
  switch (random.weighted({ flip: 5, cut: 2, double: 1, strange: 2 })) {
    case 'flip': {
      const wrong = Uint8Array.from(bytes)
      for (let left = 1 + random.integer(4); left > 0; left--) {
        const place = random.integer(wrong.byteLength)
        wrong[place] = wrong[place]! ^ (1 << random.integer(8))
      }
      return wrong
    }
    case 'cut':
      return Buffer.concat([
        bytes.subarray(0, at),
        bytes.subarray(at + random.integer(bytes.byteLength - at + 1)),
      ])
    case 'double':
      return Buffer.concat([bytes, bytes])
    case 'strange':
      return Buffer.concat([bytes.subarray(0, at), random.bytes(1 + random.integer(64)), bytes.subarray(at)])
  }
}

/** The bytes as the socket delivers them: whole, or in pieces of any size. */
export function chunks(random: SeededRandom, bytes: Uint8Array): Uint8Array[] {
  if (random.chance(0.5)) return [bytes]
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.byteLength; ) {
    const end = at + 1 + random.integer(random.pick([4, 60, 700, 9000]))
    pieces.push(bytes.subarray(at, end))
    at = end
  }
  return pieces
}
