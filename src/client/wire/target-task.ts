/** Snapshots and tasks of one target, as its admin API shows and takes them. */
import { type Static, Type } from 'typebox'
import { Count, Nullable } from './common.ts'
import type { RepositoryWish } from './repository.ts'
import type { KeepRules } from './schedule.ts'

export const TargetSnapshot = Type.Object({
  id: Type.String(),
  name: Type.String(),
  lsn: Count,
  sizeBytes: Count,
  createdAt: Type.String(),
  heldBytes: Count,
  exclusiveBytes: Count,
  exposed: Nullable(
    Type.Object({
      iqn: Type.String(),
      nqn: Type.String(),
      iscsi: Type.Array(Type.String()),
      nvme: Type.Array(Type.String()),
    }),
  ),
})
export type TargetSnapshot = Static<typeof TargetSnapshot>

export const TargetSnapshotList = Type.Object({ snapshots: Type.Array(TargetSnapshot) })

export const TargetTask = Type.Object({
  task: Type.String(),
  state: Type.Enum(['running', 'succeeded', 'failed', 'cancelled', 'unknown']),
  done: Count,
  total: Count,
  unit: Type.Enum(['bytes', 'blocks', 'objects']),
  message: Nullable(Type.String()),
  code: Nullable(Type.String()),
  result: Type.Unknown(),
})
export type TargetTask = Static<typeof TargetTask>

const TargetBackup = Type.Object({
  id: Type.String(),
  volumeName: Type.String(),
  volumeUuid: Type.String(),
  createdAtMs: Type.Number(),
  snapshotName: Type.String(),
  sizeBytes: Count,
  kind: Type.String(),
  base: Nullable(Type.String()),
  whyFull: Nullable(Type.String()),
  storedBytes: Count,
  changedBytes: Count,
  compression: Type.String(),
  isEncrypted: Type.Boolean(),
  state: Type.String(),
})
export type TargetBackup = Static<typeof TargetBackup>
export const TargetBackups = Type.Object({ backups: Type.Array(TargetBackup) })

export type TargetRepository =
  | {
      readonly kind: 'directory'
      readonly path: string
      readonly encryption: { readonly keyHex: string } | null
    }
  | {
      readonly kind: 's3'
      readonly endpoint: string | null
      readonly region: string
      readonly bucket: string
      readonly prefix: string
      readonly accessKeyId: string
      readonly secretAccessKey: string
      readonly sessionToken: string | null
      readonly forcePathStyle: boolean
      readonly encryption: { readonly keyHex: string } | null
    }

/** The body of what begins a task, without its repository. */
export type TargetTaskWish =
  | { readonly kind: 'backup'; readonly full: boolean }
  | { readonly kind: 'restoreBackup'; readonly backup: string; readonly force: boolean }
  | { readonly kind: 'verifyBackup' | 'deleteBackup'; readonly backup: string }
  | { readonly kind: 'listBackups'; readonly backup: string | null }
  | { readonly kind: 'pruneBackups'; readonly keep: KeepRules; readonly dryRun: boolean }
  | { readonly kind: 'checkRepository' }
  | { readonly kind: 'exportImage'; readonly artifact: string }
  | { readonly kind: 'importImage'; readonly artifact: string; readonly force: boolean }

/** As a target takes it, which keeps no repositories. */
export function targetRepository({ s3, directory, encryption_key: key }: RepositoryWish): TargetRepository {
  const encryption = key === null ? null : { keyHex: key }
  if (s3 === undefined) return { kind: 'directory', path: directory ?? '', encryption }
  return {
    kind: 's3',
    endpoint: s3.endpoint,
    region: s3.region,
    bucket: s3.bucket,
    prefix: s3.prefix,
    accessKeyId: s3.access_key_id,
    secretAccessKey: s3.secret_access_key,
    sessionToken: s3.session_token,
    // most services other than AWS want it
    forcePathStyle: s3.force_path_style ?? s3.endpoint !== null,
    encryption,
  }
}
