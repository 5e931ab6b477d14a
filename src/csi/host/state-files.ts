/**
 * Records of staged volumes as files, one `VOLUME-ID.json` for each in one folder. A file is replaced whole, and is durable
 * with its name: temporary file, fsync, rename, fsync of the folder. Secrets are in none of them.
 */
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BlockError } from '../../base/errors.ts'
import type { StageRecord, StateStore } from '../node/state-store.ts'

/** Opens the folder, making it if it is not there. DISK when that cannot be. */
export async function stateFiles(folder: string): Promise<StateStore> {
  await orDisk(folder, () => mkdir(folder, { recursive: true, mode: 0o700 }))
  const fileOf = (volumeId: string): string => join(folder, `${volumeId}.json`)
  return {
    load: async (volumeId) => {
      const text = await orDisk(folder, () => readOrNull(fileOf(volumeId)))
      return text === null ? null : parse(text, volumeId, fileOf(volumeId))
    },
    save: (record) =>
      orDisk(folder, async () => {
        const temporary = `${fileOf(record.volumeId)}.tmp`
        await writeDurably(temporary, `${JSON.stringify(record, null, 2)}\n`)
        await rename(temporary, fileOf(record.volumeId))
        await syncFolder(folder)
      }),
    remove: (volumeId) =>
      orDisk(folder, async () => {
        await rm(fileOf(volumeId), { force: true })
        await rm(`${fileOf(volumeId)}.tmp`, { force: true })
        await syncFolder(folder)
      }),
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

async function orDisk<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    throw new BlockError('DISK', `the state folder ${folder}: ${error.message}`, { cause: error })
  }
}

const TEXT_FIELDS = ['stagingPath', 'accessMode'] as const
const PHASES: readonly unknown[] = ['staging', 'staged', 'unstaging']

/** Only this program writes these files: what is not as it writes it is damaged, or of a later version. */
function parse(text: string, volumeId: string, path: string): StageRecord {
  const damaged = (why: string, cause?: unknown): BlockError =>
    new BlockError('CORRUPT', `${path}: ${why}; detach the volume by hand and remove the file`, { cause })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw damaged('it is no JSON', error)
  }
  if (!isObject(value)) throw damaged('it is no record')
  if (value.version !== 1) throw new BlockError('UNKNOWN_FORMAT', `${path}: version ${String(value.version)}`)
  const isRecord =
    value.volumeId === volumeId &&
    PHASES.includes(value.phase) &&
    TEXT_FIELDS.every((key) => typeof value[key] === 'string') &&
    isObject(value.attachment) &&
    Array.isArray(value.attachment.portals) &&
    isObject(value.access) &&
    (value.access.kind === 'block' || value.access.kind === 'mount') &&
    Array.isArray(value.targets) &&
    typeof value.readOnly === 'boolean' &&
    typeof value.isFormatting === 'boolean'
  if (!isRecord) throw damaged('it is not the record of its volume')
  return value as unknown as StageRecord
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
