/**
 * Prunes: deletes backups that no rule keeps, and then what no backup uses. Backups may be made meanwhile by others; that
 * nothing they need is deleted follows from an order (make-backup.ts has the other half):
 *
 * packs are listed first, then notes of uploads, manifests, notes again and manifests again, and what any of the four tells of
 * counts. A pack that was listed belongs to an upload that is noted, or is named by a manifest, or its upload is over.
 * And suppose an upload relies on a base that no listing of manifests has any more. It looked at the base after it had
 * written its note, so the note was there when the notes were listed again; or its manifest was when the manifests were.
 */
import { BlockError, isBlockError } from '../base/errors.ts'
import type { Random } from '../base/ports/random.ts'
import { infoOf, readManifest, readUploadNotes, requireMarker } from './catalog.ts'
import { fateOf, newestOf, type PackObject } from './core/collect-plan.ts'
import type { Manifest, UploadNote } from './core/manifest.ts'
import { backupOfName, manifestName, manifestsOf, packOfName, packsOf, uploadName } from './core/names.ts'
import { areKeepRules, keptBackups } from './core/retention.ts'
import type { Objects } from './objects.ts'
import { PackReader } from './pack-reader.ts'
import type { FrameCodec } from './ports.ts'
import type { PruneRequest, PruneResult } from './repository.ts'
import { type LiveBlock, rewritePack } from './rewrite-pack.ts'
import { type Image, sweep } from './sweep.ts'

const GRACE_MS = 3_600_000
const ABANDONED_MS = 7 * 24 * 3_600_000
/** Packs of one volume that one prune writes anew; the next goes on. */
const REWRITTEN_MAX = 4096

export interface CollectPorts {
  readonly codec: FrameCodec
  readonly random: Random
}

type Totals = { -readonly [K in keyof PruneResult]: PruneResult[K] } & {
  readonly deleted: PruneResult['deleted'][number][]
  readonly kept: PruneResult['kept'][number][]
}

/** See `Repository.prune`. */
export async function prune(
  objects: Objects,
  ports: CollectPorts,
  request: PruneRequest,
): Promise<PruneResult> {
  if (request.keep !== null && !areKeepRules(request.keep)) {
    throw new BlockError('INVALID_ARGUMENT', 'the rules of a prune are counts, and at least one is above 0')
  }
  await requireMarker(objects)
  const totals: Totals = {
    deleted: [],
    kept: [],
    packsDeleted: 0,
    packsRewritten: 0,
    freedBytes: 0,
    abandoned: 0,
  }
  const volumes = request.volume === null ? await volumesOf(objects) : [request.volume]
  for (const [i, volume] of volumes.entries()) {
    objects.checkSignal()
    await pruneVolume(objects, ports, { request, volume, totals })
    request.onProgress?.({ done: i + 1, total: volumes.length, unit: 'objects' })
  }
  return totals
}

async function pruneVolume(
  objects: Objects,
  ports: CollectPorts,
  { request, volume, totals }: { request: PruneRequest; volume: string; totals: Totals },
): Promise<void> {
  const manifests = new Map<string, Manifest>()
  await addManifests(objects, volume, manifests, new Set())
  const all = [...manifests.values()]
  const kept = request.keep === null ? new Set(manifests.keys()) : keptBackups(all, request.keep, request.now)
  const gone = new Set<string>()
  for (const manifest of all) {
    const info = infoOf(manifest, objects.keyring.isEncrypting)
    if (kept.has(manifest.id)) {
      totals.kept.push(info)
      continue
    }
    if (!request.dryRun) await objects.delete(manifestName(volume, manifest.id))
    gone.add(manifest.id)
    totals.deleted.push(info)
  }
  await collect(objects, ports, { request, volume, totals, known: manifests, gone })
}

interface Collection {
  readonly request: PruneRequest
  readonly volume: string
  readonly totals: Totals
  /** Manifests that were read already. */
  readonly known: ReadonlyMap<string, Manifest>
  /** Deleted just now, or, in a dry run, as if. */
  readonly gone: ReadonlySet<string>
}

