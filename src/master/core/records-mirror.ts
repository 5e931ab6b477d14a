/**
 * The records in memory with their indices. A change costs a few look-ups by halving, however many records there are.
 * `apply` returns the write that takes it back, so that decisions which did not become durable leave no trace.
 */
import { BlockError } from '../../base/errors.ts'
import type {
  ClusterRecord,
  JobRecord,
  RepositoryRecord,
  ScheduleRecord,
  ServerRecord,
  SnapshotRecord,
  TokenRecord,
  VolumeRecord,
} from '../records.ts'
import {
  Collection,
  repositoryCollection,
  SnapshotCollections,
  scheduleCollection,
} from './record-collection.ts'
import type { RecordsView, RecordWrite } from './records-view.ts'
import { compareTexts, SortedList } from './sorted-list.ts'

const byName = (a: { name: string; id: string }, b: { name: string; id: string }): number =>
  compareTexts([a.name, a.id], [b.name, b.id])
const byVolumeName = (a: VolumeRecord, b: VolumeRecord): number =>
  compareTexts([a.name, a.uuid], [b.name, b.uuid])
const byAge = (a: JobRecord, b: JobRecord): number => compareTexts([a.createdAt, a.id], [b.createdAt, b.id])

export class RecordsMirror implements RecordsView {
  #cluster: ClusterRecord
  #servers = new Collection<ServerRecord>(byName)
  #volumes = new Collection<VolumeRecord>(byVolumeName)
  #jobs = new Collection<JobRecord>(byAge)
  #tokens = new Collection<TokenRecord>(byName)
  #snapshots = new SnapshotCollections()
  #schedules = scheduleCollection()
  #repositories = repositoryCollection()
  readonly #uuidByName = new Map<string, string>()
  readonly #volumesByServer = new Map<string, SortedList<VolumeRecord>>()

  constructor(cluster: ClusterRecord, writes: readonly RecordWrite[]) {
    this.#cluster = cluster
    for (const write of writes) this.apply(write)
  }

  /** Begins anew with what was read; who holds this view goes on with it. */
  reset(cluster: ClusterRecord, writes: readonly RecordWrite[]): void {
    this.#cluster = cluster
    this.#servers = new Collection<ServerRecord>(byName)
    this.#volumes = new Collection<VolumeRecord>(byVolumeName)
    this.#jobs = new Collection<JobRecord>(byAge)
    this.#tokens = new Collection<TokenRecord>(byName)
    this.#snapshots = new SnapshotCollections()
    this.#schedules = scheduleCollection()
    this.#repositories = repositoryCollection()
    this.#uuidByName.clear()
    this.#volumesByServer.clear()
    for (const write of writes) this.apply(write)
  }

  get cluster(): ClusterRecord {
    return this.#cluster
  }

  server(id: string): ServerRecord | undefined {
    return this.#servers.get(id)
  }

  servers(): readonly ServerRecord[] {
    return this.#servers.list.items()
  }

  volume(uuid: string): VolumeRecord | undefined {
    return this.#volumes.get(uuid)
  }

  volumeNamed(name: string): VolumeRecord | undefined {
    const uuid = this.#uuidByName.get(name)
    return uuid === undefined ? undefined : this.#volumes.get(uuid)
  }

  volumes(): readonly VolumeRecord[] {
    return this.#volumes.list.items()
  }

  volumesOn(server: string): readonly VolumeRecord[] {
    return this.#volumesByServer.get(server)?.items() ?? []
  }

  job(id: string): JobRecord | undefined {
    return this.#jobs.get(id)
  }

  jobs(): readonly JobRecord[] {
    return this.#jobs.list.items()
  }

  tokens(): readonly TokenRecord[] {
    return this.#tokens.list.items()
  }

  snapshot(volume: string, id: string): SnapshotRecord | undefined {
    return this.#snapshots.get(volume, id)
  }

  snapshotsOf(volume: string): readonly SnapshotRecord[] {
    return this.#snapshots.of(volume)
  }

  snapshotVolumes(): readonly string[] {
    return this.#snapshots.volumes()
  }

  schedule(name: string): ScheduleRecord | undefined {
    return this.#schedules.get(name)
  }

  schedules(): readonly ScheduleRecord[] {
    return this.#schedules.list.items()
  }

  repository(name: string): RepositoryRecord | undefined {
    return this.#repositories.get(name)
  }

  repositories(): readonly RepositoryRecord[] {
    return this.#repositories.list.items()
  }

