/**
 * What the master does for people about snapshots, clones, backups, schedules and scrubs; a part of `MasterApi`, with its
 * rules. Volumes, snapshots and repositories are named by name or id.
 */
import type { BackupInfo, KeepRules } from '../rpc/tasks.ts'
import type { Caller, CreateVolume, Page, VolumeView } from './master-api.ts'
import type { JobRecord, RepositoryRecord, ScheduleRecord, SnapshotRecord } from './records.ts'

/** A snapshot as it is now: the record, and what its primary says. */
export interface SnapshotView {
  readonly record: SnapshotRecord
  readonly volumeName: string
  /** Kept for it and older ones, and what its deletion alone would give back; null while nobody who leads could be asked. */
  readonly heldBytes: number | null
  readonly exclusiveBytes: number | null
  /** How hosts find it; null: they do not. */
  readonly exposed: {
    readonly iqn: string
    readonly nqn: string
    /** Of the server that leads the volume. */
    readonly iscsi: readonly string[]
    readonly nvme: readonly string[]
  } | null
}

/** Where an exposed snapshot's names begin: the volume's IQN or NQN, and this, and the snapshot's name. */
export const SNAPSHOT_INFIX = ':snap:'

/** What is different of a volume that is made from a snapshot or a backup; size and blocks come from there. */
export type DerivedVolume = Omit<CreateVolume, 'sizeBytes' | 'logicalBlockBytes'> & {
  /** At least that of the source, which it is when left out. */
  readonly sizeBytes?: number
}

export interface NewSchedule {
  readonly name: string
  readonly volumes: readonly string[]
  readonly when: ScheduleRecord['when']
  readonly keep: KeepRules
  readonly backup: ScheduleRecord['backup']
  readonly isPaused: boolean
}

/** A schedule, and when it is due next. */
export interface ScheduleView {
  readonly record: ScheduleRecord
  /** Wall clock; null while it is paused, and when no date fits. */
  readonly nextAt: number | null
  /** Names of the volumes that it is for, now. */
  readonly matching: readonly string[]
}

export type NewRepository = Pick<RepositoryRecord, 'name' | 'target' | 'sealedEncryptionKey'>

/** What is kept of all volumes, for metrics. Times are wall clock, ms. */
export interface ProtectionView {
  readonly snapshots: Readonly<Record<SnapshotRecord['state'], number>>
  /** What they take at their primaries, as far as it is known. */
  readonly snapshotBytes: number
  /** The newest complete backup of a volume in a repository: of what moment it is. */
  readonly backups: readonly { readonly volume: string; readonly repository: string; readonly at: number }[]
  readonly scrubs: readonly {
    readonly volume: string
    readonly lastAt: number
    readonly errors: number
    readonly repaired: number
  }[]
  readonly schedules: readonly { readonly schedule: string; readonly failed: number }[]
}

