/**
 * Pages of the lists of preserved versions. A list is a file of pages of 4096 bytes: first the records, ascending by block and
 * birth LSN, 127 to a page, then the index, which names the first block of each record page, 508 to a page. Every page is
 * there twice (`pageOffsets`), so that one that rots is read from its copy. docs/formats/versions.md.
 */
import { isZero, readU64, viewOf, writeU64 } from '../../base/binary.ts'
import { crc32c, crc32cOfRange } from '../../base/crc32c.ts'
import { bytes, layout, u8, u16, u32, u64, zero } from '../../base/layout.ts'
import type { StoredVersion, Version } from '../versions/version.ts'

export const LIST_PAGE_BYTES = 4096
const LIST_VERSION = 1
const MAGIC = {
  records: 0x52564c42, // "BLVR"
  index: 0x49564c42, // "BLVI"
} as const

/** Header of a page, little-endian. */
const Page = layout('VersionPage', 32, {
  magic: u32(0),
  version: u16(4),
  count: u16(6),
  list: u64(8),
  index: u32(16), // of the page in its list, from 0
  crc32c: u32(20), // of the page without this field
  volume: bytes(24, 8), // the first bytes of its UUID
})
const AT = Page.at

const Record = layout('VersionRecord', 32, {
  block: u64(0),
  lsn: u64(8),
  slot: u64(16),
  checksum: u32(24),
  kind: u8(28),
  reserved: zero(29, 3),
})
const REC = Record.at
export const PAGE_RECORDS = (LIST_PAGE_BYTES - Page.lengthBytes) / Record.lengthBytes
export const PAGE_FIRSTS = (LIST_PAGE_BYTES - Page.lengthBytes) / 8

/** Kinds as the records have them. */
const KINDS: readonly Version['kind'][] = ['data', 'hole', 'bad']
/** Pages that stand together, with their copies right behind them. */
export const GROUP_PAGES = 32

/** Where page `index` of a list of `pages` pages stands in its file, and where its copy. */
export function pageOffsets(index: number, pages: number): readonly [number, number] {
  const start = index - (index % GROUP_PAGES)
  const grouped = Math.min(GROUP_PAGES, pages - start)
  const at = 2 * start + (index - start)
  return [at * LIST_PAGE_BYTES, (at + grouped) * LIST_PAGE_BYTES]
}

/** How many pages of records, and of index, a list has. */
export function pagesOf(records: number): { readonly recordPages: number; readonly pages: number } {
  const recordPages = Math.ceil(records / PAGE_RECORDS)
  return { recordPages, pages: recordPages + Math.ceil(recordPages / PAGE_FIRSTS) }
}

/** What a page has to be. */
export interface PageIdentity {
  /** The first 8 bytes of the volume's UUID. */
  readonly volume: Uint8Array
  readonly list: number
  readonly index: number
}

const checksum = (page: Uint8Array): number =>
  crc32c(page.subarray(AT.crc32c + 4), crc32cOfRange(page, 0, AT.crc32c))

/** Gives a page, whose items are in their places and whose rest is zero, its header. */
function seal(page: Uint8Array, kind: keyof typeof MAGIC, identity: PageIdentity, count: number): void {
  const view = viewOf(page)
  view.setUint32(AT.magic, MAGIC[kind], true)
  view.setUint16(AT.version, LIST_VERSION, true)
  view.setUint16(AT.count, count, true)
  writeU64(view, AT.list, identity.list)
  view.setUint32(AT.index, identity.index, true)
  page.set(identity.volume.subarray(0, 8), AT.volume)
  view.setUint32(AT.crc32c, checksum(page), true)
}

/** The number of items of a page; undefined when it is not the page that it should be. */
function countOf(page: Uint8Array, kind: keyof typeof MAGIC, identity: PageIdentity): number | undefined {
  const view = viewOf(page)
  if (view.getUint32(AT.magic, true) !== MAGIC[kind]) return undefined
  if (view.getUint32(AT.crc32c, true) !== checksum(page)) return undefined
  if (view.getUint16(AT.version, true) !== LIST_VERSION) return undefined
  if (readU64(view, AT.list) !== identity.list) return undefined
  if (view.getUint32(AT.index, true) !== identity.index) return undefined
  for (let i = 0; i < 8; i++) if (page[AT.volume + i] !== identity.volume[i]) return undefined
  const count = view.getUint16(AT.count, true)
  const [itemBytes, countMax] = kind === 'records' ? [Record.lengthBytes, PAGE_RECORDS] : [8, PAGE_FIRSTS]
  if (count === 0 || count > countMax) return undefined
  return isZero(page.subarray(Page.lengthBytes + count * itemBytes)) ? count : undefined
}

