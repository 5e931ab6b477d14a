/**
 * Versions as readers of some LSN see them. What a snapshot sees of a block is, first found first taken: the newest entry in
 * the generations of the dirty map without anything newer than the snapshot; the entry of the map, if that is not newer; the
 * newest version in the store that is not; zeros. A block under a restore is as the restore's snapshot sees it, unless it was
 * not changed since.
 *
 * The flusher changes extents before map, and puts what snapshots see into the store before that. So the map is looked at
 * before the store, and content that does not pass its checksum is looked for in the store by exactly its LSN, and then looked
 * up again: only a look-up that stands still means that a copy is bad.
 */
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { OriginSource } from '../../base/ports/origin.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import type { RepairSource } from '../api.ts'
import { blockChecksum } from '../checksum.ts'
import type { DirtyMap } from '../dirty/dirty-map.ts'
import { PastLsns } from '../dirty/past-lsns.ts'
import type { MapPage } from '../format/map-page.ts'
import { PAGE_BLOCKS, SEGMENT_BLOCKS } from '../geometry.ts'
import type { LogFile } from '../log/log-file.ts'
import type { BlockMap } from '../map/block-map.ts'
import type { SegmentFiles } from '../segments.ts'
import type { StoredVersion, VersionStore } from '../versions/version.ts'
import type { BlockSource, Located, Source, VersionLocator } from './located.ts'

export interface ViewsOptions {
  readonly dirty: DirtyMap
  readonly map: BlockMap
  readonly log: LogFile
  readonly extents: SegmentFiles
  readonly versions: VersionStore
  readonly repairSource: RepairSource | undefined
  /** Blocks from 0 that are as the origin has them while nobody touched them; 0 of all but an unfilled clone. */
  readonly originBlocks: () => number
  readonly origin: OriginSource | undefined
  /** `isOfVolume`: of what the block holds, or held not long ago; else of a version that is kept for snapshots alone. */
  readonly onVerdict: (block: number, verdict: 'bad' | 'repaired', isOfVolume: boolean) => void
  /** A good copy of a bad block: to be put back where it stood, if it still stands there. */
  readonly onRepair: (block: number, source: BlockSource, content: Uint8Array) => void
}

/** What the store has to be asked for: the newest version up to `atMost`. `asLsn`: of the restore that made it the block's. */
interface Question {
  readonly atMost: number
  readonly asLsn: number | undefined
}
type Look = { readonly located: Located } | { readonly question: Question }

/** A look-up that changes under the reader this often means a bug, not a race. */
const ATTEMPTS_MAX = 1000
/** Versions that one question to the store brings. */
const SCAN_MAX = 4096
/** Longest run that one system call reads. */
const RUN_BLOCKS_MAX = 256

export class SnapshotViews implements VersionLocator {
  readonly #o: ViewsOptions
  readonly #pastLsns = new PastLsns()

  constructor(options: ViewsOptions) {
    this.#o = options
  }

  async locateAt(block: number, lsn: number): Promise<Located> {
    const page = Math.floor(block / PAGE_BLOCKS)
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const look = this.#look(block, lsn)
      if (look === undefined) {
        await this.#o.map.get(page)
        continue
      }
      if ('located' in look) return look.located
      const { question } = look
      const stored = await this.#o.versions.at(block, question.atMost)
      if (this.#isStill(block, lsn, question)) return locatedOf(block, stored, question.asLsn)
    }
    throw moving(block)
  }

