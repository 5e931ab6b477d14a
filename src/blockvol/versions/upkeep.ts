/**
 * What a version store does beside its work, one thing at a time: it gives the blocks of freed versions back, writes lists anew
 * without the versions that no snapshot sees, and merges lists of like size, so that a look-up meets few of them. Each step
 * takes effect by one change of the manifest; one that is interrupted has done nothing.
 *
 * Memory is bounded: lists are read a group of pages at a time, blocks are given back some thousand at a time.
 */
import { assert } from '../../base/assert.ts'
import type { BufferPool } from '../../base/buffer-pool.ts'
import { isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock, Timer } from '../../base/ports/clock.ts'
import { PAGE_RECORDS } from '../format/version-pages.ts'
import { type DataBlocks, fileOf } from './data-blocks.ts'
import type { ListFile } from './list-file.ts'
import { type ListPorts, ListWriter } from './list-writer.ts'
import type { ManifestKeeper } from './manifest-keeper.ts'
import { type BlockVersions, Merged } from './merged.ts'
import { forSeers } from './seen.ts'
import type { StoredVersion } from './version.ts'

/** So many lists of like size are merged. */
const MERGED_LISTS = 4
/** Lists of like size: each size is so many times the one before. */
const SIZE_STEP = 4
const MERGED_LISTS_MAX = 16
/** Blocks that pass between two turns in which others are served. */
const TURN_BLOCKS = 256
const FREED_SLOTS = 16 * 1024
const RETRY_MS = 10_000

export interface Collection {
  /** Ascending. */
  readonly snapshotLsns: Float64Array
  readonly headLsn: (block: number) => Promise<number>
  /** The checkpoint whose state has these snapshots: what was preserved for later ones is not to be judged by them. */
  readonly asOfLsn: number
}

/** What the upkeep needs of the store. */
export interface UpkeepHost {
  readonly ports: ListPorts
  readonly manifest: ManifestKeeper
  readonly data: DataBlocks
  readonly pool: BufferPool
  readonly clock: Clock
  readonly logger: Logger
  readonly checkpointLsn: () => number
  lists(): readonly ListFile[]
  freeing(): readonly ListFile[]
  takeListNumber(): number
  /** Puts `kept` in the place of `inputs`, and `freed` among those whose blocks are given back, durably. */
  replace(inputs: readonly ListFile[], kept: ListFile | undefined, freed: ListFile | undefined): Promise<void>
  /** The blocks of `list` are given back: so many of each data file. */
  freed(list: ListFile, blocks: ReadonlyMap<number, number>): Promise<void>
}

/** Ends a step that is not to go on; nobody sees it. */
class Interrupted extends Error {}

export class Upkeep {
  readonly #host: UpkeepHost
  #collection: Collection | undefined
  #running: Promise<void> | undefined
  #retry: Timer | undefined
  /** While it ran: what it was asked for may be possible by now, though what runs finds that it was not. */
  #isAskedAgain = false
  /** Whose who want it to stand still. */
  #holds = 0
  #isClosed = false

  constructor(host: UpkeepHost) {
    this.#host = host
  }

  /** Something may be to do. */
  kick(): void {
    if (this.#running !== undefined) this.#isAskedAgain = true
    if (this.#holds > 0 || this.#isClosed || this.#running !== undefined) return
    if (this.#nextStep() === undefined) return
    this.#retry?.cancel()
    this.#isAskedAgain = false
    this.#running = this.#work().then((isDone) => {
      this.#running = undefined
      // what came up in the turn in which it ended
      if (isDone || this.#isAskedAgain) this.kick()
    })
  }

  collect(collection: Collection): void {
    this.#collection = collection
    this.kick()
  }

  /** Runs something while nothing is kept up; a step under way is interrupted. */
  async held<T>(run: () => Promise<T>): Promise<T> {
    this.#holds++
    try {
      await this.#running
      return await run()
    } finally {
      this.#holds--
      this.kick()
    }
  }

  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#retry?.cancel()
    await this.#running
  }

  get #goesOn(): boolean {
    return this.#holds === 0 && !this.#isClosed && !this.#host.manifest.hasFailed
  }

  /** False: it has to be tried again later. */
  async #work(): Promise<boolean> {
    try {
      while (this.#goesOn) {
        const step = this.#nextStep()
        if (step === undefined) return true
        await step()
      }
      return true
    } catch (error) {
      if (error instanceof Interrupted) return true
      if (!isBlockError(error)) throw error
      const { logger, clock, ports } = this.#host
      logger.warn('versions.upkeep-failed', { directory: ports.directory }, error)
      if (!this.#isClosed) this.#retry = clock.after(RETRY_MS, () => this.kick())
      return false
    }
  }

