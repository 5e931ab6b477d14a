/**
 * A repository of backups, as those drive it who serve volumes. Objects in a store; a backup is its manifest, which is
 * written last and names everything it needs, so that there are whole backups and none.
 *
 * Every call fails with `BlockError`: CORRUPT (an object is damaged, is another's or is missing under a manifest; `facts.object`
 * names it), NOT_FOUND (no such backup or repository), ACCESS_DENIED (credentials refused or expired, or the wrong
 * key), UNKNOWN_FORMAT, CONFLICT, INVALID_ARGUMENT, NO_SPACE, ABORTED (by `signal`), and, after repeating for as long as
 * allowed, BUSY (the store answers 5xx), TIMED_OUT and DISCONNECTED. The message always names the object.
 */
import type { VolumeImage } from '../base/ports/image.ts'
import type { KeepRules } from './core/retention.ts'

export type { KeepRules } from './core/retention.ts'

/** How much of `total` is done. `total` may be an estimate, and rise. */
interface Progress {
  readonly done: number
  readonly total: number
  readonly unit: 'bytes' | 'blocks' | 'objects'
}

export interface Interruptible {
  /** Aborting stops soon with ABORTED; a backup that was begun can be resumed, anything else repeated. */
  readonly signal?: AbortSignal
  /** Called now and then, never after the call settled. */
  readonly onProgress?: (progress: Progress) => void
}

/** `auto`: the newest backup that the image's history holds, else full. `backup`: that one, or CONFLICT. */
type BasePolicy =
  | { readonly kind: 'auto' }
  | { readonly kind: 'full' }
  | { readonly kind: 'backup'; readonly backup: string }

/** `asked`; `first` of this volume; `history`: there are backups, of a history that this image is not of. */
export type FullBecause = 'asked' | 'first' | 'history'

export interface BackupInfo {
  /** Time and random digits; sorts by time. Names the backup in its repository. */
  readonly id: string
  readonly volumeName: string
  /** Canonical text. */
  readonly volumeUuid: string
  /** ISO 8601, UTC: when the backup was begun. */
  readonly createdAt: string
  readonly snapshotName: string
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
  readonly kind: 'full' | 'incremental'
  /** Id of the backup that it was made on top of, which need not exist any more. */
  readonly base: string | null
  /** The image's: an increment on top of this backup sends what is above `lsn`, on a history that holds the epoch there. */
  readonly epochId: string
  readonly lsn: number
  /** What this backup added to the store. */
  readonly storedBytes: number
  /** Of blocks that it sent, before compression. */
  readonly changedBytes: number
  readonly compression: 'zstd'
  readonly encrypted: boolean
  /** A backup without a manifest is none, so every one that is listed is this; what it needs is proved by `verify`. */
  readonly state: 'complete'
}

export interface BackupRequest extends Interruptible {
  readonly image: VolumeImage
  /** The volume's. Of the snapshot, the image's name is taken. */
  readonly volumeName: string
  readonly base: BasePolicy
}

export interface BackupResult {
  readonly backup: BackupInfo
  /** Of a full backup: why. To be said loudly when it is `history`. */
  readonly fullBecause: FullBecause | null
  /** Bytes of finished packs of an interrupted attempt that were taken over. */
  readonly resumedBytes: number
  /** Bytes and requests of this attempt. */
  readonly sentBytes: number
  readonly requests: number
}

/** What a restore fills; a `BlockDevice` is one. */
export interface RestoreTarget {
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
  read(offsetBytes: number, target: Uint8Array): Promise<void>
  write(offsetBytes: number, data: Uint8Array): Promise<void>
  trim(offsetBytes: number, lengthBytes: number): Promise<void>
  flush(): Promise<void>
}

export interface RestoreRequest extends Interruptible {
  readonly backup: string
  readonly target: RestoreTarget
  /**
   * `blank`: nothing was ever written to the target; only data is written. `any`: the target is read first: what is the
   * same stays, gaps are trimmed. The latter is also how an interrupted restore goes on.
   */
  readonly content: 'blank' | 'any'
}

