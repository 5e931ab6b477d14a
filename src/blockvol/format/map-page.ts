/**
 * Pages of the block map: 4 KiB for 256 blocks, eight sectors of 512 bytes with 32 entries each. A sector is the
 * unit that a disk writes whole, and each carries its own checksum: after a crash a sector is the old one or the
 * new one (then the log has what the old one misses), and one that fails its checksum is damage, never a tear.
 *
 * `asOfLsn` finds writes that the disk lost: a page is written whole, so a sector behind its neighbours, or a page
 * behind its grain's maximum, misses a write, unless the flush that wrote them never reached a checkpoint.
 *
 * An entry is `{ lsn of the last flushed change, flags, crc32c }` in 12 bytes. All zero: no entry of this history
 * touched the block. A page that was never written is all zero; writing any sector of a page gives all eight
 * their headers. docs/formats/block-map.md.
 */
import { isZero, readU64, viewOf, writeU64 } from '../../base/binary.ts'
import { crc32c, crc32cOfRange } from '../../base/crc32c.ts'
import { layout, u16, u32, u64, zero } from '../../base/layout.ts'
import { PAGE_BLOCKS } from '../geometry.ts'

export const PAGE_BYTES = 4096
const SECTOR_BYTES = 512
const SECTORS = PAGE_BYTES / SECTOR_BYTES
const SECTOR_ENTRIES = PAGE_BLOCKS / SECTORS
const ENTRY_WORDS = 3
const SECTOR_WORDS = SECTOR_BYTES / 4
const MAP_MAGIC = 0x504d4c42 // "BLMP"
const MAP_VERSION = 1
const TWO_32 = 0x1_0000_0000

/** Sector header, little-endian; 32 entries follow at 32, then zeros from 416. */
const Sector = layout('MapSector', 32, {
  magic: u32(0),
  version: u16(4),
  reserved: zero(6, 2),
  index: u64(8), // of the sector in the volume: block / 32
  crc32c: u32(16), // of the sector without this field
  reserved2: zero(20, 4),
  asOfLsn: u64(24), // of the flush that wrote the page: the same in all its sectors
})
const AT = Sector.at
const ENTRIES_END = Sector.lengthBytes + SECTOR_ENTRIES * ENTRY_WORDS * 4
const HEADER_WORDS = Sector.lengthBytes / 4

export const ENTRY_FLAG_HOLE = 1
/** What the block holds is not known (its sector was damaged, or its history was given up): reads fail. */
export const ENTRY_FLAG_UNKNOWN = 2

/** What is known of a page before it is read. */
export interface KnownOfPage {
  /** The page was written by a flush that covered at least this LSN and that a checkpoint confirmed; 0 if unknown. */
  readonly floorLsn: number
  readonly checkpointLsn: number
}

/** One page in memory. Entries change in place; `seal` makes the bytes fit to be written. */
export class MapPage {
  readonly index: number
  readonly bytes: Uint8Array
  readonly #words: Uint32Array
  #isChanged = false

