/** The bytes of a whole pack: header, rows of its frames, its records, frames. */
import {
  encodeFrames,
  encodePackHead,
  PACK_DIGESTED_BYTES,
  PACK_HEADER_BYTES,
  type PackHead,
} from './core/pack-format.ts'
import { digestOf, type Keyring } from './keys.ts'
import type { StoredFrame } from './ports.ts'

/** In the list of packs of a pack's own records: the pack itself. */
export const SELF = ''

export function packObject(options: {
  readonly name: string
  readonly keyring: Keyring
  /** Under which its frames were encrypted. */
  readonly salt: Uint8Array
  readonly frames: readonly StoredFrame[]
  /** Encoded. */
  readonly records: Uint8Array
  readonly recordCount: number
}): Uint8Array {
  const { name, keyring, salt, frames } = options
  const table = keyring.seal(salt, name, 'table', encodeFrames(frames.map(({ frame }) => frame)))
  const records = keyring.seal(salt, name, 'records', options.records)
  const bodyBytes = frames.reduce((sum, { stored }) => sum + stored.byteLength, 0)
  const totalBytes = PACK_HEADER_BYTES + table.byteLength + records.byteLength + bodyBytes
  const draft: PackHead = {
    isEncrypted: keyring.isEncrypting,
    frames: frames.length,
    tableBytes: table.byteLength,
    recordsBytes: records.byteLength,
    records: options.recordCount,
    totalBytes,
    salt,
    recordsDigest: recordsDigestOf(name, records),
    tableDigest: new Uint8Array(32),
  }
  const tableDigest = tableDigestOf(name, encodePackHead(draft), table)
  const object = new Uint8Array(totalBytes)
  let at = 0
  for (const piece of [encodePackHead({ ...draft, tableDigest }), table, records]) {
    object.set(piece, at)
    at += piece.byteLength
  }
  for (const { stored } of frames) {
    object.set(stored, at)
    at += stored.byteLength
  }
  return object
}

/** Of the name as well: an object that stands where another should be is seen. */
export const tableDigestOf = (name: string, header: Uint8Array, table: Uint8Array): Uint8Array =>
  digestOf(name, header.subarray(0, PACK_DIGESTED_BYTES), table)

export const recordsDigestOf = (name: string, records: Uint8Array): Uint8Array =>
  digestOf(name, records).subarray(0, 16)
