/**
 * `replica.json` beside a volume's files: that it is a replica and not a volume of its own, where its authority was
 * when it was last heard, and in which epoch the directory was made for a volume that was there before.
 */
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { BlockError } from '../../base/errors.ts'
import type { Disk } from '../../base/ports/disk.ts'
import type { Epoch } from '../../base/units.ts'
import { readSmallFile, replaceSmallFile } from '../small-file.ts'
import { epochOf, toJson } from './assignment.ts'

/** Version 1: `{ version, authority, madeIn }`. */
const VERSION = 1
const NAME = 'replica.json'
const BYTES_MAX = 8192

const Stored = Type.Object({
  version: Type.Literal(VERSION),
  authority: Type.String(),
  madeIn: Type.Union([Type.Null(), Type.Object({ number: Type.Integer({ minimum: 0 }), id: Type.String() })]),
})

export interface ReplicaRecord {
  /** URL. */
  readonly authority: string
  /** Null when the directory was made together with the volume. */
  readonly madeIn: Epoch | null
}

/** Undefined for a directory that holds no replica; CORRUPT or UNKNOWN_FORMAT for a record that cannot be used. */
export async function readReplicaRecord(disk: Disk, directory: string): Promise<ReplicaRecord | undefined> {
  const text = await readSmallFile(disk, `${directory}/${NAME}`, BYTES_MAX)
  return text === undefined ? undefined : parse(text, `${directory}/${NAME}`)
}

/** Durable when the promise resolves. */
export const saveReplicaRecord = (disk: Disk, directory: string, record: ReplicaRecord): Promise<void> =>
  replaceSmallFile(disk, directory, NAME, `${toJson({ version: VERSION, ...record })}\n`)

function parse(text: string, path: string): ReplicaRecord {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw corrupt(path, cause)
  }
  if (!Value.Check(Stored, value)) {
    const { version } = (value ?? {}) as { version?: unknown }
    if (typeof version !== 'number' || version === VERSION) throw corrupt(path)
    throw new BlockError(
      'UNKNOWN_FORMAT',
      `${path} has version ${version} and this program knows ${VERSION}; use the release that wrote it`,
      { facts: { path } },
    )
  }
  const { authority, madeIn }: Static<typeof Stored> = value
  if (madeIn !== null && !/^\d{1,20}$/.test(madeIn.id)) throw corrupt(path)
  return { authority, madeIn: madeIn === null ? null : epochOf(madeIn) }
}

const corrupt = (path: string, cause?: unknown): BlockError =>
  new BlockError('CORRUPT', `${path} is damaged; write it anew with the authority's address`, {
    facts: { path },
    cause,
  })
