/**
 * Tasks: what a block server does for its master that takes long. A task is named by a UUID of the master's, told as JSON
 * (`StartTask` of `proto/server.proto`) and asked after until it is over. Starting it again, here or at another server, goes on
 * where what it left behind allows it.
 */
import { type Static, type TSchema, Type } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { BlockError } from '../base/errors.ts'

const object = <P extends Parameters<typeof Type.Object>[0]>(properties: P) =>
  Type.Object(properties, { additionalProperties: false })
const nullable = <T extends TSchema>(schema: T) => Type.Union([Type.Null(), schema])

const Uuid = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })
const SnapshotId = Type.String({ pattern: '^[0-9a-f]{16}$' })
const BackupId = Type.String({ pattern: '^[A-Za-z0-9._-]{1,128}$' })
const Name = Type.String({ minLength: 1, maxLength: 253 })
const Short = Type.String({ minLength: 1, maxLength: 1024 })
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

/** 32 bytes; objects are encrypted with it before they leave the server. Null: they are not. */
const encryption = nullable(object({ keyHex: Type.String({ pattern: '^[0-9a-f]{64}$' }) }))

/** Where backups are, with its secrets in the clear: it travels over encrypted connections or loopback only. */
const Repository = Type.Union([
  object({
    kind: Type.Literal('s3'),
    /** URL; null: the service's own for the region. */
    endpoint: nullable(Short),
    region: Short,
    bucket: Short,
    /** Keys of objects begin with it; empty, or without a slash at either end. */
    prefix: Type.String({ maxLength: 512 }),
    accessKeyId: Short,
    secretAccessKey: Short,
    sessionToken: nullable(Type.String({ minLength: 1, maxLength: 8192 })),
    forcePathStyle: Type.Boolean(),
    encryption,
  }),
  object({
    kind: Type.Literal('directory'),
    /** Absolute, and the same place on every server. */
    path: Short,
    encryption,
  }),
])
export type RepositorySpec = Static<typeof Repository>

/** Of each volume the newest `last`, and the newest of each of the newest so many hours, days (UTC), ISO weeks, months. */
export const KeepRules = object({
  last: Type.Optional(Count),
  hourly: Type.Optional(Count),
  daily: Type.Optional(Count),
  weekly: Type.Optional(Count),
  monthly: Type.Optional(Count),
})
export type KeepRules = Static<typeof KeepRules>

const Spec = Type.Union([
  /** Fills a clone from its origin; `address` (`HOST:PORT`, gRPC) serves the image under `ticket`. Of the clone's volume. */
  object({
    kind: Type.Literal('hydrate'),
    origin: object({ address: Short, ticket: Type.String({ minLength: 1, maxLength: 256 }) }),
  }),
  /**
   * Of the volume. `name`: the volume's, for lists. The newest backup that is in the history of this volume is the base, unless
   * `full`. Started again for the same snapshot it goes on, or answers alike when that backup is finished.
   */
  object({
    kind: Type.Literal('backup'),
    repository: Repository,
    snapshot: SnapshotId,
    name: Name,
    full: Type.Boolean(),
  }),
  /** Of the volume, which nobody else writes to: its content becomes the backup's. */
  object({ kind: Type.Literal('restoreBackup'), repository: Repository, backup: BackupId }),
  object({ kind: Type.Literal('verifyBackup'), repository: Repository, backup: BackupId }),
  /** Newest first, those older than `after` (an id), of `volume` (UUID) or of all; at most `limit`. */
  object({
    kind: Type.Literal('listBackups'),
    repository: Repository,
    volume: nullable(Uuid),
    /** Only this one. */
    backup: nullable(BackupId),
    after: nullable(BackupId),
    limit: Type.Integer({ minimum: 1, maximum: 200 }),
  }),
  object({
    kind: Type.Literal('pruneBackups'),
    repository: Repository,
    volume: nullable(Uuid),
    keep: KeepRules,
    dryRun: Type.Boolean(),
  }),
  object({ kind: Type.Literal('deleteBackup'), repository: Repository, backup: BackupId }),
  /** Writes, reads and deletes an object of its own. */
  object({ kind: Type.Literal('checkRepository'), repository: Repository }),
  /** Of the volume: every replica verifies what it has, and the primary compares them. */
  object({ kind: Type.Literal('scrub'), repair: Type.Boolean() }),
])
export type TaskSpec = Static<typeof Spec>
export type TaskKind = TaskSpec['kind']

const Backup = object({
  id: BackupId,
  volumeName: Name,
  volumeUuid: Uuid,
  /** Wall clock of the snapshot. */
  createdAtMs: Type.Number(),
  snapshotName: Name,
  /** Of the snapshot that it is of: it has every change up to here. */
  lsn: Count,
  sizeBytes: Count,
  logicalBlockBytes: Type.Union([Type.Literal(512), Type.Literal(4096)]),
  kind: Type.Union([Type.Literal('full'), Type.Literal('incremental')]),
  /** Id of the backup that it is an increment of. It can be restored without that one being there. */
  base: nullable(BackupId),
  /** Why it is full though an increment was asked for; null when it is not so. */
  whyFull: nullable(Type.String({ maxLength: 1024 })),
  /** What it added to the repository. */
  storedBytes: Count,
  /** Of the volume, that changed since the base. */
  changedBytes: Count,
  compression: Type.Union([Type.Literal('zstd'), Type.Literal('none')]),
  isEncrypted: Type.Boolean(),
  /** `unreadable`: its manifest is damaged or encrypted with another key; the other fields are then what could be told. */
  state: Type.Union([Type.Literal('complete'), Type.Literal('unreadable')]),
})
export type BackupInfo = Static<typeof Backup>