/** A verified page of records. */
export class RecordPage {
  readonly count: number
  readonly #view: DataView

  private constructor(view: DataView, count: number) {
    this.#view = view
    this.count = count
  }

  /** Takes over `page` (4096 bytes); undefined when it is not the page that it should be, or damaged. */
  static parse(page: Uint8Array, identity: PageIdentity): RecordPage | undefined {
    const count = countOf(page, 'records', identity)
    if (count === undefined) return undefined
    const parsed = new RecordPage(viewOf(page), count)
    return parsed.#isSound(page) ? parsed : undefined
  }

  #isSound(page: Uint8Array): boolean {
    for (let i = 0; i < this.count; i++) {
      const at = Page.lengthBytes + i * Record.lengthBytes
      const kind = KINDS[page[at + REC.kind]!]
      const [block, lsn, slot] = [this.block(i), this.lsn(i), readU64(this.#view, at + REC.slot)]
      if (kind === undefined || block < 0 || lsn < 0 || slot < 0 || !Record.isPaddingZero(page, at))
        return false
      if (kind !== 'data' && (slot !== 0 || this.#view.getUint32(at + REC.checksum, true) !== 0)) return false
      if (i === 0) continue
      const previous = this.block(i - 1)
      if (block < previous || (block === previous && lsn < this.lsn(i - 1))) return false
    }
    return true
  }

  block(i: number): number {
    return readU64(this.#view, Page.lengthBytes + i * Record.lengthBytes)
  }

  lsn(i: number): number {
    return readU64(this.#view, Page.lengthBytes + i * Record.lengthBytes + REC.lsn)
  }

  version(i: number): StoredVersion {
    const at = Page.lengthBytes + i * Record.lengthBytes
    return {
      block: this.block(i),
      lsn: this.lsn(i),
      kind: KINDS[this.#view.getUint8(at + REC.kind)]!,
      checksum: this.#view.getUint32(at + REC.checksum, true),
      slot: readU64(this.#view, at + REC.slot),
    }
  }

  /** The first record of `block` or of a later one; `count` when all are of earlier ones. */
  find(block: number): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.block(middle) < block) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Puts record `i` into a page that is being built. */
export function putRecord(page: Uint8Array, i: number, version: StoredVersion): void {
  const view = viewOf(page)
  const at = Page.lengthBytes + i * Record.lengthBytes
  writeU64(view, at, version.block)
  writeU64(view, at + REC.lsn, version.lsn)
  writeU64(view, at + REC.slot, version.slot)
  view.setUint32(at + REC.checksum, version.checksum, true)
  view.setUint8(at + REC.kind, KINDS.indexOf(version.kind))
}

/** Completes a page of `count` records; the rest of it is zero. */
export function sealRecords(page: Uint8Array, identity: PageIdentity, count: number): void {
  seal(page, 'records', identity, count)
}

/** A page of the index, into `page`, which is zero. */
export function encodeIndex(page: Uint8Array, identity: PageIdentity, firstBlocks: ArrayLike<number>): void {
  const view = viewOf(page)
  for (let i = 0; i < firstBlocks.length; i++) writeU64(view, Page.lengthBytes + i * 8, firstBlocks[i]!)
  seal(page, 'index', identity, firstBlocks.length)
}

/** The first blocks that a page of the index names, ascending; undefined when it is not the page that it should be. */
export function decodeIndex(page: Uint8Array, identity: PageIdentity): Float64Array | undefined {
  const count = countOf(page, 'index', identity)
  if (count === undefined) return undefined
  const view = viewOf(page)
  const firstBlocks = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    firstBlocks[i] = readU64(view, Page.lengthBytes + i * 8)
    if (firstBlocks[i]! < (i === 0 ? 0 : firstBlocks[i - 1]!)) return undefined
  }
  return firstBlocks
}