  #nextStep(): (() => Promise<void>) | undefined {
    const { manifest } = this.#host
    if (manifest.hasFailed) return undefined
    const freeing = this.#host.freeing().find((list) => !list.isDamaged)
    if (freeing !== undefined) return () => this.#free(freeing)
    const lists = this.#host.lists().filter((list) => !list.isDamaged)
    const withVoid = lists.find(({ info }) => info.maxLsn > info.keptLsn)
    if (withVoid !== undefined) return () => this.#rewrite([withVoid], undefined)
    const collection = this.#collection
    if (collection !== undefined) return () => this.#collect(collection)
    const merged = this.#alike(lists)
    if (merged !== undefined) return () => this.#rewrite(merged, undefined)
    if (!manifest.isMirrored && manifest.current.lists.length > 0) return () => manifest.mirror()
    return undefined
  }

  /** Lists of like size; those that a repeated flush asks stay apart, and so few. */
  #alike(lists: readonly ListFile[]): readonly ListFile[] | undefined {
    const bySize = new Map<string, ListFile[]>()
    for (const list of lists) {
      const pages = Math.ceil(list.info.records / PAGE_RECORDS)
      const size = Math.max(0, Math.floor(Math.log(pages) / Math.log(SIZE_STEP)))
      const key = `${list.info.asOfLsn <= this.#host.checkpointLsn()} ${size}`
      const same = bySize.get(key)
      if (same === undefined) bySize.set(key, [list])
      else same.push(list)
    }
    for (const same of bySize.values()) {
      if (same.length >= MERGED_LISTS) return same.slice(0, MERGED_LISTS_MAX)
    }
    return undefined
  }

  async #collect(collection: Collection): Promise<void> {
    const inputs = this.#host
      .lists()
      .filter((list) => !list.isDamaged && list.info.asOfLsn <= collection.asOfLsn)
    if (inputs.length > 0) await this.#rewrite(inputs, collection)
    // a newer one that was asked for meanwhile is not done
    if (this.#collection === collection) this.#collection = undefined
  }

  /** Writes the versions of `inputs` into one list; those that `collection` gives up, and spare records, are freed. */
  async #rewrite(inputs: readonly ListFile[], collection: Collection | undefined): Promise<void> {
    const { ports, pool, clock, takeListNumber } = this.#host
    for (const list of inputs) list.hold()
    const merged = new Merged(inputs, { fromBlock: 0, cache: undefined, pool })
    const writers: { kept?: ListWriter; freed?: ListWriter } = {}
    const put = async (where: 'kept' | 'freed', version: StoredVersion): Promise<void> => {
      writers[where] ??= await ListWriter.create(ports, takeListNumber.call(this.#host))
      const written = writers[where].put(version)
      if (written !== undefined) await written
    }
    const finished: ListFile[] = []
    const finish = async (where: 'kept' | 'freed'): Promise<ListFile | undefined> => {
      const list = await writers[where]?.finish(Math.max(...inputs.map(({ info }) => info.asOfLsn)))
      delete writers[where]
      if (list !== undefined) finished.push(list)
      return list
    }
    try {
      let dropped = 0
      for (let blocks = 1; ; blocks++) {
        const group = await merged.next()
        if (group === undefined) break
        const unseen = collection === undefined ? undefined : await unseenOf(group, collection)
        const freed: StoredVersion[] = [...group.spare]
        for (const [i, version] of group.versions.entries()) {
          if (unseen?.has(i)) freed.push(version)
          else await put('kept', version)
        }
        dropped += freed.length
        freed.sort((a, b) => a.lsn - b.lsn)
        for (const version of freed) if (version.kind === 'data') await put('freed', version)
        if (blocks % TURN_BLOCKS !== 0) continue
        await clock.yield()
        if (!this.#goesOn) throw new Interrupted()
      }
      if (dropped === 0 && inputs.length === 1) return
      const kept = await finish('kept')
      const freed = await finish('freed')
      if (!this.#goesOn) throw new Interrupted()
      await ports.disk.syncDirectory(ports.directory)
      await this.#host.replace(inputs, kept, freed)
      finished.length = 0
    } finally {
      merged.release()
      if (!this.#host.manifest.hasFailed) {
        for (const list of finished) await list.retire()
        await writers.kept?.abandon()
        await writers.freed?.abandon()
      }
      for (const list of inputs) await list.release()
    }
  }

  /** Gives the blocks back that `list` names; after a crash all of them again. */
  async #free(list: ListFile): Promise<void> {
    const { data, pool, clock } = this.#host
    list.hold()
    const merged = new Merged([list], { fromBlock: 0, cache: undefined, pool })
    const blocks = new Map<number, number>()
    const slots = new Float64Array(FREED_SLOTS)
    let count = 0
    const punch = async (): Promise<void> => {
      await data.punch(slots.subarray(0, count))
      count = 0
      await clock.yield()
      if (!this.#goesOn) throw new Interrupted()
    }
    try {
      for (;;) {
        const group = await merged.next()
        if (group === undefined) break
        for (const { slot } of [...group.versions, ...group.spare]) {
          slots[count++] = slot
          blocks.set(fileOf(slot), (blocks.get(fileOf(slot)) ?? 0) + 1)
          if (count === FREED_SLOTS) await punch()
        }
      }
      await punch()
      await data.datasync(blocks.keys())
      await this.#host.freed(list, blocks)
    } finally {
      merged.release()
      await list.release()
    }
  }
}

/** Which of the block's versions, by index, no snapshot sees. One whose head cannot be told stays. */
async function unseenOf(
  { versions }: BlockVersions,
  { snapshotLsns, headLsn }: Collection,
): Promise<ReadonlySet<number>> {
  const unseen = new Set<number>()
  const head = async (block: number): Promise<number> => {
    try {
      return await headLsn(block)
    } catch (error) {
      if (isBlockError(error, 'MEDIUM')) return 0
      throw error
    }
  }
  await forSeers(snapshotLsns, versions, head, (index, { from, end }) => {
    assert(from <= end, 'a version is seen by none or more')
    if (from === end) unseen.add(index)
  })
  return unseen
}
