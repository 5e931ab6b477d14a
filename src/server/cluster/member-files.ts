/**
 * What a server of a cluster keeps beside its volumes: how far the registry had come when it was heard last, so that a
 * registry that was restored from an old copy is found out, and whether the server is in maintenance.
 */
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { BlockError } from '../../base/errors.ts'
import type { Disk } from '../../base/ports/disk.ts'
import { readSmallFile, replaceSmallFile } from '../small-file.ts'

const BYTES_MAX = 4096

/** Version 1: `{ version, id, seq }`. */
const Registry = Type.Object({
  version: Type.Literal(1),
  id: Type.String({ minLength: 1 }),
  seq: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
})
const REGISTRY_FILE = 'registry.json'

/** Version 1: `{ version, isInMaintenance }`. */
const State = Type.Object({ version: Type.Literal(1), isInMaintenance: Type.Boolean() })
const STATE_FILE = 'state.json'

export interface RegistrySeen {
  readonly id: string
  readonly seq: number
}

export class MemberFiles {
  readonly #disk: Disk
  readonly #directory: string
  #registry: RegistrySeen | null
  #isInMaintenance: boolean

  private constructor(
    disk: Disk,
    directory: string,
    stored: { registry: RegistrySeen | null; isInMaintenance: boolean },
  ) {
    this.#disk = disk
    this.#directory = directory
    this.#registry = stored.registry
    this.#isInMaintenance = stored.isInMaintenance
  }

  /** CORRUPT and UNKNOWN_FORMAT name the file. */
  static async open(disk: Disk, directory: string): Promise<MemberFiles> {
    const registry = await read(disk, `${directory}/${REGISTRY_FILE}`, Registry)
    const state = await read(disk, `${directory}/${STATE_FILE}`, State)
    return new MemberFiles(disk, directory, {
      registry: registry === undefined ? null : { id: registry.id, seq: registry.seq },
      isInMaintenance: state?.isInMaintenance ?? false,
    })
  }

  get registrySeen(): RegistrySeen | null {
    return this.#registry
  }

  get isInMaintenance(): boolean {
    return this.#isInMaintenance
  }

  /** Durable when the promise resolves. Of one registry the number only rises. One call at a time. */
  async sawRegistry({ id, seq }: RegistrySeen): Promise<void> {
    if (this.#registry?.id === id && this.#registry.seq >= seq) return
    await replaceSmallFile(this.#disk, this.#directory, REGISTRY_FILE, textOf({ version: 1, id, seq }))
    this.#registry = { id, seq }
  }

  /** Durable when the promise resolves. */
  async setMaintenance(isInMaintenance: boolean): Promise<void> {
    if (isInMaintenance === this.#isInMaintenance) return
    await replaceSmallFile(this.#disk, this.#directory, STATE_FILE, textOf({ version: 1, isInMaintenance }))
    this.#isInMaintenance = isInMaintenance
  }
}

const textOf = (value: Static<typeof Registry> | Static<typeof State>): string => `${JSON.stringify(value)}\n`

async function read<Schema extends TSchema>(
  disk: Disk,
  path: string,
  schema: Schema,
): Promise<Static<Schema> | undefined> {
  const text = await readSmallFile(disk, path, BYTES_MAX)
  if (text === undefined) return undefined
  const corrupt = (cause?: unknown): BlockError =>
    new BlockError('CORRUPT', `${path} is damaged; remove it when the master of this cluster is well`, {
      facts: { path },
      cause,
    })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw corrupt(cause)
  }
  if (Value.Check(schema, value)) return value
  const { version } = (value ?? {}) as { version?: unknown }
  if (typeof version === 'number' && version !== 1) {
    throw new BlockError(
      'UNKNOWN_FORMAT',
      `${path} has version ${version} and this program knows 1; use the release that wrote it`,
      { facts: { path } },
    )
  }
  throw corrupt()
}
