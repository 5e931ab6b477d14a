/**
 * What a simulated machine's disk holds, without time: for each file the view that the page cache gives and the
 * bytes that are on the medium, the changes between the two in their order, and the names with those of their
 * changes that are not durable yet. Every operation takes effect at once; `sim-disk.ts` decides when.
 *
 * A `Storage` forks for almost nothing (pages are shared and never change), because a crash enumeration starts
 * from hundreds of thousands of them.
 */
import { crc32c } from '../../src/base/crc32c.ts'
import { type Change, PAGE_BYTES, SparseBytes, StateHash } from './sparse-bytes.ts'

/** A change of content that is in the page cache and perhaps not on the medium. */
export interface UnsyncedChange {
  readonly kind: 'content'
  /** Rises over all changes of this disk. */
  readonly order: number
  readonly fileId: number
  readonly path: string
  readonly change: Change
  /** A sync reported it durable and lied. */
  readonly wasLied: boolean
}

/** A change of names that is not durable: `to` gets `fileId` (or loses its entry), `from` disappears. */
export interface UnsyncedName {
  readonly kind: 'name'
  readonly order: number
  readonly what: 'create' | 'directory' | 'remove' | 'rename'
  readonly path: string
  readonly from: string | undefined
  readonly fileId: number
}

export type Unsynced = UnsyncedChange | UnsyncedName

/** How much of an unsynced change a power loss leaves: all, nothing, or these byte ranges of the file. */
export type Kept = 'all' | 'none' | readonly (readonly [startBytes: number, endBytes: number])[]

/** Directories carry this instead of a file's id. */
const DIRECTORY = 0

interface FileState {
  readonly id: number
  cache: SparseBytes
  medium: SparseBytes
  unsynced: UnsyncedChange[]
  /** Pages that fail to be read until they are written. */
  badPages: Set<number> | undefined
}

export class Storage {
  #files = new Map<number, FileState>()
  #names = new Map<string, number>()
  #durableNames = new Map<string, number>()
  #unsyncedNames: UnsyncedName[] = []
  #nextOrder = 1
  #nextFileId = 1
  #boot = 1
  /** Bytes that all files together may take. */
  capacityBytes = Number.POSITIVE_INFINITY

  get bootId(): string {
    return `boot-${this.#boot}`
  }

  /** The order that the next change will get. */
  get nextOrder(): number {
    return this.#nextOrder
  }

