/**
 * Records in memory, with the commits counted: a life of the master ends at a commit of the test's choice, before or after
 * it is durable. What is durable outlives it.
 */
import type {
  Change,
  NewEvent,
  RecordStore,
  RecordsView,
  RecordWrite,
} from '../../../src/master/core/records-view.ts'
import type {
  ClusterRecord,
  EventRecord,
  JobRecord,
  ServerRecord,
  TokenRecord,
  VolumeRecord,
} from '../../../src/master/records.ts'

export class DurableRecords implements RecordsView {
  cluster: ClusterRecord = { clusterId: 'c0', createdAt: 0, lock: null }
  readonly serverMap = new Map<string, ServerRecord>()
  readonly volumeMap = new Map<string, VolumeRecord>()
  readonly jobMap = new Map<string, JobRecord>()
  readonly eventList: EventRecord[] = []
  /** Commits since the beginning. */
  commits = 0

  server = (id: string): ServerRecord | undefined => this.serverMap.get(id)
  servers = (): readonly ServerRecord[] => [...this.serverMap.values()]
  volume = (uuid: string): VolumeRecord | undefined => this.volumeMap.get(uuid)
  volumeNamed = (name: string): VolumeRecord | undefined =>
    this.volumes().find((volume) => volume.name === name)
  volumes = (): readonly VolumeRecord[] =>
    [...this.volumeMap.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  job = (id: string): JobRecord | undefined => this.jobMap.get(id)
  jobs = (): readonly JobRecord[] => [...this.jobMap.values()]
  tokens = (): readonly TokenRecord[] => []

  apply(writes: readonly RecordWrite[], events: readonly NewEvent[]): void {
    for (const write of writes) this.#write(write)
    for (const event of events) {
      this.eventList.push({
        volume: null,
        server: null,
        reason: null,
        epoch: null,
        lsn: null,
        requestId: null,
        ...event,
        number: this.eventList.length + 1,
        at: 0,
        lastAt: 0,
        count: 1,
      })
    }
    const names = this.volumes().map((volume) => volume.name)
    if (new Set(names).size !== names.length) throw new Error('one name, two volumes')
    this.commits += 1
  }

  #write(write: RecordWrite): void {
    switch (write.kind) {
      case 'cluster':
        this.cluster = write.record
        return
      case 'server':
        this.serverMap.set(write.record.id, write.record)
        return
      case 'removeServer':
        this.serverMap.delete(write.id)
        return
      case 'volume':
        this.volumeMap.set(write.record.uuid, write.record)
        return
      case 'removeVolume':
        this.volumeMap.delete(write.uuid)
        return
      case 'job':
        this.jobMap.set(write.record.id, write.record)
        return
      case 'removeJob':
        this.jobMap.delete(write.id)
        return
      case 'token':
      case 'removeToken':
        return
    }
  }
}

/** Null: this commit is done as it should. */
export type CrashPoint = 'before' | 'after' | null

export interface PlainStoreOptions {
  readonly durable: DurableRecords
  /** Runs `run` when the disk has answered, unless this life has ended. */
  readonly later: (run: () => void) => void
  /** Whether this life ends at commit number `commit`, and ends it. */
  readonly crash: (commit: number) => CrashPoint
}

export class PlainStore implements RecordStore {
  readonly view: DurableRecords
  readonly registryId = 'r0'
  readonly #options: PlainStoreOptions
  readonly #listeners = new Set<(event: EventRecord) => void>()
  #turn: Promise<void> = Promise.resolve()

  constructor(options: PlainStoreOptions) {
    this.#options = options
    this.view = options.durable
  }

  get seq(): number {
    return this.view.commits
  }

  change<T>(decide: (records: RecordsView) => Change<T>): Promise<T> {
    const result = this.#turn.then(() => this.#change(decide))
    this.#turn = result.then(
      () => undefined,
      () => undefined,
    )
    return result
  }

  async #change<T>(decide: (records: RecordsView) => Change<T>): Promise<T> {
    const { writes, events = [], result } = decide(this.view)
    if (writes.length === 0 && events.length === 0) return result
    const { crash, later } = this.#options
    const point = crash(this.view.commits + 1)
    const before = this.view.eventList.length
    if (point !== 'before') this.view.apply(writes, events)
    if (point !== null) return new Promise(() => undefined)
    await new Promise<void>((resolve) => later(resolve))
    for (const event of this.view.eventList.slice(before))
      for (const listener of this.#listeners) listener(event)
    return result
  }

  events(filter: { readonly limit: number }): readonly EventRecord[] {
    return this.view.eventList.slice(-filter.limit)
  }

  subscribe(listener: (event: EventRecord) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    await this.#turn
  }
}
