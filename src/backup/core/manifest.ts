/** Manifests and notes of uploads: their JSON, made and checked. */
import type { NodeReference } from './directory-node.ts'
import { LEVELS_MAX } from './directory-node.ts'
import { isBackupId } from './names.ts'
import { BLOCKS_MAX } from './records.ts'

/** One sorted list of records. Of the runs of an image, the newest that tells of a block is right; what none tells of is zeros. */
export interface Run {
  /** Increments that were merged into it: four runs of a level become one of the next. Null of a full backup's. */
  readonly level: number | null
  /** Levels of nodes above the leaves. */
  readonly depth: number
  readonly root: NodeReference
}

export interface Manifest {
  readonly id: string
  readonly volumeUuid: string
  readonly volumeName: string
  readonly createdAt: string
  readonly snapshotName: string
  readonly epochId: string
  readonly lsn: number
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
  readonly base: string | null
  readonly storedBytes: number
  readonly changedBytes: number
  /** Oldest first. */
  readonly runs: readonly Run[]
  /** Of size and runs: the top of the tree of hashes. */
  readonly imageDigest: string
}

/** A backup that is being made: what it is of, and what it needs to stay where it is. */
export interface UploadNote {
  readonly id: string
  readonly volumeUuid: string
  readonly createdAt: string
  readonly epochId: string
  readonly lsn: number
  readonly base: string | null
  /** Of the base. */
  readonly baseRuns: readonly Run[]
}

type Json = Record<string, unknown>
const FORMAT = 1

const runJson = (run: Run): Json => ({
  level: run.level,
  depth: run.depth,
  root: {
    pack: run.root.pack,
    frame: run.root.frame,
    sha256: Buffer.from(run.root.digest).toString('hex'),
    first_block: run.root.firstBlock,
    end_block: run.root.endBlock,
    records: run.root.records,
  },
})

export function manifestJson(manifest: Manifest): string {
  return JSON.stringify({
    format_version: FORMAT,
    id: manifest.id,
    volume_uuid: manifest.volumeUuid,
    volume_name: manifest.volumeName,
    created_at: manifest.createdAt,
    snapshot_name: manifest.snapshotName,
    epoch_id: manifest.epochId,
    lsn: manifest.lsn,
    size_bytes: manifest.sizeBytes,
    logical_block_bytes: manifest.logicalBlockBytes,
    base: manifest.base,
    stored_bytes: manifest.storedBytes,
    changed_bytes: manifest.changedBytes,
    runs: manifest.runs.map(runJson),
    image_sha256: manifest.imageDigest,
  })
}

export function uploadNoteJson(note: UploadNote): string {
  return JSON.stringify({
    format_version: FORMAT,
    id: note.id,
    volume_uuid: note.volumeUuid,
    created_at: note.createdAt,
    epoch_id: note.epochId,
    lsn: note.lsn,
    base: note.base,
    base_runs: note.baseRuns.map(runJson),
  })
}

export type Parsed<T> =
  | { readonly kind: 'parsed'; readonly value: T }
  | { readonly kind: 'unknown'; readonly version: unknown }
  | { readonly kind: 'damaged'; readonly what: string }

class Bad extends Error {}

export const parseManifest = (text: string): Parsed<Manifest> =>
  parsed(text, (json) => ({
    id: idOf(json.id),
    volumeUuid: textOf(json, 'volume_uuid'),
    volumeName: textOf(json, 'volume_name'),
    createdAt: textOf(json, 'created_at'),
    snapshotName: textOf(json, 'snapshot_name'),
    epochId: textOf(json, 'epoch_id'),
    lsn: countOf(json, 'lsn'),
    sizeBytes: sizeOf(json),
    logicalBlockBytes: json.logical_block_bytes === 512 ? 512 : 4096,
    base: json.base === null ? null : idOf(json.base),
    storedBytes: countOf(json, 'stored_bytes'),
    changedBytes: countOf(json, 'changed_bytes'),
    runs: runsOf(json, 'runs'),
    imageDigest: textOf(json, 'image_sha256'),
  }))

export const parseUploadNote = (text: string): Parsed<UploadNote> =>
  parsed(text, (json) => ({
    id: idOf(json.id),
    volumeUuid: textOf(json, 'volume_uuid'),
    createdAt: textOf(json, 'created_at'),
    epochId: textOf(json, 'epoch_id'),
    lsn: countOf(json, 'lsn'),
    base: json.base === null ? null : idOf(json.base),
    baseRuns: runsOf(json, 'base_runs'),
  }))

function parsed<T>(text: string, read: (json: Json) => T): Parsed<T> {
  try {
    const json = objectOf(JSON.parse(text))
    if (json.format_version !== FORMAT) return { kind: 'unknown', version: json.format_version }
    return { kind: 'parsed', value: read(json) }
  } catch (error) {
    if (error instanceof SyntaxError) return { kind: 'damaged', what: 'it is no JSON' }
    if (error instanceof Bad) return { kind: 'damaged', what: error.message }
    throw error
  }
}

function objectOf(value: unknown): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Bad('an object is missing')
  return value as Json
}

function textOf(json: Json, key: string): string {
  const value = json[key]
  if (typeof value !== 'string' || value.length > 1000) throw new Bad(`${key} is no text`)
  return value
}

function countOf(json: Json, key: string): number {
  const value = json[key]
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new Bad(`${key} is no count`)
  return value
}

function sizeOf(json: Json): number {
  const size = countOf(json, 'size_bytes')
  if (json.logical_block_bytes !== 512 && json.logical_block_bytes !== 4096) {
    throw new Bad('logical_block_bytes is neither 512 nor 4096')
  }
  if (size > BLOCKS_MAX * 4096) throw new Bad('size_bytes is more than a volume has')
  return size
}

function idOf(value: unknown): string {
  if (typeof value !== 'string' || !isBackupId(value)) throw new Bad('an id is none')
  return value
}

function runsOf(json: Json, key: string): Run[] {
  const value = json[key]
  if (!Array.isArray(value) || value.length > 1000) throw new Bad(`${key} is no list`)
  return value.map((item: unknown) => {
    const run = objectOf(item)
    const root = objectOf(run.root)
    const digest = textOf(root, 'sha256')
    if (!/^[0-9a-f]{64}$/.test(digest)) throw new Bad('sha256 is none')
    const depth = countOf(run, 'depth')
    if (depth > LEVELS_MAX) throw new Bad('depth is too large')
    return {
      level: run.level === null ? null : countOf(run, 'level'),
      depth,
      root: {
        pack: textOf(root, 'pack'),
        frame: countOf(root, 'frame'),
        digest: Uint8Array.from(Buffer.from(digest, 'hex')),
        firstBlock: countOf(root, 'first_block'),
        endBlock: countOf(root, 'end_block'),
        records: countOf(root, 'records'),
      },
    }
  })
}