  async locatePage(page: number, lsn: number): Promise<readonly Located[]> {
    const { map, versions } = this.#o
    const first = page * PAGE_BLOCKS
    const located: (Located | undefined)[] = []
    const questions = new Map<number, Question>()
    // the page in memory stays there for the turn, in which all its blocks are looked up
    for (let attempt = 0; located.length === 0; attempt++) {
      if (attempt === ATTEMPTS_MAX) throw moving(first)
      if (map.getNow(page) === undefined) {
        await map.get(page)
        continue
      }
      for (let slot = 0; slot < PAGE_BLOCKS; slot++) {
        const look = this.#look(first + slot, lsn)
        located.push(look !== undefined && 'located' in look ? look.located : undefined)
        if (look !== undefined && 'question' in look) questions.set(first + slot, look.question)
      }
    }
    if (questions.size > 0) {
      const stored = await versionsOf(versions, first, first + PAGE_BLOCKS)
      for (const [block, question] of questions) {
        if (!this.#isStill(block, lsn, question)) continue
        const found = stored.get(block)?.findLast((version) => version.lsn <= question.atMost)
        located[block - first] = locatedOf(block, found, question.asLsn)
      }
    }
    for (let slot = 0; slot < PAGE_BLOCKS; slot++) {
      located[slot] ??= await this.locateAt(first + slot, lsn)
    }
    return located as Located[]
  }

  /** Within the turn. Undefined when the page of the map is not in memory. */
  #look(block: number, lsn: number): Look | undefined {
    const { dirty, map } = this.#o
    const kind = lsn === Number.POSITIVE_INFINITY ? dirty.lookup(block) : dirty.lookupAt(block, lsn)
    if (kind === 'zeros') return { located: { lsn: dirty.lsn, source: { kind, lsn: dirty.lsn } } }
    if (kind === 'data' || kind === 'pattern') {
      const { position, checksum, seedBlock } = dirty
      const source = { kind: 'log', lsn: dirty.lsn, position, checksum, seedBlock } as const
      return { located: { lsn: dirty.lsn, source } }
    }
    const page = map.getNow(Math.floor(block / PAGE_BLOCKS))
    if (page === undefined) return undefined
    if (kind === 'restored') return this.#lookRestored(page, block)
    if (page.lsn(block % PAGE_BLOCKS) > lsn) return { question: { atMost: lsn, asLsn: undefined } }
    return { located: this.#mapped(page, block) }
  }

  /** Under the restore that the dirty map has just told of, which is not flushed yet, or is being flushed. */
  #lookRestored(page: MapPage, block: number): Look | undefined {
    const { dirty } = this.#o
    const mappedLsn = page.lsn(block % PAGE_BLOCKS)
    const lsns = this.#pastLsns.of(dirty.generations, dirty.index, block, mappedLsn)
    let asLsn: number | undefined
    for (;;) {
      const { lsn, snapshotLsn, index } = dirty
      const isFlushed = mappedLsn === lsn && dirty.lookupAt(block, lsn - 1) === 'clean'
      if (isFlushed) return asOf(asLsn, { located: this.#mapped(page, block) })
      // where nothing happened since the snapshot nothing is restored; so too when what happened is not known
      if (lsns[index]! > snapshotLsn) asLsn ??= lsn
      // what was restored may have been so by a restore before the snapshot
      if (dirty.lookupAt(block, snapshotLsn) === 'restored') continue
      return asOf(asLsn, this.#look(block, snapshotLsn))
    }
  }

  #mapped(page: MapPage, block: number): Located {
    return { lsn: page.lsn(block % PAGE_BLOCKS), source: mappedSource(page, block, this.#o.originBlocks()) }
  }

  /** Whether the question is still the one to ask: what its answer relies on cannot have been given back. */
  #isStill(block: number, lsn: number, { atMost, asLsn }: Question): boolean {
    const look = this.#look(block, lsn)
    return (
      look !== undefined &&
      'question' in look &&
      look.question.atMost === atMost &&
      look.question.asLsn === asLsn
    )
  }

  async readAt(block: number, lsn: number, target: Uint8Array): Promise<void> {
    const blocks = target.byteLength / BLOCK_BYTES
    for (let i = 0; i < blocks; ) {
      const page = Math.floor((block + i) / PAGE_BLOCKS)
      const count = Math.min(blocks - i, (page + 1) * PAGE_BLOCKS - (block + i))
      const part = target.subarray(i * BLOCK_BYTES, (i + count) * BLOCK_BYTES)
      if (count === 1) await this.#readOne(block + i, lsn, part)
      else await this.#readPage(block + i, lsn, part, await this.locatePage(page, lsn))
      i += count
    }
  }

  /** Blocks of one page: neighbours in the same file are read together. */
  async #readPage(block: number, lsn: number, target: Uint8Array, page: readonly Located[]): Promise<void> {
    const blocks = target.byteLength / BLOCK_BYTES
    for (let i = 0; i < blocks; ) {
      const { source } = page[(block + i) % PAGE_BLOCKS]!
      let run = 1
      while (i + run < blocks && run < RUN_BLOCKS_MAX) {
        const next = page[(block + i + run) % PAGE_BLOCKS]!.source
        const last = page[(block + i + run - 1) % PAGE_BLOCKS]!.source
        if (!isContent(next) || !isContent(last) || !follows(last, next, block + i + run)) break
        run++
      }
      const content = target.subarray(i * BLOCK_BYTES, (i + run) * BLOCK_BYTES)
      if (source.kind === 'zeros') content.fill(0)
      else {
        const isRead = isContent(source) && (await this.readRun(source, content))
        for (let r = 0; r < run; r++) {
          const one = content.subarray(r * BLOCK_BYTES, (r + 1) * BLOCK_BYTES)
          const each = page[(block + i + r) % PAGE_BLOCKS]!.source
          if (isRead && isContent(each) && matches(one, each)) continue
          await this.#readOne(block + i + r, lsn, one)
        }
      }
      i += run
    }
  }

  /** Fills `target` with one block as of `lsn`; errors as `readAt`. */
  async #readOne(block: number, lsn: number, target: Uint8Array): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const { source } = await this.locateAt(block, lsn)
      if (source.kind === 'unknown') throw unknownBlock(block)
      if (source.kind === 'origin') {
        await this.readOrigin(block, target)
        return
      }
      if (source.kind === 'zeros') {
        target.fill(0)
        return
      }
      if ((await this.readRun(source, target)) && matches(target, source)) return
      if (source.kind === 'extent' && (await this.#readPreserved(block, source, target))) return
      const now = (await this.locateAt(block, lsn)).source
      if (!isSame(now, source)) continue
      await this.#repair(block, source, target, source.kind !== 'version' || lsn === Number.POSITIVE_INFINITY)
      return
    }
    throw moving(block)
  }

  /** Fills `target`, whole blocks from `block` on, with what an unfilled clone is made of. BUSY while it cannot be had. */
  async readOrigin(block: number, target: Uint8Array): Promise<void> {
    const { origin } = this.#o
    if (origin === undefined) throw new BlockError('BUSY', 'what the clone is made of is out of reach')
    await origin.read(block, target)
  }

  /** Reads the run of blocks that begins with `first`; false when the file ends in it or the disk gave an error. Not verified. */
  async readRun(first: BlockSource, content: Uint8Array): Promise<boolean> {
    const { log, extents, versions } = this.#o
    try {
      if (first.stored !== undefined) return await versions.read(first.stored, content)
      if (first.kind === 'log') return await log.read(content, first.position)
      const file = await extents.get(Math.floor(first.position / SEGMENT_BLOCKS), false)
      if (file === undefined) return false
      const offsetBytes = (first.position % SEGMENT_BLOCKS) * BLOCK_BYTES
      return (await file.read(content, offsetBytes)) === content.byteLength
    } catch (error) {
      // an unreadable sector is what a bad checksum is: the copy here is gone
      if (isBlockError(error, 'DISK')) return false
      throw error
    }
  }

  /** A flush that is under way may have put newer content where the map says that this version is. */
  async #readPreserved(block: number, { lsn, checksum }: BlockSource, target: Uint8Array): Promise<boolean> {
    const { versions } = this.#o
    if (versions.isEmpty) return false
    const kept = (await versions.of(block)).find((version) => version.lsn === lsn)
    return kept?.kind === 'data' && kept.checksum === checksum && (await versions.read(kept, target))
  }

  /** Fills `target` from a peer, and has the copy put back; MEDIUM when there is no good one. */
  async #repair(block: number, source: BlockSource, target: Uint8Array, isOfVolume: boolean): Promise<void> {
    const { repairSource, onVerdict, onRepair } = this.#o
    const { lsn, checksum, kind, seedBlock } = source
    const copy = await repairSource?.({ block, lsn, crc32c: checksum, seedBlock })
    if (copy === undefined || !matches(copy, source)) {
      onVerdict(block, 'bad', isOfVolume)
      throw new BlockError('MEDIUM', `block ${block} fails its checksum and no good copy could be had`, {
        facts: { block, offsetBytes: block * BLOCK_BYTES, lsn, from: kind },
      })
    }
    target.set(copy)
    onVerdict(block, 'repaired', isOfVolume)
    onRepair(block, source, copy)
  }
}