async function collect(objects: Objects, ports: CollectPorts, collection: Collection): Promise<void> {
  const { request, volume, totals, gone } = collection
  const packs = await listPacks(objects, volume)
  const notes = new Map<string, UploadNote>()
  const manifests = new Map<string, Manifest>()
  const abandonedMs = request.now - (request.abandonedMs ?? ABANDONED_MS)
  const addNotes = async (): Promise<void> => {
    for (const { note, modifiedMs } of await readUploadNotes(objects, volume)) {
      const isNew = !notes.has(note.id)
      notes.set(note.id, note)
      if (!isNew || modifiedMs >= abandonedMs) continue
      totals.abandoned++
      // what it stored goes with the next prune: by then it has seen that it was given up
      if (!request.dryRun) await objects.delete(uploadName(volume, note.id))
    }
  }
  const { known } = collection
  await addNotes()
  await addManifests(objects, volume, manifests, gone, known)
  await addNotes()
  await addManifests(objects, volume, manifests, gone, known)
  const images: Image[] = [
    ...[...manifests.values()].map(({ runs }) => runs),
    ...[...notes.values()].map(({ baseRuns }) => baseRuns),
  ]
  const reader = new PackReader({ objects, volume })
  const { codec } = ports
  await sweep({
    reader,
    codec,
    images,
    onBlock: ({ pack }) => packs.get(pack)!.liveBlocks++,
    onNode: ({ pack }) => packs.get(pack)!.liveNodes++,
  })
  const rules = { youngFromMs: request.now - (request.graceMs ?? GRACE_MS) }
  const rewritten = new Map<string, { objects: readonly PackObject[]; live: LiveBlock[] }>()
  for (const [reference, use] of packs) {
    objects.checkSignal()
    const backup = use.objects[0]!.pack.backup
    const fate = fateOf(use, { ...rules, isUnderWay: notes.has(backup) })
    if (fate.kind === 'rewrite') {
      if (rewritten.size < REWRITTEN_MAX) rewritten.set(reference, { objects: fate.objects, live: [] })
      continue
    }
    const superfluous = fate.kind === 'delete' ? fate.objects : fate.superseded
    if (fate.kind === 'delete') totals.packsDeleted++
    for (const { name, sizeBytes } of superfluous) {
      if (!request.dryRun) await objects.delete(name)
      totals.freedBytes += sizeBytes
    }
  }
  if (rewritten.size === 0) return
  await sweep({
    reader,
    codec,
    images,
    onBlock: (at) => {
      const { start, pack, frame, slot, hash } = at
      rewritten.get(pack)?.live.push({ block: start, pack, frame, slot, hash: hash.slice() })
    },
  })
  for (const [reference, { objects: generations, live }] of rewritten) {
    objects.checkSignal()
    const oldBytes = generations.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    totals.packsRewritten++
    if (request.dryRun) {
      const newest = newestOf(generations)!
      totals.freedBytes += Math.round(oldBytes * (1 - live.length / newest.pack.blocks))
      continue
    }
    const newBytes = await rewritePack({ reader, ...ports }, { reference, generations, live })
    totals.freedBytes += oldBytes - newBytes
  }
}

interface MutableUse {
  readonly objects: PackObject[]
  liveBlocks: number
  liveNodes: number
}

/** By reference. What an index names and is not there is an empty entry: it is for `verify` to complain. */
class PackUses extends Map<string, MutableUse> {
  override get(reference: string): MutableUse {
    return super.get(reference) ?? { objects: [], liveBlocks: 0, liveNodes: 0 }
  }
}

async function listPacks(objects: Objects, volume: string): Promise<PackUses> {
  const packs = new PackUses()
  for await (const { name, sizeBytes, modifiedMs } of objects.list(packsOf(volume))) {
    const pack = packOfName(name)
    if (pack === undefined) continue
    const use = packs.get(pack.reference)
    use.objects.push({ name, sizeBytes, modifiedMs, pack })
    packs.set(pack.reference, use)
  }
  return packs
}

/** Adds the manifests that there are now. */
async function addManifests(
  objects: Objects,
  volume: string,
  manifests: Map<string, Manifest>,
  gone: ReadonlySet<string>,
  known: ReadonlyMap<string, Manifest> = new Map(),
): Promise<void> {
  for await (const { name } of objects.list(manifestsOf(volume))) {
    const backup = backupOfName(name)?.backup
    if (backup === undefined || gone.has(backup) || manifests.has(backup)) continue
    try {
      manifests.set(backup, known.get(backup) ?? (await readManifest(objects, volume, backup)))
    } catch (error) {
      // deleted since it was listed. Who relies on it has a note that is listed after this; or, when this is the last
      // listing, it was an upload itself when the notes were listed, and is protected as such
      if (!isBlockError(error, 'NOT_FOUND')) throw error
    }
  }
}

/** Volumes that have anything here. */
async function volumesOf(objects: Objects): Promise<string[]> {
  const volumes = new Set<string>()
  for (const kind of ['manifests/', 'packs/', 'uploads/']) {
    for (let behind = ''; ; ) {
      let next: string | undefined
      for await (const { name } of objects.list(kind, behind)) {
        next = name.slice(kind.length, kind.length + 36)
        break
      }
      if (next === undefined) break
      volumes.add(next)
      // '0' comes after '/', so this is behind everything of the volume
      behind = `${kind}${next}0`
    }
  }
  return [...volumes].sort()
}
