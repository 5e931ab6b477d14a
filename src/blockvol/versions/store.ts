/**
 * The version store: what `version.ts` promises, over data blocks, lists and a manifest (docs/formats/versions.md). The manifest
 * says what is in force; files are written before it names them and removed after it does so no more, so that a crash
 * leaves nothing but files and blocks that nobody names, which the next opening takes away.
 */
import { assert } from '../../base/assert.ts'
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Disk } from '../../base/ports/disk.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import { blockChecksum } from '../checksum.ts'
import { MANIFEST_FORMAT, type Manifest } from '../format/version-manifest.ts'
import { LIST_PAGE_BYTES } from '../format/version-pages.ts'
import { Batch, type BatchHost } from './batch.ts'
import { DataBlocks, fileOf } from './data-blocks.ts'
import { ListFile, listNumberOf, listPath } from './list-file.ts'
import type { ListPorts } from './list-writer.ts'
import { ManifestKeeper } from './manifest-keeper.ts'
import { distinct, Merged } from './merged.ts'
import { PageCache } from './page-cache.ts'
import { scrubVersions } from './scrub-versions.ts'
import { Upkeep } from './upkeep.ts'
import { countUsage } from './usage.ts'
import type {
  StoredVersion,
  VersionBatch,
  VersionScrub,
  VersionScrubOptions,
  VersionStore,
  VersionStoreOptions,
  VersionUsage,
} from './version.ts'

/** Makes an empty store in `directory`; durable when the promise resolves, but for the directory's own name. */
export async function createVersionStore(disk: Disk, directory: string, uuid: Uint8Array): Promise<void> {
  await disk.makeDirectory(directory)
  await ManifestKeeper.create(disk, directory, uuid)
  await disk.syncDirectory(directory)
}

/**
 * Opens what `createVersionStore` made. NOT_FOUND when there is none; CORRUPT when its lists are damaged or older than
 * `generationMin`; UNKNOWN_FORMAT when another release made it.
 */
export function openVersionStore(options: VersionStoreOptions): Promise<VersionStore> {
  return Store.open(options)
}

class Store implements VersionStore {
  readonly #o: VersionStoreOptions
  readonly #ports: ListPorts
  readonly #manifest: ManifestKeeper
  readonly #data: DataBlocks
  /** In the manifest's order. */
  #lists: readonly ListFile[]
  #freeing: readonly ListFile[]
  #nextList: number
  readonly #cache = new PageCache()
  readonly #upkeep: Upkeep
  #batch: Batch | undefined
  /** Settles when nobody takes slots. */
  #entered: Promise<void> = Promise.resolve()