/** What was looked up, as the restore of LSN `asLsn` made it the block's again, if one did. */
function asOf(asLsn: number | undefined, look: Look | undefined): Look | undefined {
  if (look === undefined || asLsn === undefined) return look
  if ('question' in look) return { question: { ...look.question, asLsn } }
  const { source } = look.located
  return { located: { lsn: asLsn, source: source.kind === 'zeros' ? { kind: 'zeros', lsn: asLsn } : source } }
}

/** Where the map says that a block is. */
export function mappedSource(page: MapPage, block: number, originBlocks: number): Source {
  const slot = block % PAGE_BLOCKS
  const lsn = page.lsn(slot)
  if (page.hasContent(slot)) {
    return { kind: 'extent', lsn, position: block, checksum: page.checksum(slot), seedBlock: block }
  }
  if (page.isUnknown(slot)) return { kind: 'unknown', lsn }
  return lsn === 0 && block < originBlocks ? { kind: 'origin', lsn: 0 } : { kind: 'zeros', lsn }
}

function locatedOf(block: number, stored: StoredVersion | undefined, asLsn: number | undefined): Located {
  const lsn = asLsn ?? stored?.lsn ?? 0
  if (stored === undefined || stored.kind === 'hole') return { lsn, source: { kind: 'zeros', lsn } }
  if (stored.kind === 'bad') return { lsn, source: { kind: 'unknown', lsn } }
  const { checksum } = stored
  return {
    lsn,
    source: { kind: 'version', lsn: stored.lsn, position: block, checksum, seedBlock: block, stored },
  }
}

