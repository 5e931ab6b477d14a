/**
 * Content that says what it is: each 512-byte sector names the operation that wrote it and the place it was
 * written to, and repeats one word to its end. Whatever a read returns is thus one of: zeros, the content of one
 * operation at this place, or wrong, and then the message says in which way.
 */
import { viewOf } from '../../src/base/binary.ts'

export const SECTOR_BYTES = 512
const MAGIC = 0x4c415342 // "BASL"
/** A pattern of WRITE SAME does not know where it will stand; these are its sectors' numbers. */
const PATTERN_SECTOR = 0xffff_ff00
const HEADER_WORDS = 3

/** Fills `target` (whole sectors) as operation `op` writes them from sector `firstSector`. */
export function fillSectors(target: Uint8Array, firstSector: number, op: number): Uint8Array {
  const view = viewOf(target)
  for (let at = 0, sector = firstSector; at < target.byteLength; at += SECTOR_BYTES, sector++) {
    fillSector(view, at, sector, op)
  }
  return target
}

/** The pattern of a WRITE SAME by operation `op`: one logical block. */
export function patternOf(logicalBlockBytes: number, op: number): Uint8Array {
  return fillSectors(new Uint8Array(logicalBlockBytes), PATTERN_SECTOR, op)
}

function fillSector(view: DataView, at: number, sector: number, op: number): void {
  view.setUint32(at, MAGIC, true)
  view.setUint32(at + 4, op, true)
  view.setUint32(at + 8, sector, true)
  const fill = fillOf(op, sector)
  for (let i = HEADER_WORDS * 4; i < SECTOR_BYTES; i += 4) view.setUint32(at + i, fill, true)
}

const fillOf = (op: number, sector: number): number =>
  ((Math.imul(op + 1, 0x9e3779b1) ^ Math.imul(sector + 1, 0x85ebca6b)) | 1) >>> 0

/** What a sector turned out to hold: 0 for zeros, the operation's number, or what is wrong with it. */
export type SectorContent = number | { readonly wrong: string }

/** Looks at the sector at `at` of `bytes`, read from sector `sector` of the volume. */
export function identify(
  bytes: Uint8Array,
  at: number,
  sector: number,
  logicalBlockBytes: number,
): SectorContent {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + at, SECTOR_BYTES / 4)
  if (words[0] !== MAGIC) return isZero(words) ? 0 : { wrong: 'neither zeros nor anything that was written' }
  const op = words[1]!
  const written = words[2]!
  const fill = fillOf(op, written)
  for (let i = HEADER_WORDS; i < words.length; i++) {
    if (words[i] !== fill) return { wrong: `content of operation ${op}, torn or damaged at byte ${i * 4}` }
  }
  const inPattern = PATTERN_SECTOR + (sector % (logicalBlockBytes / SECTOR_BYTES))
  if (written !== sector && written !== inPattern) {
    return { wrong: `content of operation ${op} that belongs to sector ${written}` }
  }
  return op
}

/** Identifies every sector of `bytes`; the first wrong one throws. */
export function identifyAll(bytes: Uint8Array, firstSector: number, logicalBlockBytes: number): Uint32Array {
  const values = new Uint32Array(bytes.byteLength / SECTOR_BYTES)
  for (let i = 0; i < values.length; i++) {
    const content = identify(bytes, i * SECTOR_BYTES, firstSector + i, logicalBlockBytes)
    if (typeof content !== 'number') throw new WrongContent(firstSector + i, content.wrong)
    values[i] = content
  }
  return values
}

/** Bytes that nobody wrote there. */
class WrongContent extends Error {
  override readonly name = 'WrongContent'

  constructor(sector: number, what: string) {
    super(`${placeOf(sector)} holds ${what}`)
  }
}

/** A sector as people look for it. */
export const placeOf = (sector: number): string => `block ${Math.floor(sector / 8)} sector ${sector % 8}`

function isZero(words: Uint32Array): boolean {
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false
  return true
}