const ScrubFound = object({
  /** In 4 KiB blocks. */
  block: Count,
  what: Type.Enum(['checksum', 'unknown', 'version', 'lost_write', 'diverged']),
  repaired: Type.Boolean(),
  /** Id of the server whose copy it was. */
  server: Type.String({ minLength: 1, maxLength: 64 }),
})

/** Sentences on what a scrub could not look at. */
export const SCRUB_MISSED_MAX = 20

/** What a task that succeeded says, by its kind. */
const RESULTS = {
  hydrate: object({}),
  backup: object({ backup: Backup }),
  restoreBackup: object({ restoredBytes: Count }),
  verifyBackup: object({ verifiedBytes: Count, objects: Count }),
  /** `next`: there are more, older than this one. */
  listBackups: object({ backups: Type.Array(Backup, { maxItems: 200 }), next: nullable(BackupId) }),
  /** Of a dry run: what would be. */
  pruneBackups: object({ deleted: Type.Array(BackupId), kept: Count, freedBytes: Count }),
  deleteBackup: object({ freedBytes: Count }),
  checkRepository: object({}),
  /** `found`: the first 1000. `missed`: what could not be looked at, in sentences, the first 20. */
  scrub: object({
    verifiedBytes: Count,
    errors: Count,
    repaired: Count,
    found: Type.Array(ScrubFound, { maxItems: 1000 }),
    missed: Type.Array(Type.String(), { maxItems: SCRUB_MISSED_MAX }),
  }),
} as const satisfies Record<TaskKind, TSchema>
export type TaskResults = { readonly [Kind in TaskKind]: Static<(typeof RESULTS)[Kind]> }

export type TaskState = 'running' | 'succeeded' | 'failed' | 'cancelled' | 'unknown'

export interface TaskView {
  /** UUID. */
  readonly task: string
  readonly state: TaskState
  readonly done: number
  /** 0 while it is not known. */
  readonly total: number
  readonly unit: 'bytes' | 'blocks' | 'objects'
  /** Why it failed, with the object or block; or what it does or waits for. */
  readonly message: string | null
  /** Stable code of why it failed (BlockErrorCode). */
  readonly code: string | null
  /** Of a task that succeeded; `taskResultOf` reads it. */
  readonly result: string | null
}

/** Of a specification or a result as JSON. */
const TASK_JSON_BYTES_MAX = 256 * 1024

type Checker = (value: unknown) => string | null
function checkerOf(schema: TSchema): Checker {
  let compiled: Validator | undefined
  return (value) => {
    compiled ??= Compile(schema)
    if (compiled.Check(value)) return null
    const [first] = compiled.Errors(value)
    return first?.instancePath || 'it'
  }
}
const specFlaw = checkerOf(Spec)
const isSpec = (value: unknown): value is TaskSpec => specFlaw(value) === null
const resultFlaws: { readonly [Kind in TaskKind]: Checker } = {
  hydrate: checkerOf(RESULTS.hydrate),
  backup: checkerOf(RESULTS.backup),
  restoreBackup: checkerOf(RESULTS.restoreBackup),
  verifyBackup: checkerOf(RESULTS.verifyBackup),
  listBackups: checkerOf(RESULTS.listBackups),
  pruneBackups: checkerOf(RESULTS.pruneBackups),
  deleteBackup: checkerOf(RESULTS.deleteBackup),
  checkRepository: checkerOf(RESULTS.checkRepository),
  scrub: checkerOf(RESULTS.scrub),
}

/** The text of a specification; INVALID_ARGUMENT when it is none, naming the field and no value: there are secrets in it. */
export function taskSpecText(spec: TaskSpec): string {
  const flaw = specFlaw(spec)
  if (flaw !== null) throw new BlockError('INVALID_ARGUMENT', `a task cannot be so: ${flaw} does not fit`)
  return bounded(JSON.stringify(spec), 'the specification of a task')
}

/** The specification that came; PROTOCOL naming the field, and no value. */
export function taskSpecOf(text: string): TaskSpec {
  const value = parsed(bounded(text, 'spec'), 'spec')
  if (isSpec(value)) return value
  throw new BlockError('PROTOCOL', `spec: ${specFlaw(value)} does not fit, or its kind is not known`)
}

/** The text of a result; INVALID_ARGUMENT when it is none of this kind or too long. */
export function taskResultText<Kind extends TaskKind>(kind: Kind, result: TaskResults[Kind]): string {
  const flaw = resultFlaws[kind](result)
  if (flaw !== null)
    throw new BlockError('INVALID_ARGUMENT', `a ${kind} does not end so: ${flaw} does not fit`)
  return bounded(JSON.stringify(result), 'the result of a task')
}

/** The result that came; PROTOCOL naming the field. */
export function taskResultOf<Kind extends TaskKind>(kind: Kind, text: string | null): TaskResults[Kind] {
  const value = parsed(bounded(text ?? '', 'result'), 'result')
  const isResult = (one: unknown): one is TaskResults[Kind] => resultFlaws[kind](one) === null
  if (isResult(value)) return value
  throw new BlockError('PROTOCOL', `result: ${resultFlaws[kind](value)} of a ${kind} does not fit`)
}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    // its own sentence quotes the text
    throw new BlockError('PROTOCOL', `${what}: it is no JSON`)
  }
}

function bounded(text: string, what: string): string {
  if (text.length <= TASK_JSON_BYTES_MAX) return text
  throw new BlockError(
    'PROTOCOL',
    `${what}: ${text.length} characters; at most ${TASK_JSON_BYTES_MAX} are possible`,
  )
}