export interface SnapshotApi {
  protection(): ProtectionView
  /** In the order in which they were made. Sizes are asked of who leads. */
  snapshots(volume: string): Promise<readonly SnapshotView[]>
  snapshot(volume: string, snapshot: string): Promise<SnapshotView>
  /**
   * Of all volumes, or of one, oldest first. `group`: name or id of a group; `name`: of the snapshots. Sizes are those that were asked last: a page costs no
   * server a question.
   */
  allSnapshots(page: {
    readonly volume?: string
    readonly group?: string
    readonly name?: string
    readonly after?: string
    readonly limit: number
  }): Page<SnapshotView>
  /**
   * Resolves when it is committed. The same name again is CONFLICT (`exists`); BUSY while nobody leads the volume. CONFLICT
   * (`clone_filling`) of a clone that is still filled.
   */
  createSnapshot(caller: Caller, volume: string, request: { readonly name: string }): Promise<SnapshotView>
  /**
   * CONFLICT with the reason `in_use` while a job uses it or it is read; `exposed` while hosts may log in to it. When its server
   * does not answer it stays as `deleting`, and is deleted later: then BUSY.
   */
  deleteSnapshot(caller: Caller, volume: string, snapshot: string): Promise<void>
  exposeSnapshot(caller: Caller, volume: string, snapshot: string, isExposed: boolean): Promise<SnapshotView>
  /** The volume becomes what it was. CONFLICT with `facts.unsafe` while hosts are logged in, unless forced. */
  restoreSnapshot(
    caller: Caller,
    volume: string,
    snapshot: string,
    request: { readonly force: boolean },
  ): Promise<JobRecord>
  /** A volume of its own that is there at once and filled meanwhile. As `createVolume` when it is there. */
  cloneSnapshot(
    caller: Caller,
    volume: string,
    snapshot: string,
    wish: DerivedVolume,
  ): Promise<{ readonly volume: VolumeView; readonly job: JobRecord | null }>
  /** Of all the volumes at one moment, under one name; none is made when that cannot be had (BUSY). */
  createSnapshotGroup(
    caller: Caller,
    request: { readonly name: string; readonly volumes: readonly string[] },
  ): Promise<readonly SnapshotView[]>
  /** Every replica verifies what it has, and they are compared. */
  scrubVolume(caller: Caller, volume: string, request: { readonly repair: boolean }): Promise<JobRecord>
}

export interface ScheduleApi {
  schedules(): readonly ScheduleView[]
  schedule(name: string): ScheduleView
  /** CONFLICT when it is there. */
  createSchedule(caller: Caller, schedule: NewSchedule): Promise<ScheduleView>
  /** Replaces it; NOT_FOUND. When it ran last stays. */
  setSchedule(caller: Caller, schedule: NewSchedule): Promise<ScheduleView>
  /** Snapshots that it made stay, and belong to nobody from then on. */
  deleteSchedule(caller: Caller, name: string): Promise<void>
}

export interface BackupApi {
  repositories(): readonly RepositoryRecord[]
  repository(name: string): RepositoryRecord
  createRepository(caller: Caller, repository: NewRepository): Promise<RepositoryRecord>
  /** Replaces it; NOT_FOUND. CONFLICT (`in_use`) while a job uses it. */
  setRepository(caller: Caller, repository: NewRepository): Promise<RepositoryRecord>
  /** What is in it stays. CONFLICT (`in_use`) while a job or a schedule uses it. */
  deleteRepository(caller: Caller, name: string): Promise<void>
  /** A connected server writes, reads and deletes an object. Resolves when that worked; else the error, as it was there. */
  checkRepository(caller: Caller, name: string): Promise<{ readonly server: string }>

  /** Makes a snapshot, and a backup of it. */
  backupVolume(
    caller: Caller,
    volume: string,
    request: { readonly repository: string; readonly full: boolean },
  ): Promise<JobRecord>
  /** Newest first; asked of the repository by a server. `volume`: name or UUID, of one that is gone as well. */
  backups(
    repository: string,
    page: { readonly volume?: string; readonly after?: string; readonly limit: number },
  ): Promise<Page<BackupInfo>>
  backup(repository: string, id: string): Promise<BackupInfo>
  /**
   * Into a new volume, or one that is there, whose content is replaced: CONFLICT with `facts.unsafe` while hosts are logged in,
   * unless forced.
   */
  restoreBackup(
    caller: Caller,
    repository: string,
    id: string,
    request: { readonly force: boolean; readonly wish: DerivedVolume },
  ): Promise<{ readonly volume: VolumeView; readonly job: JobRecord }>
  verifyBackup(caller: Caller, repository: string, id: string): Promise<JobRecord>
  deleteBackup(caller: Caller, repository: string, id: string): Promise<JobRecord>
  pruneBackups(
    caller: Caller,
    repository: string,
    request: { readonly volume?: string; readonly keep: KeepRules; readonly dryRun: boolean },
  ): Promise<JobRecord>
}