  private constructor(
    options: VersionStoreOptions,
    ports: ListPorts,
    manifest: ManifestKeeper,
    data: DataBlocks,
    lists: { readonly inForce: readonly ListFile[]; readonly freeing: readonly ListFile[] },
  ) {
    this.#o = options
    this.#ports = ports
    this.#manifest = manifest
    this.#data = data
    this.#lists = lists.inForce
    this.#freeing = lists.freeing
    this.#nextList = manifest.current.nextList
    const { pool, clock, logger, checkpointLsn } = options
    this.#upkeep = new Upkeep({
      ports,
      manifest,
      data,
      pool,
      clock,
      logger,
      checkpointLsn,
      lists: () => this.#lists,
      freeing: () => this.#freeing,
      takeListNumber: () => this.#nextList++,
      replace: (inputs, kept, freed) => this.#replace(inputs, kept, freed),
      freed: (list, blocks) => this.#freed(list, blocks),
    })
  }

  static async open(options: VersionStoreOptions): Promise<Store> {
    const { disk, pool, directory, uuid } = options
    await refuseFile(disk, directory)
    const opened = new AsyncDisposableStack()
    try {
      const ports: ListPorts = { disk, pool, directory, volume: uuid.subarray(0, 8) }
      const manifest = await ManifestKeeper.open(disk, directory, options)
      opened.defer(() => manifest.close())
      const { lists, freeing, nextSlot, usedBlocks } = manifest.current
      const named = new Set([...lists, ...freeing].map((info) => info.number))
      for (const name of await disk.list(directory)) {
        const number = listNumberOf(name)
        if (number !== undefined && !named.has(number)) await disk.remove(listPath(directory, number))
      }
      const data = await DataBlocks.open(disk, directory)
      opened.defer(() => data.close())
      await data.cut(nextSlot)
      await data.removeUnused(nextSlot, usedBlocks)
      const openAll = async (infos: typeof lists): Promise<ListFile[]> => {
        const files: ListFile[] = []
        for (const info of infos) {
          const list = await ListFile.open(ports, info)
          opened.defer(() => list.close())
          files.push(list)
        }
        return files
      }
      const store = new Store(options, ports, manifest, data, {
        inForce: await openAll(lists),
        freeing: await openAll(freeing),
      })
      opened.move()
      store.#upkeep.kick()
      return store
    } catch (error) {
      await opened.disposeAsync()
      throw error
    }
  }

  get isEmpty(): boolean {
    return this.#lists.length === 0
  }

  get generation(): number {
    return this.#manifest.current.changes
  }

  async of(block: number): Promise<readonly StoredVersion[]> {
    return this.#lists.length === 0 ? [] : this.#find(this.#lists, block)
  }

  async at(block: number, lsn: number): Promise<StoredVersion | undefined> {
    return (await this.of(block)).findLast((version) => version.lsn <= lsn)
  }

  async scan(fromBlock: number, endBlock: number, limit: number): Promise<readonly StoredVersion[]> {
    return this.#holding(this.#lists, async (lists) => {
      const merged = new Merged(lists, { fromBlock, cache: this.#cache, pool: this.#o.pool })
      const found: StoredVersion[] = []
      for (;;) {
        const group = await merged.next(endBlock)
        if (group === undefined) return found
        if (found.length > 0 && found.length + group.versions.length > limit) return found
        found.push(...group.versions)
      }
    })
  }

  read(version: StoredVersion, target: Uint8Array): Promise<boolean> {
    assert(version.kind === 'data', 'only data can be read')
    return this.#data.read(version, target)
  }

  async repair(version: StoredVersion, data: Uint8Array | undefined): Promise<void> {
    const { block, lsn, slot, kind } = version
    const isKept = async (): Promise<boolean> =>
      (await this.of(block)).some((now) => now.lsn === lsn && now.kind === kind && now.slot === slot)
    if (kind !== 'data') {
      assert(kind === 'bad', 'a hole needs no repair')
      const checksum = data === undefined ? 0 : blockChecksum(data, block, lsn)
      const batch = new Batch(
        this.#batchHost(0, () => undefined),
        0,
      )
      try {
        if (!(await isKept())) return
        await batch.put({ block, lsn, kind: data === undefined ? 'hole' : 'data', checksum }, data)
        await batch.commit()
      } finally {
        await batch.abandon()
      }
      return
    }
    assert(data !== undefined, 'data is repaired with data')
    assert(blockChecksum(data, block, lsn) === version.checksum, 'a repair passes its checksum')
    // a block that is given back meanwhile would be nobody's and take space for ever
    await this.#manifest.alone(async () => {
      if (!(await isKept())) return
      await this.#data.write(slot, data)
      await this.#data.datasync([fileOf(slot)])
    })
  }

  begin(asOfLsn: number, options: { readonly isCheckingAll?: boolean } = {}): VersionBatch {
    assert(this.#batch === undefined, 'one batch at a time is under way')
    const aboveLsn = options.isCheckingAll === true ? -1 : this.#o.checkpointLsn()
    const batch: Batch = new Batch(
      this.#batchHost(aboveLsn, () => {
        if (this.#batch === batch) this.#batch = undefined
        this.#upkeep.kick()
      }),
      asOfLsn,
    )
    this.#batch = batch
    return batch
  }

  collect(snapshotLsns: readonly number[], headLsn: (block: number) => Promise<number>): void {
    const asOfLsn = this.#o.checkpointLsn()
    this.#upkeep.collect({ snapshotLsns: Float64Array.from(snapshotLsns).sort(), headLsn, asOfLsn })
  }

  async dropAbove(lsn: number): Promise<void> {
    assert(this.#batch === undefined, 'no batch is under way')
    await this.#upkeep.held(async () => {
      if (this.#lists.every(({ info }) => info.keptLsn <= lsn)) return
      const drop = ({ lists }: Manifest) => ({
        lists: lists.map((info) => ({ ...info, keptLsn: Math.min(info.keptLsn, lsn) })),
      })
      await this.#manifest.change(drop, () => {
        for (const list of this.#lists) list.keepUpTo(lsn)
      })
    })
  }

  usage() {
    const { lists, freeing, usedBlocks } = this.#manifest.current
    let used = 0
    for (const blocks of usedBlocks.values()) used += blocks
    let freed = 0
    for (const info of freeing) freed += info.dataBlocks
    let pages = 0
    for (const list of [...this.#lists, ...this.#freeing]) pages += 2 * list.pages
    const manifestBytes = lists.length === 0 && freeing.length === 0 ? 0 : 2 * MANIFEST_FORMAT.slotBytes
    return {
      dataBytes: used * BLOCK_BYTES,
      freeingBytes: freed * BLOCK_BYTES,
      metadataBytes: pages * LIST_PAGE_BYTES + manifestBytes,
    }
  }

  usageBySnapshot(
    snapshotLsns: readonly number[],
    headLsn: (block: number) => Promise<number>,
  ): Promise<VersionUsage> {
    const { freeingBytes } = this.usage()
    return this.#holding(this.#lists, async (lists) => {
      const { clock, pool } = this.#o
      const merged = new Merged(lists, { fromBlock: 0, cache: undefined, pool })
      try {
        return await countUsage(merged, { clock, snapshotLsns, headLsn, freeingBytes })
      } finally {
        merged.release()
      }
    })
  }

  scrub(options: VersionScrubOptions): Promise<VersionScrub> {
    return this.#holding([...this.#lists, ...this.#freeing], async (lists) => {
      const inForce = new Set(this.#lists)
      const slots = await this.#manifest.verify()
      const found = await scrubVersions(lists, {
        ...options,
        inForce,
        cache: this.#cache,
        of: (block) => this.of(block),
        read: (version, target) => this.#data.read(version, target),
      })
      return { ...found, repairedPages: found.repairedPages + slots }
    })
  }

  async allocatedBytes(): Promise<number> {
    let bytes = (await this.#data.allocatedBytes()) + (await this.#manifest.allocatedBytes())
    await this.#holding([...this.#lists, ...this.#freeing], async (lists) => {
      for (const list of lists) bytes += await list.allocatedBytes()
    })
    return bytes
  }

  settled(): Promise<void> {
    return this.#upkeep.settled()
  }

  async close(): Promise<void> {
    await this.#upkeep.close()
    await this.#batch?.abandon()
    await this.#entered
    const files = [...this.#lists, ...this.#freeing, this.#data, this.#manifest]
    await Promise.allSettled(files.map((file) => file.close()))
  }

  #find(lists: readonly ListFile[], block: number): Promise<readonly StoredVersion[]> {
    return this.#holding(lists, async () => {
      const found: StoredVersion[] = []
      for (const list of lists) await list.find(block, this.#cache, found)
      return distinct(found, [])
    })
  }

  /** Keeps the files of `lists` while `run` reads them. */
  async #holding<T>(lists: readonly ListFile[], run: (lists: readonly ListFile[]) => Promise<T>): Promise<T> {
    for (const list of lists) list.hold()
    try {
      return await run(lists)
    } finally {
      for (const list of lists) {
        const released = list.release()
        if (released !== undefined) await released
      }
    }
  }

  #batchHost(aboveLsn: number, ended: () => void): BatchHost {
    return {
      ports: this.#ports,
      manifest: this.#manifest,
      data: this.#data,
      pool: this.#o.pool,
      takeListNumber: () => this.#nextList++,
      enter: () => this.#enter(),
      checked: () => this.#lists.filter(({ info }) => info.asOfLsn > aboveLsn),
      find: (lists, block) => this.#find(lists, block),
      publish: (lists, nextSlot, used) => this.#publish(lists, nextSlot, used),
      ended,
    }
  }

  async #enter(): Promise<() => void> {
    const before = this.#entered
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#entered = promise
    await before
    return resolve
  }

  #publish(lists: readonly ListFile[], nextSlot: number, used: ReadonlyMap<number, number>): Promise<void> {
    const put = (now: Manifest) => {
      const usedBlocks = new Map(now.usedBlocks)
      for (const [file, blocks] of used) usedBlocks.set(file, (usedBlocks.get(file) ?? 0) + blocks)
      const infos = [...now.lists, ...lists.map((list) => list.info)]
      return { nextSlot, nextList: this.#nextList, usedBlocks, lists: infos }
    }
    return this.#manifest.change(put, () => {
      this.#lists = [...this.#lists, ...lists]
    })
  }

  async #replace(
    inputs: readonly ListFile[],
    kept: ListFile | undefined,
    freed: ListFile | undefined,
  ): Promise<void> {
    const gone = new Set(inputs.map(({ info }) => info.number))
    const place = <T>(items: readonly T[], numberOf: (item: T) => number, put: T | undefined): T[] => {
      const at = items.findIndex((item) => gone.has(numberOf(item)))
      const left = (item: T): boolean => !gone.has(numberOf(item))
      const before = items.slice(0, at).filter(left)
      return [...before, ...(put === undefined ? [] : [put]), ...items.slice(at).filter(left)]
    }
    const change = ({ lists, freeing }: Manifest) => ({
      nextList: this.#nextList,
      lists: place(lists, (info) => info.number, kept?.info),
      freeing: freed === undefined ? freeing : [...freeing, freed.info],
    })
    await this.#manifest.change(change, () => {
      this.#lists = place(this.#lists, ({ info }) => info.number, kept)
      if (freed !== undefined) this.#freeing = [...this.#freeing, freed]
    })
    for (const list of inputs) await list.retire()
  }

  async #freed(list: ListFile, blocks: ReadonlyMap<number, number>): Promise<void> {
    const change = (now: Manifest) => {
      const usedBlocks = new Map(now.usedBlocks)
      for (const [file, count] of blocks) {
        const left = (usedBlocks.get(file) ?? 0) - count
        assert(left >= 0, 'no block is given back twice')
        if (left === 0) usedBlocks.delete(file)
        else usedBlocks.set(file, left)
      }
      return { usedBlocks, freeing: now.freeing.filter(({ number }) => number !== list.info.number) }
    }
    await this.#manifest.change(change, () => {
      this.#freeing = this.#freeing.filter((each) => each !== list)
    })
    await list.retire()
    const { nextSlot, usedBlocks } = this.#manifest.current
    await this.#data.removeUnused(nextSlot, usedBlocks)
  }
}

/** A release before this one kept nothing in a file of the directory's name. */
async function refuseFile(disk: Disk, directory: string): Promise<void> {
  if ((await disk.exists(`${directory}/manifest`)) || !(await disk.exists(directory))) return
  const file = await disk.open(directory, { create: 'never' }).catch((error: unknown) => {
    if (isBlockError(error)) return undefined
    throw error
  })
  if (file === undefined) return
  await file.close()
  throw new BlockError('UNKNOWN_FORMAT', `${directory} is a file of a release that kept no versions`, {
    facts: { path: directory },
  })
}
