/**
 * Makes a backup: chooses its base, notes what it is about to do, sends blocks and index, and writes the manifest last. The order
 * is what makes it safe beside a prune (see collect.ts): the note stands before anything else is written and before the base
 * is looked at for the last time, and goes after the manifest is there.
 */
import { BlockError, isBlockError } from '../base/errors.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { VolumeImage } from '../base/ports/image.ts'
import type { Random } from '../base/ports/random.ts'
import { BLOCK_BYTES } from '../base/units.ts'
import { BlockUpload } from './block-upload.ts'
import { backupsOf, ensureMarker, imageDigestOf, infoOf, readManifest, readUploadNotes } from './catalog.ts'
import type { FinishedPack } from './changes.ts'
import { type Manifest, manifestJson, type UploadNote, uploadNoteJson } from './core/manifest.ts'
import { attemptOf, backupId, manifestName, packName, packOfName, uploadName } from './core/names.ts'
import { isHeldBy, planRuns } from './core/planning.ts'
import { SALT_BYTES } from './keys.ts'
import { MergedSegments, type SegmentSource } from './merged.ts'
import type { Objects } from './objects.ts'
import { PackReader } from './pack-reader.ts'
import type { FrameCodec } from './ports.ts'
import type { BackupRequest, BackupResult, FullBecause } from './repository.ts'
import { RunCursor } from './run-cursor.ts'
import { type Attempt, RunWriter } from './run-writer.ts'
import { UploadLedger } from './upload-ledger.ts'

export interface BackupPorts {
  readonly clock: Clock
  readonly random: Random
  readonly codec: FrameCodec
  readonly packBytes: number
}

/** Manifests that are looked at for a base; what is older than so many forks of the history is not worth it. */
const BASES_TRIED = 8
/** A note is written anew so often, to show that the upload lives. */
const NOTE_MS = 30 * 60_000
/** Backups are counted in blocks for progress. */
const COUNTERS_MAX = 2 ** 32

interface Base {
  readonly manifest: Manifest | null
  readonly fullBecause: FullBecause | null
  /** It is this very image. */
  readonly isDone: boolean
}

/** What a volume's backups say of the next one. */
interface Choice extends Base {
  /** Id of the newest, whether or not it can be the base. */
  readonly newest: string | undefined
}

/** See `Repository.backup`. */
export async function makeBackup(
  objects: Objects,
  ports: BackupPorts,
  request: BackupRequest,
): Promise<BackupResult> {
  const { image } = request
  const volume = image.identity.volume
  await ensureMarker(objects)
  const base = await choose(objects, request)
  if (base.manifest !== null && base.isDone) {
    return resultOf(objects, base.manifest, {
      fullBecause: fullBecauseOf(request, base.manifest),
      resumedBytes: 0,
    })
  }
  const note = await beginUpload(objects, ports, { image, base: base.manifest, newest: base.newest })
  const touch = keepTouching(objects, ports.clock, note.upload)
  const attempt = beginAttempt(objects, ports, note.upload)
  const reader = new PackReader({ objects, volume })
  const finished = note.isResumed ? await finishedPacks(reader, note.upload.id) : []
  const ledger = new UploadLedger(objects, { volume, backup: note.upload.id })
  const sizeBlocks = Math.ceil(image.sizeBytes / BLOCK_BYTES)
  const upload = new BlockUpload({
    image,
    sinceLsn: base.manifest?.lsn ?? 0,
    finished,
    objects,
    reader,
    codec: ports.codec,
    ledger,
    attempt,
    onBlock: (block) => request.onProgress?.({ done: block, total: sizeBlocks, unit: 'blocks' }),
    onPack: touch,
  })
  const plan = planRuns(base.manifest?.runs ?? [])
  const cursors = plan.merged.map((run) => new RunCursor({ reader, codec: ports.codec, run })).reverse()
  const writer = new RunWriter({ keyring: objects.keyring, ledger, codec: ports.codec, attempt })
  try {
    await writeRun(writer, new MergedSegments([upload, ...cursors]), plan.kept.length > 0)
  } finally {
    await upload.stop()
  }
  const run = await writer.finish(plan.level)
  await ledger.settle()
  const runs = run === null ? plan.kept : [...plan.kept, run]
  const manifest: Manifest = {
    id: note.upload.id,
    volumeUuid: volume,
    volumeName: request.volumeName,
    createdAt: note.upload.createdAt,
    snapshotName: image.name,
    epochId: image.identity.epochId,
    lsn: image.identity.lsn,
    sizeBytes: image.sizeBytes,
    logicalBlockBytes: image.logicalBlockBytes,
    base: base.manifest?.id ?? null,
    storedBytes: objects.sentBytes + upload.resumedBytes,
    changedBytes: upload.dataBlocks * BLOCK_BYTES,
    runs,
    imageDigest: imageDigestOf(image.sizeBytes, runs),
  }
  await commit(objects, manifest)
  return resultOf(objects, manifest, { fullBecause: base.fullBecause, resumedBytes: upload.resumedBytes })
}

