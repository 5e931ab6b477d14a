/** Records of one kind in memory, by id and in their order. */
import type { RepositoryRecord, ScheduleRecord, SnapshotRecord } from '../records.ts'
import { compareTexts, SortedList } from './sorted-list.ts'

export class Collection<R> {
  readonly #byId = new Map<string, R>()
  readonly list: SortedList<R>

  constructor(compare: (a: R, b: R) => number) {
    this.list = new SortedList(compare)
  }

  get size(): number {
    return this.#byId.size
  }

  get(id: string): R | undefined {
    return this.#byId.get(id)
  }

  /** Undefined removes. Returns what was there. */
  set(id: string, record: R | undefined): R | undefined {
    const old = this.#byId.get(id)
    if (record !== undefined) {
      this.list.put(old, record)
      this.#byId.set(id, record)
    } else if (old !== undefined) {
      this.list.remove(old)
      this.#byId.delete(id)
    }
    return old
  }
}

const byAge = (a: SnapshotRecord, b: SnapshotRecord): number =>
  compareTexts([a.createdAt, a.id], [b.createdAt, b.id])
const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  compareTexts([a.name, a.name], [b.name, b.name])

/** Snapshots by their volumes. */
export class SnapshotCollections {
  readonly #byVolume = new Map<string, Collection<SnapshotRecord>>()

  get(volume: string, id: string): SnapshotRecord | undefined {
    return this.#byVolume.get(volume)?.get(id)
  }

  of(volume: string): readonly SnapshotRecord[] {
    return this.#byVolume.get(volume)?.list.items() ?? []
  }

  volumes(): readonly string[] {
    return [...this.#byVolume.keys()]
  }

  /** As `Collection.set`. */
  set(volume: string, id: string, record: SnapshotRecord | undefined): SnapshotRecord | undefined {
    const known = this.#byVolume.get(volume)
    const collection = known ?? new Collection<SnapshotRecord>(byAge)
    const old = collection.set(id, record)
    if (collection.size === 0) this.#byVolume.delete(volume)
    else if (known === undefined) this.#byVolume.set(volume, collection)
    return old
  }
}

export const scheduleCollection = (): Collection<ScheduleRecord> => new Collection<ScheduleRecord>(byName)
export const repositoryCollection = (): Collection<RepositoryRecord> =>
  new Collection<RepositoryRecord>(byName)
