/**
 * The registry's records in memory, typed, as every decision of the master sees them, and the one way to change them.
 */
import type { EventQuery } from '../master-api.ts'
import type {
  ClusterRecord,
  EventRecord,
  JobRecord,
  RepositoryRecord,
  ScheduleRecord,
  ServerRecord,
  SnapshotRecord,
  TokenRecord,
  VolumeRecord,
} from '../records.ts'

export interface RecordsView {
  readonly cluster: ClusterRecord
  server(id: string): ServerRecord | undefined
  servers(): readonly ServerRecord[]
  volume(uuid: string): VolumeRecord | undefined
  volumeNamed(name: string): VolumeRecord | undefined
  /** In the order of their names. */
  volumes(): readonly VolumeRecord[]
  /** Those with a replica on this server, in whatever state; in the order of their names. */
  volumesOn(server: string): readonly VolumeRecord[]
  job(id: string): JobRecord | undefined
  /** In the order in which they were made. */
  jobs(): readonly JobRecord[]
  tokens(): readonly TokenRecord[]
  snapshot(volume: string, id: string): SnapshotRecord | undefined
  /** Of one volume (UUID), in the order in which they were made. */
  snapshotsOf(volume: string): readonly SnapshotRecord[]
  /** UUIDs of volumes with snapshots; also of volumes that are gone, whose snapshots were not forgotten yet. */
  snapshotVolumes(): readonly string[]
  schedule(name: string): ScheduleRecord | undefined
  /** In the order of their names. */
  schedules(): readonly ScheduleRecord[]
  repository(name: string): RepositoryRecord | undefined
  repositories(): readonly RepositoryRecord[]
}

export type RecordWrite =
  | { readonly kind: 'cluster'; readonly record: ClusterRecord }
  | { readonly kind: 'server'; readonly record: ServerRecord }
  | { readonly kind: 'removeServer'; readonly id: string }
  /** The name's record is written with it. */
  | { readonly kind: 'volume'; readonly record: VolumeRecord }
  | { readonly kind: 'removeVolume'; readonly uuid: string }
  | { readonly kind: 'job'; readonly record: JobRecord }
  | { readonly kind: 'removeJob'; readonly id: string }
  | { readonly kind: 'snapshot'; readonly record: SnapshotRecord }
  | { readonly kind: 'removeSnapshot'; readonly volume: string; readonly id: string }
  | { readonly kind: 'schedule'; readonly record: ScheduleRecord }
  | { readonly kind: 'removeSchedule'; readonly name: string }
  | { readonly kind: 'repository'; readonly record: RepositoryRecord }
  | { readonly kind: 'removeRepository'; readonly name: string }
  | { readonly kind: 'token'; readonly record: TokenRecord }
  | { readonly kind: 'removeToken'; readonly id: string }

/** An event to be recorded with the decision that it tells of; number, times and count are given by the store. */
export type NewEvent = Pick<EventRecord, 'severity' | 'kind' | 'actor' | 'message'> &
  Partial<Pick<EventRecord, 'volume' | 'server' | 'reason' | 'epoch' | 'lsn' | 'requestId'>>

export interface Change<T> {
  readonly writes: readonly RecordWrite[]
  readonly events?: readonly NewEvent[]
  readonly result: T
}

/** Ids; both are empty when it was something else. */
export interface RecordsChanged {
  readonly volumes: readonly string[]
  readonly servers: readonly string[]
}

export interface RecordStore {
  /** What is durable. */
  readonly view: RecordsView
  readonly registryId: string
  readonly seq: number
  /**
   * Decides and records. `decide` is called when its turn comes, at once, with everything decided before it in view; it
   * must be pure, for it is called again if another process changed the registry meanwhile. What it throws rejects the
   * promise and writes nothing. The promise resolves with `result` when the change is durable and in `view`: only then
   * may anybody be told. Changes that wait go to the registry together. A change without writes and events resolves
   * in its turn and writes nothing. CLOSED, DISK, NO_SPACE as of the registry; TIMED_OUT when it is not known whether it
   * was written; BUSY when too many wait; CONFLICT for a volume whose name another one has.
   */
  change<T>(decide: (records: RecordsView) => Change<T>, options?: { readonly seqAbove?: number }): Promise<T>
  events(query: EventQuery): readonly EventRecord[]
  /** Called with each event when it is durable; returns the call that ends it. */
  subscribe(listener: (event: EventRecord) => void): () => void
  /**
   * Called when records changed in `view`, before whoever made the change is told: which volumes and servers; null when all
   * was read again. Returns the call that ends it.
   */
  watch(listener: (changed: RecordsChanged | null) => void): () => void
  close(): Promise<void>
}