/** The manifest, while the note is there still, and the note's end. */
async function commit(objects: Objects, manifest: Manifest): Promise<void> {
  const { volumeUuid, id } = manifest
  const note = uploadName(volumeUuid, id)
  await requireNote(objects, note)
  await objects.putSealed('manifest', manifestName(volumeUuid, id), manifestJson(manifest))
  // what is said to be stored has been read back
  await readManifest(objects, volumeUuid, id)
  await objects.delete(note)
}

/** CONFLICT when a prune has given the upload up: what it stored is about to be deleted. */
async function requireNote(objects: Objects, note: string): Promise<void> {
  try {
    await objects.head(note)
  } catch (error) {
    if (!isBlockError(error, 'NOT_FOUND')) throw error
    throw new BlockError('CONFLICT', `a prune gave this backup up: object ${note} is gone; begin again`, {
      facts: { object: note },
      cause: error,
    })
  }
}

async function writeRun(writer: RunWriter, segments: SegmentSource, withHoles: boolean): Promise<void> {
  for (;;) {
    const moved = segments.advance()
    if (!(typeof moved === 'boolean' ? moved : await moved)) return
    if (segments.isHole) {
      const full = withHoles ? writer.addHole(segments.start, segments.end - segments.start) : undefined
      if (full !== undefined) await full
      continue
    }
    const full = writer.addData(segments.start, segments)
    if (full !== undefined) await full
  }
}

async function choose(objects: Objects, request: BackupRequest): Promise<Choice> {
  const ids = await backupsOf(objects, request.image.identity.volume)
  return { ...(await chooseBase(objects, request, ids)), newest: ids[0] }
}

async function chooseBase(
  objects: Objects,
  { image, base }: BackupRequest,
  ids: readonly string[],
): Promise<Base> {
  const { volume, epochId, lsn } = image.identity
  const isThis = (manifest: Manifest): boolean =>
    manifest.epochId === epochId && manifest.lsn === lsn && manifest.snapshotName === image.name
  if (base.kind === 'backup') {
    const manifest = await readManifest(objects, volume, base.backup)
    if (!isHeldBy(image, manifest)) {
      throw new BlockError(
        'CONFLICT',
        `backup ${base.backup} is of a history that this image does not have`,
        {
          facts: { backup: base.backup },
        },
      )
    }
    return { manifest, fullBecause: null, isDone: false }
  }
  for (const id of ids.slice(0, BASES_TRIED)) {
    const manifest = await readManifest(objects, volume, id)
    if (base.kind === 'full') {
      if (isThis(manifest) && manifest.base === null) return { manifest, fullBecause: null, isDone: true }
    } else if (isHeldBy(image, manifest) && manifest.sizeBytes <= image.sizeBytes) {
      return { manifest, fullBecause: null, isDone: isThis(manifest) }
    }
  }
  if (base.kind === 'full') return { manifest: null, fullBecause: 'asked', isDone: false }
  return { manifest: null, fullBecause: ids.length === 0 ? 'first' : 'history', isDone: false }
}