  /** A copy as it stands: what is unsynced stays so, which is also what a crash of the process alone leaves. */
  fork(): Storage {
    const copy = new Storage()
    for (const file of this.#files.values()) copy.#files.set(file.id, forkFile(file))
    copy.#names = new Map(this.#names)
    copy.#durableNames = new Map(this.#durableNames)
    copy.#unsyncedNames = [...this.#unsyncedNames]
    copy.#nextOrder = this.#nextOrder
    copy.#nextFileId = this.#nextFileId
    copy.#boot = this.#boot
    copy.capacityBytes = this.capacityBytes
    return copy
  }

  /** After the process ended: files that no name leads to any more are gone. */
  afterProcessCrash(): Storage {
    const copy = this.fork()
    const named = new Set([...copy.#names.values(), ...copy.#durableNames.values()])
    for (const id of copy.#files.keys()) if (!named.has(id)) copy.#files.delete(id)
    return copy
  }

  /** After a power loss: what was durable, and of each unsynced change what `keep` says. */
  afterPowerLoss(keep: (unsynced: Unsynced) => Kept): Storage {
    const copy = new Storage()
    copy.#nextOrder = this.#nextOrder
    copy.#nextFileId = this.#nextFileId
    copy.#boot = this.#boot + 1
    copy.capacityBytes = this.capacityBytes
    const names = new Map(this.#durableNames)
    for (const name of this.#unsyncedNames) if (keep(name) !== 'none') applyName(names, name)
    for (const path of [...names.keys()].sort()) if (!hasParent(names, path)) names.delete(path)
    for (const id of new Set(names.values())) {
      const file = this.#files.get(id)
      if (file === undefined) continue
      const medium = new SparseBytes(file.medium)
      for (const unsynced of file.unsynced) applyKept(medium, unsynced.change, keep(unsynced))
      const badPages = file.badPages && new Set(file.badPages)
      copy.#files.set(id, { id, cache: new SparseBytes(medium), medium, unsynced: [], badPages })
    }
    copy.#names = names
    copy.#durableNames = new Map(names)
    return copy
  }

  /** All that a power loss may take, oldest first. */
  unsynced(): Unsynced[] {
    const contents = [...this.#files.values()].flatMap((file) => file.unsynced)
    return [...this.#unsyncedNames, ...contents].sort((a, b) => a.order - b.order)
  }

  /** The key of this state: equal keys mean that nothing that follows can tell the two apart. */
  hash(): string {
    const hash = new StateHash()
    hash.addText(this.bootId)
    for (const [path, id] of [...this.#names].sort(([a], [b]) => (a < b ? -1 : 1))) {
      hash.addText(path)
      const file = this.#files.get(id)
      if (file === undefined) continue
      file.cache.addTo(hash)
      if (file.cache === file.medium || file.unsynced.length === 0) continue
      file.medium.addTo(hash)
      for (const { change } of file.unsynced) {
        hash.addText(change.kind)
        hash.add(change.offsetBytes)
        hash.add(change.lengthBytes)
        hash.add(crc32c(change.data))
      }
    }
    for (const name of this.#unsyncedNames) hash.addText(`${name.what} ${name.from ?? ''} ${name.path}`)
    return hash.value
  }

  // ---- names

  /** The id of a file; undefined when the name is missing or a directory. */
  lookup(path: string): number | undefined {
    const id = this.#names.get(path)
    return id === DIRECTORY ? undefined : id
  }

  exists(path: string): boolean {
    return path === '/' || this.#names.has(path)
  }

  isDirectory(path: string): boolean {
    return path === '/' || this.#names.get(path) === DIRECTORY
  }

  list(directory: string): string[] {
    const prefix = directory === '/' ? '/' : `${directory}/`
    return [...this.#names.keys()]
      .filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes('/'))
      .map((path) => path.slice(prefix.length))
      .sort()
  }

  /** The ids of the files in a directory, in the order of their names; of one that is not there none. */
  filesIn(directory: string): number[] {
    if (!this.isDirectory(directory)) return []
    return this.list(directory).flatMap((name) => this.lookup(`${directory}/${name}`) ?? [])
  }

  createFile(path: string): number {
    const id = this.#nextFileId++
    this.#files.set(id, {
      id,
      cache: new SparseBytes(),
      medium: new SparseBytes(),
      unsynced: [],
      badPages: undefined,
    })
    this.#changeName('create', path, undefined, id)
    return id
  }

  createDirectory(path: string): void {
    this.#changeName('directory', path, undefined, DIRECTORY)
  }

  removeName(path: string): void {
    this.#changeName('remove', path, undefined, this.#names.get(path) ?? DIRECTORY)
  }

  rename(from: string, to: string): void {
    this.#changeName('rename', to, from, this.#names.get(from) ?? DIRECTORY)
  }

  /** Names directly in `directory` become durable, with all that led to them. */
  syncDirectory(directory: string, beforeOrder: number): void {
    this.#unsyncedNames = this.#unsyncedNames.filter((name) => {
      const isInside =
        parentOf(name.path) === directory || (name.from !== undefined && parentOf(name.from) === directory)
      if (!isInside || name.order >= beforeOrder) return true
      applyName(this.#durableNames, name)
      return false
    })
  }

  // ---- content

  /** Applies a change to what readers see. */
  apply(fileId: number, path: string, change: Change): void {
    const file = this.#file(fileId)
    file.cache.apply(change)
    if (file.badPages !== undefined && change.kind === 'write') {
      for (const page of pagesOf(change)) file.badPages.delete(page)
    }
    file.unsynced.push({ kind: 'content', order: this.#nextOrder++, fileId, path, change, wasLied: false })
  }

  /** Makes all changes before `beforeOrder` durable, and what lying syncs left in the device's own cache. */
  sync(fileId: number, beforeOrder: number): void {
    this.#settle(fileId, beforeOrder, () => 'all')
    for (const file of this.#files.values()) {
      if (!file.unsynced.some((unsynced) => unsynced.wasLied)) continue
      for (const { change, wasLied } of file.unsynced) if (wasLied) file.medium.apply(change)
      file.unsynced = file.unsynced.filter((unsynced) => !unsynced.wasLied)
    }
  }

  /** A sync that reports success: the changes stay in the device's cache, which a power loss empties. */
  lieAboutSync(fileId: number, beforeOrder: number): void {
    const file = this.#file(fileId)
    file.unsynced = file.unsynced.map((unsynced) =>
      unsynced.order < beforeOrder ? { ...unsynced, wasLied: true } : unsynced,
    )
  }

  /** A sync that fails: the kernel forgets that the pages are dirty; `keep` says what reached the medium. */
  failSync(fileId: number, beforeOrder: number, keep: (unsynced: Unsynced) => Kept): void {
    this.#settle(fileId, beforeOrder, keep)
  }

  /** The kernel drops the file's clean pages: what the medium has shows again. */
  dropCache(fileId: number): void {
    const file = this.#file(fileId)
    const { sizeBytes } = file.cache
    file.cache = new SparseBytes(file.medium)
    for (const { change } of file.unsynced) file.cache.apply(change)
    file.cache.setSize(Math.max(sizeBytes, file.cache.sizeBytes))
  }

  /** A write of synced data that the device put elsewhere: the medium has it at `toBytes`, its place is as before. */
  misdirect(fileId: number, change: Change, before: SparseBytes, toBytes: number): void {
    const { medium } = this.#file(fileId)
    for (const page of pagesOf(change)) medium.copyPage(before, page)
    medium.apply({ ...change, offsetBytes: toBytes, pages: new Map() })
  }

  flipBit(fileId: number, offsetBytes: number, bit: number): void {
    const file = this.#file(fileId)
    file.medium.flipBit(offsetBytes, bit)
    this.dropCache(fileId)
  }

  setBadPage(fileId: number, page: number): void {
    const file = this.#file(fileId)
    file.badPages ??= new Set()
    file.badPages.add(page)
  }

  /** Every page can be read again. */
  healPages(): void {
    for (const file of this.#files.values()) file.badPages = undefined
  }

  isBad(fileId: number, offsetBytes: number, lengthBytes: number): boolean {
    const { badPages } = this.#file(fileId)
    if (badPages === undefined || badPages.size === 0) return false
    for (const page of badPages) {
      if (page * PAGE_BYTES < offsetBytes + lengthBytes && (page + 1) * PAGE_BYTES > offsetBytes) return true
    }
    return false
  }

  cacheOf(fileId: number): SparseBytes {
    return this.#file(fileId).cache
  }

  /** What direct I/O reads: the medium, after the pages that are still dirty were written back. */
  mediumOf(fileId: number): SparseBytes {
    const file = this.#file(fileId)
    if (file.unsynced.length === 0) return file.medium
    const view = new SparseBytes(file.medium)
    for (const { change } of file.unsynced) view.apply(change)
    return view
  }

  /** Only what is on the medium. */
  durableOf(fileId: number): SparseBytes {
    return this.#file(fileId).medium
  }

  get usedBytes(): number {
    let used = 0
    for (const file of this.#files.values()) used += file.cache.allocatedBytes
    return used
  }

  get freeBytes(): number {
    return this.capacityBytes - this.usedBytes
  }

  #file(fileId: number): FileState {
    const file = this.#files.get(fileId)
    if (file === undefined) throw new Error(`file ${fileId} is not on this disk`)
    return file
  }

  #settle(fileId: number, beforeOrder: number, keep: (unsynced: Unsynced) => Kept): void {
    const file = this.#file(fileId)
    let settled = 0
    for (const unsynced of file.unsynced) {
      if (unsynced.order >= beforeOrder) break
      applyKept(file.medium, unsynced.change, keep(unsynced))
      settled++
    }
    file.unsynced = file.unsynced.slice(settled)
  }

  #changeName(what: UnsyncedName['what'], path: string, from: string | undefined, fileId: number): void {
    const name: UnsyncedName = { kind: 'name', order: this.#nextOrder++, what, path, from, fileId }
    applyName(this.#names, name)
    this.#unsyncedNames.push(name)
  }
}

export const parentOf = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf('/')))

function forkFile(file: FileState): FileState {
  return {
    id: file.id,
    cache: new SparseBytes(file.cache),
    medium: new SparseBytes(file.medium),
    unsynced: [...file.unsynced],
    badPages: file.badPages && new Set(file.badPages),
  }
}

function applyName(names: Map<string, number>, name: UnsyncedName): void {
  if (name.from !== undefined) names.delete(name.from)
  if (name.what === 'remove') names.delete(name.path)
  else names.set(name.path, name.fileId)
}

function applyKept(bytes: SparseBytes, change: Change, kept: Kept): void {
  if (kept === 'all') bytes.apply(change)
  else if (kept !== 'none') for (const [start, end] of kept) bytes.applyPart(change, start, end)
}

/** Whether the directory of `path` is among `names`; called in sorted order, so parents come first. */
const hasParent = (names: ReadonlyMap<string, number>, path: string): boolean => {
  const parent = parentOf(path)
  return parent === '/' || names.has(parent)
}

function* pagesOf(change: Change): Generator<number> {
  const end = change.offsetBytes + change.lengthBytes
  for (let page = Math.floor(change.offsetBytes / PAGE_BYTES); page * PAGE_BYTES < end; page++) yield page
}
