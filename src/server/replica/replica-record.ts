/**
 * `replica.json` beside a volume's files: that it is a replica and not a volume of its own, in which epoch the directory was
 * made for a volume that was there before, where a small authority was when it was last heard, and what the master said of
 * how the volume is to be served. Secrets are not in it.
 */
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { BlockError } from '../../base/errors.ts'
import type { Disk } from '../../base/ports/disk.ts'
import type { Epoch } from '../../base/units.ts'
import type { QosRecord } from '../../master/records.ts'
import { readSmallFile, replaceSmallFile } from '../small-file.ts'
import { epochOf, toJson } from './assignment.ts'

/**
 * Version 1: `{ version, authority, madeIn }`. Version 2: `authority` may be null, and there are `settings`. Version 3: these
 * have `hosts` and `hasDhchap`; without them the master is asked again, and until then no NVMe host is let in.
 */
const VERSION = 3
const NAME = 'replica.json'
/** The master's own part of the settings has up to 64 Ki characters, of up to 6 bytes each as JSON writes them. */
const BYTES_MAX = 512 * 1024
const NAMES_MAX = 4096

const Natural = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const Names = Type.Union([Type.Null(), Type.Array(Type.String(), { maxItems: NAMES_MAX })])
const Stored = Type.Object({
  version: Type.Integer({ minimum: 1, maximum: VERSION }),
  authority: Type.Union([Type.Null(), Type.String()]),
  madeIn: Type.Union([Type.Null(), Type.Object({ number: Type.Integer({ minimum: 0 }), id: Type.String() })]),
  settings: Type.Optional(
    Type.Union([
      Type.Null(),
      Type.Object({
        tag: Natural,
        keep: Type.String(),
        initiators: Names,
        hasChap: Type.Boolean(),
        hosts: Type.Optional(Names),
        hasDhchap: Type.Optional(Type.Boolean()),
        qos: Type.Object({
          iops: Natural,
          iopsBurst: Natural,
          bytesPerSecond: Natural,
          bytesBurst: Natural,
        }),
      }),
    ]),
  ),
})

export interface ReplicaRecord {
  /** URL; null when no small authority was heard. */
  readonly authority: string | null
  /** Null when the directory was made together with the volume. */
  readonly madeIn: Epoch | null
  /** What the master said last of how the volume is to be served; null before. */
  readonly settings: StoredSettings | null
}

export interface StoredSettings {
  /** Of the master: names these settings. */
  readonly tag: number
  /** Of the master, which alone reads it. */
  readonly keep: string
  /** Null: whoever the server's own configuration admits. */
  readonly initiators: readonly string[] | null
  /** CHAP is asked for, with secrets that are not stored: until the master tells them nobody logs in. */
  readonly hasChap: boolean
  /** As `initiators`, of NVMe. */
  readonly hosts: readonly string[] | null
  /** DH-HMAC-CHAP is asked for; as `hasChap`. */
  readonly hasDhchap: boolean
  readonly qos: QosRecord
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
    if (typeof version !== 'number' || version <= VERSION) throw corrupt(path)
    throw new BlockError(
      'UNKNOWN_FORMAT',
      `${path} has version ${version} and this program knows ${VERSION}; use the release that wrote it`,
      { facts: { path } },
    )
  }
  const { authority, madeIn, settings = null }: Static<typeof Stored> = value
  if (madeIn !== null && !/^\d{1,20}$/.test(madeIn.id)) throw corrupt(path)
  return { authority, madeIn: madeIn === null ? null : epochOf(madeIn), settings: settingsIn(settings) }
}

function settingsIn(stored: Static<typeof Stored>['settings']): StoredSettings | null {
  if (stored == null) return null
  const { hosts, hasDhchap, ...settings } = stored
  if (hosts === undefined || hasDhchap === undefined) {
    return { ...settings, tag: 0, hosts: [], hasDhchap: false }
  }
  return { ...settings, hosts, hasDhchap }
}

const corrupt = (path: string, cause?: unknown): BlockError =>
  new BlockError('CORRUPT', `${path} is damaged; write it anew with the authority's address`, {
    facts: { path },
    cause,
  })
