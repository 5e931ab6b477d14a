/**
 * The grain maxima on disk: sectors of 512 bytes with 60 LSNs each, a checksum per sector. A sector that was
 * never written is all zero. docs/formats/block-map.md.
 */
import { isZero, readU64, viewOf, writeU64 } from '../../base/binary.ts'
import { crc32c, crc32cOfRange } from '../../base/crc32c.ts'
import { layout, u16, u32, u64, zero } from '../../base/layout.ts'

export const MAXIMA_SECTOR_BYTES = 512
export const SECTOR_GRAINS = 60
const MAXIMA_MAGIC = 0x584d4c42 // "BLMX"
const MAXIMA_VERSION = 1

/** Sector header, little-endian; 60 × u64 follow. */
const Sector = layout('MaximaSector', 32, {
  magic: u32(0),
  version: u16(4),
  reserved: zero(6, 2),
  index: u64(8),
  crc32c: u32(16), // of the sector without this field
  reserved2: zero(20, 12),
})
const AT = Sector.at

function checksum(sector: Uint8Array): number {
  return crc32c(sector.subarray(AT.crc32c + 4), crc32cOfRange(sector, 0, AT.crc32c))
}

export function encodeMaxima(index: number, maxima: Float64Array): Uint8Array {
  const sector = new Uint8Array(MAXIMA_SECTOR_BYTES)
  const view = viewOf(sector)
  view.setUint32(AT.magic, MAXIMA_MAGIC, true)
  view.setUint16(AT.version, MAXIMA_VERSION, true)
  writeU64(view, AT.index, index)
  for (let i = 0; i < SECTOR_GRAINS; i++) writeU64(view, Sector.lengthBytes + i * 8, maxima[i]!)
  view.setUint32(AT.crc32c, checksum(sector), true)
  return sector
}

/** The 60 maxima of sector `index`; undefined when it is damaged. */
export function decodeMaxima(index: number, sector: Uint8Array): Float64Array | undefined {
  const maxima = new Float64Array(SECTOR_GRAINS)
  if (isZero(sector)) return maxima
  const view = viewOf(sector)
  if (
    view.getUint32(AT.magic, true) !== MAXIMA_MAGIC ||
    view.getUint16(AT.version, true) !== MAXIMA_VERSION
  ) {
    return undefined
  }
  if (!Sector.isPaddingZero(sector)) return undefined
  if (readU64(view, AT.index) !== index || view.getUint32(AT.crc32c, true) !== checksum(sector))
    return undefined
  for (let i = 0; i < SECTOR_GRAINS; i++) maxima[i] = readU64(view, Sector.lengthBytes + i * 8)
  return maxima
}
