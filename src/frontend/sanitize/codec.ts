/**
 * A sanitize operation as bytes: the part of the front ends' records that version 2 adds. Little-endian:
 *
 * | offset | length | field                                                          |
 * |--------|--------|----------------------------------------------------------------|
 * | 0      | 1      | flags: bit 0 failed, bit 1 unrestricted, bit 2 invert          |
 * | 1      | 1      | method: 1 overwrite, 2 block erase                             |
 * | 2      | 1      | passes                                                         |
 * | 3      | 1      | passes that are complete, at most as many                      |
 * | 4      | 2      | length of the pattern                                          |
 * | 6      | 2      | zero                                                           |
 * | 8      | 8      | bytes done of the pass at hand                                 |
 * | 16     | …      | pattern: 1 to 4096 bytes for an overwrite, else none           |
 */
import { readU64, viewOf, writeU64 } from '../../base/binary.ts'
import { BlockError } from '../../base/errors.ts'
import { layout, u8, u16, u64, zero } from '../../base/layout.ts'
import { PASSES_MAX, PATTERN_BYTES_MAX, type SanitizeOperation } from './operation.ts'

const Header = layout('SanitizeRecord', 16, {
  flags: u8(0),
  method: u8(1),
  passes: u8(2),
  passesDone: u8(3),
  patternBytes: u16(4),
  reserved: zero(6, 2),
  doneBytes: u64(8),
})
const AT = Header.at
const FLAG = { FAILED: 1, UNRESTRICTED: 2, INVERT: 4 } as const
const METHOD = { OVERWRITE: 1, BLOCK_ERASE: 2 } as const

export function encodeSanitize(operation: SanitizeOperation): Uint8Array {
  const { state, method, unrestricted, invert, passes, passesDone, pattern, doneBytes } = operation
  const bytes = new Uint8Array(Header.lengthBytes + pattern.byteLength)
  const view = viewOf(bytes)
  bytes[AT.flags] =
    (state === 'failed' ? FLAG.FAILED : 0) |
    (unrestricted ? FLAG.UNRESTRICTED : 0) |
    (invert ? FLAG.INVERT : 0)
  bytes[AT.method] = method === 'overwrite' ? METHOD.OVERWRITE : METHOD.BLOCK_ERASE
  bytes[AT.passes] = passes
  bytes[AT.passesDone] = passesDone
  view.setUint16(AT.patternBytes, pattern.byteLength, true)
  writeU64(view, AT.doneBytes, doneBytes)
  bytes.set(pattern, Header.lengthBytes)
  return bytes
}

/** Throws CORRUPT. */
export function decodeSanitize(bytes: Uint8Array): SanitizeOperation {
  if (bytes.byteLength < Header.lengthBytes || !Header.isPaddingZero(bytes)) throw corrupt()
  const view = viewOf(bytes)
  const flags = view.getUint8(AT.flags)
  const method = view.getUint8(AT.method)
  const passes = view.getUint8(AT.passes)
  const passesDone = view.getUint8(AT.passesDone)
  const patternBytes = view.getUint16(AT.patternBytes, true)
  const isOverwrite = method === METHOD.OVERWRITE
  if (flags > 7 || (!isOverwrite && method !== METHOD.BLOCK_ERASE)) throw corrupt()
  if (passes === 0 || passes > PASSES_MAX || passesDone > passes) throw corrupt()
  if (isOverwrite !== patternBytes > 0 || patternBytes > PATTERN_BYTES_MAX) throw corrupt()
  if (bytes.byteLength !== Header.lengthBytes + patternBytes) throw corrupt()
  return {
    state: (flags & FLAG.FAILED) !== 0 ? 'failed' : 'running',
    method: isOverwrite ? 'overwrite' : 'block-erase',
    unrestricted: (flags & FLAG.UNRESTRICTED) !== 0,
    invert: (flags & FLAG.INVERT) !== 0,
    passes,
    passesDone,
    pattern: Uint8Array.from(bytes.subarray(Header.lengthBytes)),
    doneBytes: readU64(view, AT.doneBytes),
  }
}

const corrupt = (): BlockError => new BlockError('CORRUPT', 'stored records of the front ends: the operation')
