/** Which backups there are: the marker of a repository, its manifests, and what they tell. */
import { BlockError, isBlockError } from '../base/errors.ts'
import { decodeText, encodeText } from './core/bytes.ts'
import { type Manifest, parseManifest, parseUploadNote, type Run, type UploadNote } from './core/manifest.ts'
import { backupOfName, MANIFESTS, MARKER, manifestName, manifestsOf, uploadsOf } from './core/names.ts'
import { digestOf } from './keys.ts'
import { corrupt, type Objects, unknownFormat, wrongKey } from './objects.ts'
import type { BackupInfo } from './repository.ts'

const READS_AT_ONCE = 8
const FORMAT = 1

/**
 * Whether there is a repository. ACCESS_DENIED when it was made with another key, or with one and ours has none, or the
 * other way round.
 */
export async function readMarker(objects: Objects): Promise<boolean> {
  let bytes: Uint8Array
  try {
    bytes = await objects.get(MARKER, 0, 4096)
  } catch (error) {
    if (isBlockError(error, 'NOT_FOUND')) return false
    throw error
  }
  const marker = parseMarker(bytes)
  if (marker === undefined) throw corrupt(MARKER, 'it is not the marker of a repository')
  if (marker.format_version !== FORMAT) throw unknownFormat(MARKER, marker.format_version)
  if (marker.key_check !== objects.keyring.check()) throw wrongKey(MARKER)
  return true
}

/** NOT_FOUND when there is no repository. */
export async function requireMarker(objects: Objects): Promise<void> {
  if (!(await readMarker(objects))) {
    throw new BlockError('NOT_FOUND', `there is no repository of backups here: object ${MARKER} is missing`, {
      facts: { object: MARKER },
    })
  }
}

/** Makes the repository when there is none. */
export async function ensureMarker(objects: Objects): Promise<void> {
  if (await readMarker(objects)) return
  const marker = { format_version: FORMAT, kind: 'basalt backups', key_check: objects.keyring.check() }
  await objects.put(MARKER, encodeText(JSON.stringify(marker)))
}

function parseMarker(bytes: Uint8Array): { format_version: unknown; key_check: unknown } | undefined {
  try {
    const json: unknown = JSON.parse(decodeText(bytes) ?? '')
    if (typeof json !== 'object' || json === null) return undefined
    return 'format_version' in json && 'key_check' in json ? json : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Ids of a volume's backups, newest first. */
export async function backupsOf(objects: Objects, volume: string): Promise<string[]> {
  const ids: string[] = []
  for await (const { name } of objects.list(manifestsOf(volume))) {
    const backup = backupOfName(name)?.backup
    if (backup !== undefined) ids.push(backup)
  }
  return ids.reverse()
}

/** NOT_FOUND, CORRUPT. */
export async function readManifest(objects: Objects, volume: string, backup: string): Promise<Manifest> {
  const name = manifestName(volume, backup)
  const parsed = parseManifest(await objects.getSealed('manifest', name))
  if (parsed.kind === 'unknown') throw unknownFormat(name, parsed.version)
  if (parsed.kind === 'damaged') throw corrupt(name, parsed.what)
  const manifest = parsed.value
  if (manifest.id !== backup || manifest.volumeUuid !== volume) throw corrupt(name, 'it is of another backup')
  if (manifest.imageDigest !== imageDigestOf(manifest.sizeBytes, manifest.runs)) {
    throw corrupt(name, 'its runs do not have its digest')
  }
  return manifest
}

/** Of a backup wherever it is. NOT_FOUND. */
export async function findManifest(objects: Objects, backup: string): Promise<Manifest> {
  for await (const { name } of objects.list(MANIFESTS)) {
    const found = backupOfName(name)
    if (found?.backup === backup) return readManifest(objects, found.volume, backup)
  }
  throw new BlockError('NOT_FOUND', `there is no backup ${backup} here`, { facts: { backup } })
}

/** All manifests of a volume, or of all; one that was deleted while they were read is left out. */
export async function readManifests(objects: Objects, volume: string | null): Promise<Manifest[]> {
  const names: { volume: string; backup: string }[] = []
  for await (const { name } of objects.list(volume === null ? MANIFESTS : manifestsOf(volume))) {
    const found = backupOfName(name)
    if (found !== undefined) names.push(found)
  }
  return readAll(names, (found) => readManifest(objects, found.volume, found.backup))
}

/** Notes of the uploads of a volume, each with the time at which it was last written. */
export async function readUploadNotes(
  objects: Objects,
  volume: string,
): Promise<{ note: UploadNote; modifiedMs: number }[]> {
  const names: { name: string; modifiedMs: number }[] = []
  for await (const info of objects.list(uploadsOf(volume))) {
    if (backupOfName(info.name) !== undefined) names.push(info)
  }
  return readAll(names, async ({ name, modifiedMs }) => {
    const parsed = parseUploadNote(await objects.getSealed('upload', name))
    if (parsed.kind === 'unknown') throw unknownFormat(name, parsed.version)
    if (parsed.kind === 'damaged') throw corrupt(name, parsed.what)
    return { note: parsed.value, modifiedMs }
  })
}

async function readAll<Name, T>(names: readonly Name[], read: (name: Name) => Promise<T>): Promise<T[]> {
  const found: (T | undefined)[] = names.map(() => undefined)
  let next = 0
  const reader = async (): Promise<void> => {
    for (let i = next++; i < names.length; i = next++) {
      try {
        found[i] = await read(names[i]!)
      } catch (error) {
        if (!isBlockError(error, 'NOT_FOUND')) throw error
      }
    }
  }
  await Promise.all(Array.from({ length: READS_AT_ONCE }, reader))
  return found.filter((value) => value !== undefined)
}

/** The top of an image's tree of hashes: below it are the roots of its runs, their nodes, and the hash of each block. */
export function imageDigestOf(sizeBytes: number, runs: readonly Run[]): string {
  const pieces = runs.flatMap(({ root, depth }) => [`${depth} ${root.records}`, root.digest])
  return Buffer.from(digestOf(`basalt image ${sizeBytes}`, ...pieces)).toString('hex')
}

export const infoOf = (manifest: Manifest, encrypted: boolean): BackupInfo => ({
  id: manifest.id,
  volumeName: manifest.volumeName,
  volumeUuid: manifest.volumeUuid,
  createdAt: manifest.createdAt,
  snapshotName: manifest.snapshotName,
  sizeBytes: manifest.sizeBytes,
  logicalBlockBytes: manifest.logicalBlockBytes,
  kind: manifest.base === null ? 'full' : 'incremental',
  base: manifest.base,
  epochId: manifest.epochId,
  lsn: manifest.lsn,
  storedBytes: manifest.storedBytes,
  changedBytes: manifest.changedBytes,
  compression: 'zstd',
  encrypted,
  state: 'complete',
})