/** Of a backup that was finished earlier, as far as it can be told. */
function fullBecauseOf(request: BackupRequest, manifest: Manifest): FullBecause | null {
  if (manifest.base !== null) return null
  return request.base.kind === 'full' ? 'asked' : 'first'
}

/** The note of an interrupted upload of the same image on the same base, or a new one. */
async function beginUpload(
  objects: Objects,
  { clock, random }: BackupPorts,
  {
    image,
    base,
    newest,
  }: { readonly image: VolumeImage; readonly base: Manifest | null; readonly newest: string | undefined },
): Promise<{ upload: UploadNote; isResumed: boolean }> {
  const { volume, epochId, lsn } = image.identity
  const notes = await readUploadNotes(objects, volume)
  const earlier = notes
    .map(({ note }) => note)
    .filter((note) => note.epochId === epochId && note.lsn === lsn && note.base === (base?.id ?? null))
    .at(-1)
  const wallMs = clock.wallMs()
  const upload: UploadNote = earlier ?? {
    id: backupId(wallMs, random.integer(2 ** 32), newest),
    volumeUuid: volume,
    createdAt: new Date(wallMs).toISOString(),
    epochId,
    lsn,
    base: base?.id ?? null,
    baseRuns: base?.runs ?? [],
  }
  await objects.putSealed('upload', uploadName(volume, upload.id), uploadNoteJson(upload))
  // a prune that did not see the note has deleted the base before this, or will see the note
  if (base !== null) await objects.head(manifestName(volume, base.id))
  return { upload, isResumed: earlier !== undefined }
}

/** Packs of blocks that are there already. One that is shorter than it says, or cannot be opened, is sent again. */
async function finishedPacks(reader: PackReader, backup: string): Promise<FinishedPack[]> {
  const packs: FinishedPack[] = []
  for await (const { name, sizeBytes } of reader.objects.list(packName(reader.volume, `${backup}/`))) {
    const pack = packOfName(name)
    if (pack?.span === null || pack === undefined || pack.generation !== 0) continue
    try {
      const totalBytes = await reader.withPack(pack.reference, async ({ head }) => head.totalBytes)
      if (totalBytes === sizeBytes) packs.push({ reference: pack.reference, ...pack.span, sizeBytes })
    } catch (error) {
      if (!isBlockError(error, 'CORRUPT')) throw error
    }
  }
  return packs
}

/** Rewrites the note when it was not for a while. */
function keepTouching(objects: Objects, clock: Clock, upload: UploadNote): () => Promise<void> {
  let touchedMs = clock.monotonicMs()
  return async () => {
    if (clock.monotonicMs() - touchedMs < NOTE_MS) return
    touchedMs = clock.monotonicMs()
    const name = uploadName(upload.volumeUuid, upload.id)
    await requireNote(objects, name)
    await objects.putSealed('upload', name, uploadNoteJson(upload))
  }
}

function beginAttempt(objects: Objects, { random, packBytes }: BackupPorts, upload: UploadNote): Attempt {
  const salt = random.bytes(SALT_BYTES)
  let used = 0
  return {
    volume: upload.volumeUuid,
    backup: upload.id,
    attempt: attemptOf(random.integer(2 ** 32)),
    salt,
    key: objects.keyring.frameKey(salt),
    packBytes,
    counters(frames) {
      if (used + frames > COUNTERS_MAX)
        throw new BlockError('OUT_OF_RANGE', 'a backup has at most 2^32 frames')
      used += frames
      return used - frames
    },
  }
}

const resultOf = (
  objects: Objects,
  manifest: Manifest,
  { fullBecause, resumedBytes }: { fullBecause: FullBecause | null; resumedBytes: number },
): BackupResult => ({
  backup: infoOf(manifest, objects.keyring.isEncrypting),
  fullBecause,
  resumedBytes,
  sentBytes: objects.sentBytes,
  requests: objects.requests,
})