  /** Returns the write that takes this one back. CONFLICT, and nothing done, for a volume whose name another one has. */
  apply(write: RecordWrite): RecordWrite {
    switch (write.kind) {
      case 'cluster': {
        const record = this.#cluster
        this.#cluster = write.record
        return { kind: 'cluster', record }
      }
      case 'server':
        return serverWrite(write.record.id, this.#servers.set(write.record.id, write.record))
      case 'removeServer':
        return serverWrite(write.id, this.#servers.set(write.id, undefined))
      case 'volume':
        return volumeWrite(write.record.uuid, this.#setVolume(write.record.uuid, write.record))
      case 'removeVolume':
        return volumeWrite(write.uuid, this.#setVolume(write.uuid, undefined))
      case 'job':
        return jobWrite(write.record.id, this.#jobs.set(write.record.id, write.record))
      case 'removeJob':
        return jobWrite(write.id, this.#jobs.set(write.id, undefined))
      case 'snapshot': {
        const { volume, id } = write.record
        return snapshotWrite(volume, id, this.#snapshots.set(volume, id, write.record))
      }
      case 'removeSnapshot':
        return snapshotWrite(write.volume, write.id, this.#snapshots.set(write.volume, write.id, undefined))
      case 'schedule':
        return scheduleWrite(write.record.name, this.#schedules.set(write.record.name, write.record))
      case 'removeSchedule':
        return scheduleWrite(write.name, this.#schedules.set(write.name, undefined))
      case 'repository':
        return repositoryWrite(write.record.name, this.#repositories.set(write.record.name, write.record))
      case 'removeRepository':
        return repositoryWrite(write.name, this.#repositories.set(write.name, undefined))
      case 'token':
        return tokenWrite(write.record.id, this.#tokens.set(write.record.id, write.record))
      case 'removeToken':
        return tokenWrite(write.id, this.#tokens.set(write.id, undefined))
    }
  }

  #setVolume(uuid: string, record: VolumeRecord | undefined): VolumeRecord | undefined {
    const holder = record === undefined ? uuid : (this.#uuidByName.get(record.name) ?? uuid)
    if (holder !== uuid) {
      throw new BlockError('CONFLICT', `there is a volume '${record?.name}' already`, {
        facts: { reason: 'name_taken', name: record?.name, volume: holder },
      })
    }
    const old = this.#volumes.set(uuid, record)
    if (old !== undefined) this.#uuidByName.delete(old.name)
    if (record !== undefined) this.#uuidByName.set(record.name, uuid)
    this.#setServers(old, record)
    return old
  }

  #setServers(old: VolumeRecord | undefined, record: VolumeRecord | undefined): void {
    const serversNow = new Set(record?.replicas.map(({ server }) => server))
    const serversBefore = new Set(old?.replicas.map(({ server }) => server))
    for (const server of serversBefore) {
      if (old === undefined || serversNow.has(server)) continue
      const list = this.#volumesByServer.get(server)
      list?.remove(old)
      if (list?.size === 0) this.#volumesByServer.delete(server)
    }
    for (const server of serversNow) {
      if (record === undefined) continue
      let list = this.#volumesByServer.get(server)
      if (list === undefined) {
        list = new SortedList(byVolumeName)
        this.#volumesByServer.set(server, list)
      }
      list.put(serversBefore.has(server) ? old : undefined, record)
    }
  }
}

const serverWrite = (id: string, record: ServerRecord | undefined): RecordWrite =>
  record === undefined ? { kind: 'removeServer', id } : { kind: 'server', record }
const volumeWrite = (uuid: string, record: VolumeRecord | undefined): RecordWrite =>
  record === undefined ? { kind: 'removeVolume', uuid } : { kind: 'volume', record }
const jobWrite = (id: string, record: JobRecord | undefined): RecordWrite =>
  record === undefined ? { kind: 'removeJob', id } : { kind: 'job', record }
const tokenWrite = (id: string, record: TokenRecord | undefined): RecordWrite =>
  record === undefined ? { kind: 'removeToken', id } : { kind: 'token', record }
const snapshotWrite = (volume: string, id: string, record: SnapshotRecord | undefined): RecordWrite =>
  record === undefined ? { kind: 'removeSnapshot', volume, id } : { kind: 'snapshot', record }
const scheduleWrite = (name: string, record: ScheduleRecord | undefined): RecordWrite =>
  record === undefined ? { kind: 'removeSchedule', name } : { kind: 'schedule', record }
const repositoryWrite = (name: string, record: RepositoryRecord | undefined): RecordWrite =>
  record === undefined ? { kind: 'removeRepository', name } : { kind: 'repository', record }