export interface RestoreResult {
  readonly backup: BackupInfo
  /** Written, and found to be the same already. */
  readonly writtenBytes: number
  readonly sameBytes: number
  readonly requests: number
}

export interface VerifyResult {
  readonly backup: BackupInfo
  /** Of data, each block of which was read and checked. */
  readonly verifiedBytes: number
  readonly objects: number
  readonly requests: number
}

export interface PruneRequest extends Interruptible {
  /** UUID; null: every volume, each by itself. */
  readonly volume: string | null
  /** INVALID_ARGUMENT when it keeps nothing at all. Null: deletes no backup, only what no backup uses. */
  readonly keep: KeepRules | null
  /** Milliseconds since 1970. */
  readonly now: number
  /** Reads and tells, writes and deletes nothing. */
  readonly dryRun: boolean
  /** Objects younger than this stay, whatever uses them. An hour when not given. */
  readonly graceMs?: number
  /** An interrupted backup that nobody went on with for so long is given up. A week when not given. */
  readonly abandonedMs?: number
}

export interface PruneResult {
  readonly deleted: readonly BackupInfo[]
  readonly kept: readonly BackupInfo[]
  /** Packs deleted, and packs below half full that were written anew. */
  readonly packsDeleted: number
  readonly packsRewritten: number
  readonly freedBytes: number
  /** Interrupted backups that were given up. */
  readonly abandoned: number
}

interface RepositoryStatus {
  /** `empty`: reachable, and nothing was ever stored. */
  readonly state: 'empty' | 'ready'
  readonly encrypted: boolean
}

/** Of an exported image: the manifest beside it, JSON. */
export interface ExportManifest {
  readonly format_version: 1
  readonly source_volume: string
  readonly source_size_bytes: number
  readonly source_block_size: number
  readonly storage_profile: string
  /** RFC 3339. */
  readonly created_at: string
  readonly artifact_layout: 'single-file'
  readonly data_object_key: string
  readonly data_size_bytes: number
  readonly sha256: string
  readonly compression: 'none'
  readonly export_tool_version: string
  readonly base_lsn: number
}

export interface ExportRequest extends Interruptible {
  readonly image: VolumeImage
  /** Name of the artifact: letters, digits, `.`, `_`, `-`; CONFLICT when there is one. */
  readonly name: string
  readonly volumeName: string
  readonly toolVersion: string
}

export interface ImportRequest extends Interruptible {
  readonly name: string
  /** Not to be served to anybody before the call has succeeded: until then it is half filled. Repeated, it begins anew. */
  readonly target: RestoreTarget
  readonly content: 'blank' | 'any'
}

export interface Repository {
  /** Whether objects can be written, read and deleted with these credentials, and the key fits. Makes no repository. */
  check(request?: Interruptible): Promise<RepositoryStatus>
  /** The same image again goes on where an interrupted attempt stopped, and answers alike when it was finished already. */
  backup(request: BackupRequest): Promise<BackupResult>
  /**
   * Every block is checked before it is written. Whatever fails, the target is then part old and part new: it must not be
   * served before a restore has succeeded. CONFLICT when it is too small or of other logical blocks.
   */
  restore(request: RestoreRequest): Promise<RestoreResult>
  /** Reads all of it and checks each block. CORRUPT, after looking at everything, naming the damaged objects (`facts.damaged`: how many). */
  verify(request: { readonly backup: string } & Interruptible): Promise<VerifyResult>
  /** Newest first; of one volume (UUID) or of all. */
  list(request?: { readonly volume?: string | null } & Interruptible): Promise<BackupInfo[]>
  get(backup: string): Promise<BackupInfo>
  /** Its space comes back with the next `prune`. No error when it is not there. */
  delete(backup: string): Promise<void>
  prune(request: PruneRequest): Promise<PruneResult>
  /** One raw image as one object and its manifest, which is written last. In the clear, whatever the repository's key. */
  exportImage(request: ExportRequest): Promise<ExportManifest>
  importImage(request: ImportRequest): Promise<ExportManifest>
  /** Ends its threads and connections. Idempotent. */
  close(): Promise<void>
}
