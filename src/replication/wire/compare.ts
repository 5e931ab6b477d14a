/**
 * COMPARE, from a primary: what its block map has as of an LSN, page by page, as a hash; COMPARED, the answer, with the
 * entries of the pages of which the replica has something else. MEND: what the replica is to have of some blocks;
 * MENDED, what came of it. Each question names the epoch in which it counts, and the number by which the primary knows it.
 */
import type { Epoch } from '../../base/units.ts'
import { type BlockEntry, ENTRY_KINDS } from '../../blockvol/compare/page-entries.ts'
import { PAGE_BLOCKS } from '../../blockvol/geometry.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { readEpoch, writeEpoch } from './parts.ts'

/** Pages of one COMPARE: all their entries fit into a message. */
export const COMPARE_PAGES_MAX = 16
/** Blocks of one MEND. */
export const MEND_BLOCKS_MAX = 64

/** What questions and answers begin with. */
export interface Numbered {
  readonly epoch: Epoch
  /** Below 2^32. */
  readonly id: number
}

export interface Compare extends Numbered {
  /** Everything up to here is flushed at the primary. */
  readonly asOfLsn: number
  readonly pages: readonly { readonly page: number; readonly hash: bigint }[]
}

export interface PageEntries {
  readonly page: number
  /** Of its 256 blocks. */
  readonly entries: readonly BlockEntry[]
}

export interface Compared extends Numbered {
  /** Undefined: BUSY, it cannot be told now. */
  readonly differing: readonly PageEntries[] | undefined
}

export interface MendBlock {
  readonly block: number
  /** What the replica said. */
  readonly told: BlockEntry
  readonly wanted: BlockEntry
}

export interface MendFrame extends Numbered {
  readonly blocks: readonly MendBlock[]
}

export interface Mended extends Numbered {
  /** Whether each was put right, in the order of the question; undefined: BUSY. */
  readonly areMended: readonly boolean[] | undefined
}

const OUTCOMES = ['done', 'busy'] as const
const YES_NO = [false, true] as const

export const writeNumbered = ({ epoch, id }: Numbered): ByteWriter =>
  writeEpoch(new ByteWriter(), epoch).u32(id)
export const readNumbered = (r: ByteReader): Numbered => ({ epoch: readEpoch(r), id: r.u32() })

const writeEntry = (w: ByteWriter, { kind, lsn, checksum }: BlockEntry): ByteWriter =>
  w.u8(ENTRY_KINDS.indexOf(kind)).u64(lsn).u32(checksum)
function readEntry(r: ByteReader): BlockEntry {
  const entry = { kind: r.choice(ENTRY_KINDS), lsn: r.u64(), checksum: r.u32() }
  const { kind, lsn, checksum } = entry
  if ((kind === 'data' && lsn === 0) || (kind !== 'data' && checksum !== 0)) r.fail()
  if (kind === 'newer' && lsn !== 0) r.fail()
  return entry
}
const isTold = ({ kind }: BlockEntry): boolean => kind !== 'newer'
const isGood = ({ kind }: BlockEntry): boolean => kind === 'data' || kind === 'zeros'

export function encodeCompare(compare: Compare): Uint8Array {
  const { asOfLsn, pages } = compare
  const w = writeNumbered(compare).u64(asOfLsn).u16(pages.length)
  for (const { page, hash } of pages) w.u64(page).bits64(hash)
  return w.done()
}

/** Undefined when the payload is not that; so of the others. */
export function decodeCompare(payload: Uint8Array): Compare | undefined {
  const r = new ByteReader(payload)
  const compare = {
    ...readNumbered(r),
    asOfLsn: r.u64(),
    pages: r.list(COMPARE_PAGES_MAX, () => ({ page: r.u64(), hash: r.bits64() })),
  }
  return r.isDone ? compare : undefined
}

export function encodeCompared(compared: Compared): Uint8Array {
  const { differing } = compared
  const w = writeNumbered(compared)
  if (differing === undefined) return w.u8(OUTCOMES.indexOf('busy')).done()
  w.u8(OUTCOMES.indexOf('done')).u16(differing.length)
  for (const { page, entries } of differing) {
    w.u64(page)
    for (const entry of entries) writeEntry(w, entry)
  }
  return w.done()
}

export function decodeCompared(payload: Uint8Array): Compared | undefined {
  const r = new ByteReader(payload)
  const numbered = readNumbered(r)
  const isBusy = r.choice(OUTCOMES) === 'busy'
  const readPage = (): PageEntries => ({
    page: r.u64(),
    entries: Array.from({ length: PAGE_BLOCKS }, () => readEntry(r)),
  })
  const differing = isBusy ? undefined : r.list(COMPARE_PAGES_MAX, readPage)
  return r.isDone ? { ...numbered, differing } : undefined
}

export function encodeMend(mend: MendFrame): Uint8Array {
  const w = writeNumbered(mend).u16(mend.blocks.length)
  for (const { block, told, wanted } of mend.blocks) writeEntry(writeEntry(w.u64(block), told), wanted)
  return w.done()
}

export function decodeMend(payload: Uint8Array): MendFrame | undefined {
  const r = new ByteReader(payload)
  const numbered = readNumbered(r)
  const blocks = r.list(MEND_BLOCKS_MAX, () => ({
    block: r.u64(),
    told: readEntry(r),
    wanted: readEntry(r),
  }))
  const isSense = blocks.every(({ told, wanted }) => isTold(told) && isGood(wanted))
  return r.isDone && isSense ? { ...numbered, blocks } : undefined
}

export function encodeMended(mended: Mended): Uint8Array {
  const { areMended } = mended
  const w = writeNumbered(mended)
  if (areMended === undefined) return w.u8(OUTCOMES.indexOf('busy')).done()
  w.u8(OUTCOMES.indexOf('done')).u16(areMended.length)
  for (const isMended of areMended) w.u8(Number(isMended))
  return w.done()
}

export function decodeMended(payload: Uint8Array): Mended | undefined {
  const r = new ByteReader(payload)
  const numbered = readNumbered(r)
  const isBusy = r.choice(OUTCOMES) === 'busy'
  const areMended = isBusy ? undefined : r.list(MEND_BLOCKS_MAX, () => r.choice(YES_NO))
  return r.isDone ? { ...numbered, areMended } : undefined
}