  private constructor(index: number, bytes: Uint8Array) {
    this.index = index
    this.bytes = bytes
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, PAGE_BYTES / 4)
  }

  static empty(index: number): MapPage {
    return new MapPage(index, new Uint8Array(PAGE_BYTES))
  }

  /**
   * Takes over `bytes` (4096, aligned to 4). The entries of a sector that is damaged or that misses a write become
   * unknown; `onDamage` is told the sector's index in the volume.
   */
  static parse(
    index: number,
    bytes: Uint8Array,
    known: KnownOfPage,
    onDamage: (sector: number) => void,
  ): MapPage {
    const page = new MapPage(index, bytes)
    if (known.floorLsn === 0 && isZero(bytes)) return page
    const view = viewOf(bytes)
    let expectedLsn = known.floorLsn
    // −1: damaged; a sector of zeros was never written, and is as of 0
    const asOfLsns: number[] = []
    for (let s = 0; s < SECTORS; s++) {
      const at = s * SECTOR_BYTES
      const isFresh = isZero(bytes.subarray(at, at + SECTOR_BYTES))
      const isValid = !isFresh && isSectorValid(bytes, at, index * SECTORS + s)
      const asOfLsn = isValid ? readU64(view, at + AT.asOfLsn) : isFresh ? 0 : -1
      asOfLsns.push(asOfLsn)
      if (asOfLsn <= known.checkpointLsn && asOfLsn > expectedLsn) expectedLsn = asOfLsn
    }
    for (let s = 0; s < SECTORS; s++) {
      if (asOfLsns[s]! >= expectedLsn) continue
      onDamage(index * SECTORS + s)
      bytes.fill(0, s * SECTOR_BYTES, (s + 1) * SECTOR_BYTES)
      for (let e = 0; e < SECTOR_ENTRIES; e++) page.set(s * SECTOR_ENTRIES + e, 0, ENTRY_FLAG_UNKNOWN, 0)
    }
    return page
  }

  #word(slot: number): number {
    const sector = (slot / SECTOR_ENTRIES) | 0
    return sector * SECTOR_WORDS + HEADER_WORDS + (slot % SECTOR_ENTRIES) * ENTRY_WORDS
  }

  /** LSN of entry `slot` (0 to 255); 0 when no entry touched the block. */
  lsn(slot: number): number {
    const at = this.#word(slot)
    return this.#words[at]! + (this.#words[at + 1]! & 0xff_ffff) * TWO_32
  }

  isHole(slot: number): boolean {
    return this.#words[this.#word(slot) + 1]! >>> 24 === ENTRY_FLAG_HOLE
  }

  /** Whether the block has content in the extents. */
  hasContent(slot: number): boolean {
    const at = this.#word(slot)
    return (this.#words[at]! !== 0 || this.#words[at + 1]! !== 0) && this.#words[at + 1]! >>> 24 === 0
  }

  isUnknown(slot: number): boolean {
    return this.#words[this.#word(slot) + 1]! >>> 24 === ENTRY_FLAG_UNKNOWN
  }

  checksum(slot: number): number {
    return this.#words[this.#word(slot) + 2]!
  }

  set(slot: number, lsn: number, flags: number, checksum: number): void {
    const at = this.#word(slot)
    this.#words[at] = lsn % TWO_32
    this.#words[at + 1] = (Math.floor(lsn / TWO_32) | (flags << 24)) >>> 0
    this.#words[at + 2] = checksum
    this.#isChanged = true
  }

  /** The page is to be written, whether or not an entry changes: a flush went over it. */
  touch(): void {
    this.#isChanged = true
  }

  get isChanged(): boolean {
    return this.#isChanged
  }

  /** Whether the page was ever written. */
  get isWritten(): boolean {
    return viewOf(this.bytes).getUint32(AT.magic, true) === MAP_MAGIC
  }

  /** The flush that wrote the page last, as its newest sector says; 0 when it was never written. */
  get asOfLsn(): number {
    return this.#asOfLsns().reduce((a, b) => Math.max(a, b))
  }

  /** As `asOfLsn`, of its oldest sector: a crash may have left some of them behind. */
  get oldestAsOfLsn(): number {
    return this.#asOfLsns().reduce((a, b) => Math.min(a, b))
  }

  #asOfLsns(): number[] {
    const view = viewOf(this.bytes)
    return Array.from({ length: SECTORS }, (_, s) => readU64(view, s * SECTOR_BYTES + AT.asOfLsn))
  }

  /** Gives every sector its header and checksum, as of the flush through `asOfLsn`; after it `bytes` may be written. */
  seal(asOfLsn: number): void {
    const view = viewOf(this.bytes)
    for (let s = 0; s < SECTORS; s++) {
      const at = s * SECTOR_BYTES
      view.setUint32(at + AT.magic, MAP_MAGIC, true)
      view.setUint16(at + AT.version, MAP_VERSION, true)
      writeU64(view, at + AT.index, this.index * SECTORS + s)
      writeU64(view, at + AT.asOfLsn, asOfLsn)
      view.setUint32(at + AT.crc32c, sectorChecksum(this.bytes, at), true)
    }
    this.#isChanged = false
  }
}

function isSectorValid(bytes: Uint8Array, at: number, sector: number): boolean {
  const view = viewOf(bytes)
  return (
    view.getUint32(at + AT.magic, true) === MAP_MAGIC &&
    view.getUint16(at + AT.version, true) === MAP_VERSION &&
    readU64(view, at + AT.index) === sector &&
    Sector.isPaddingZero(bytes, at) &&
    isZero(bytes.subarray(at + ENTRIES_END, at + SECTOR_BYTES)) &&
    view.getUint32(at + AT.crc32c, true) === sectorChecksum(bytes, at)
  )
}

function sectorChecksum(bytes: Uint8Array, at: number): number {
  const seed = crc32cOfRange(bytes, at, at + AT.crc32c)
  return crc32c(bytes.subarray(at + AT.crc32c + 4, at + SECTOR_BYTES), seed)
}