/** All versions of the blocks in [start, end), by block. */
export async function versionsOf(
  versions: VersionStore,
  start: number,
  end: number,
): Promise<Map<number, StoredVersion[]>> {
  const found = new Map<number, StoredVersion[]>()
  for (let from = start; from < end && !versions.isEmpty; ) {
    const some = await versions.scan(from, end, SCAN_MAX)
    for (const version of some) {
      const list = found.get(version.block)
      if (list === undefined) found.set(version.block, [version])
      else list.push(version)
    }
    const last = some.at(-1)
    if (last === undefined) break
    from = last.block + 1
  }
  return found
}

export const isContent = (source: Source): source is BlockSource =>
  source.kind === 'log' || source.kind === 'extent' || source.kind === 'version'

export const unknownBlock = (block: number): BlockError =>
  new BlockError('MEDIUM', `what block ${block} holds is not known: it was lost with damage of the disk`, {
    facts: { block, offsetBytes: block * BLOCK_BYTES },
  })

const moving = (block: number): BlockError =>
  new BlockError('BUSY', `block ${block} changed too often while it was looked up`)

export const matches = (content: Uint8Array, source: BlockSource): boolean =>
  blockChecksum(content, source.seedBlock, source.lsn) === source.checksum

/** Whether two look-ups of a block found the same copy. */
const isSame = (a: Source, b: BlockSource): boolean =>
  a.kind === b.kind &&
  a.lsn === b.lsn &&
  a.position === b.position &&
  a.checksum === b.checksum &&
  a.stored?.slot === b.stored?.slot

/** Whether `next`, the source of `block`, lies right behind `previous` in the same file. */
export function follows(previous: BlockSource, next: BlockSource, block: number): boolean {
  if (next.kind !== previous.kind || next.kind === 'version') return false
  if (next.position !== previous.position + (next.kind === 'log' ? BLOCK_BYTES : 1)) return false
  return next.kind === 'log' || block % SEGMENT_BLOCKS !== 0
}
