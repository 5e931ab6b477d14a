/** A repository over its ports. Each call has its own count of requests, and its own cancellation. */
import { BlockError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { Random } from '../base/ports/random.ts'
import { findManifest, infoOf, readManifests, readMarker, requireMarker } from './catalog.ts'
import { prune } from './collect.ts'
import { encodeText } from './core/bytes.ts'
import { attemptOf, backupOfName, isBackupId, MANIFESTS, probeName } from './core/names.ts'
import { PACK_TARGET_BYTES } from './core/pack-format.ts'
import { exportImage, importImage } from './image-artifact.ts'
import { Keyring } from './keys.ts'
import { makeBackup } from './make-backup.ts'
import { corrupt, Objects, RETRY_LIMITS, type RetryLimits } from './objects.ts'
import type { FrameCodec, ObjectStore } from './ports.ts'
import type { BackupInfo, Interruptible, Repository } from './repository.ts'
import { restoreBackup, verifyBackup } from './restore-backup.ts'

export interface OpenedRepositoryOptions {
  readonly store: ObjectStore
  readonly codec: FrameCodec
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** 64 hexadecimal digits; null: in the clear. */
  readonly keyHex: string | null
  readonly limits?: RetryLimits
  /** Of a pack, before it is closed; 8 MiB when not given. */
  readonly packBytes?: number
}

/** INVALID_ARGUMENT when the key is none. */
export function openedRepository(options: OpenedRepositoryOptions): Repository {
  const {
    store,
    codec,
    clock,
    random,
    logger,
    limits = RETRY_LIMITS,
    packBytes = PACK_TARGET_BYTES,
  } = options
  const keyring = new Keyring(options.keyHex)
  const objectsOf = ({ signal }: Interruptible): Objects =>
    new Objects({ store, clock, random, keyring, signal, limits })
  const checkId = (backup: string): void => {
    if (isBackupId(backup)) return
    throw new BlockError(
      'NOT_FOUND',
      `there is no backup '${backup}': an id looks like 20260131t120000z-0123abcd`,
    )
  }
  return {
    async check(request = {}) {
      const objects = objectsOf(request)
      const isThere = await readMarker(objects)
      await probe(objects, attemptOf(random.integer(2 ** 32)))
      return { state: isThere ? 'ready' : 'empty', encrypted: keyring.isEncrypting }
    },
    async backup(request) {
      const result = await makeBackup(objectsOf(request), { clock, random, codec, packBytes }, request)
      const facts = {
        backup: result.backup.id,
        volume: result.backup.volumeUuid,
        sentBytes: result.sentBytes,
      }
      if (result.fullBecause === 'history') logger.warn('backup.not_incremental', facts)
      logger.info('backup.finished', { ...facts, kind: result.backup.kind, requests: result.requests })
      return result
    },
    async restore(request) {
      checkId(request.backup)
      return restoreBackup(objectsOf(request), codec, request)
    },
    async verify(request) {
      checkId(request.backup)
      return verifyBackup(objectsOf(request), codec, request)
    },
    async list(request = {}) {
      const objects = objectsOf(request)
      if (!(await readMarker(objects))) return []
      const manifests = await readManifests(objects, request.volume ?? null)
      const infos = manifests.map((manifest) => infoOf(manifest, keyring.isEncrypting))
      return infos.sort((a: BackupInfo, b: BackupInfo) => (a.id < b.id ? 1 : -1))
    },
    async get(backup) {
      checkId(backup)
      const objects = objectsOf({})
      await requireMarker(objects)
      return infoOf(await findManifest(objects, backup), keyring.isEncrypting)
    },
    async delete(backup) {
      checkId(backup)
      const objects = objectsOf({})
      // also one that cannot be read: to be rid of it is what this is for
      for await (const { name } of objects.list(MANIFESTS)) {
        if (backupOfName(name)?.backup === backup) await objects.delete(name)
      }
    },
    prune: (request) => prune(objectsOf(request), { codec, random }, request),
    exportImage: (request) =>
      exportImage(objectsOf(request), { ...request, createdAt: new Date(clock.wallMs()).toISOString() }),
    importImage: (request) => importImage(objectsOf(request), request),
    async close() {
      await codec.close()
      await store.close()
    },
  }
}

/** Writes an object, reads it and deletes it: what a backup and a prune will want to do. */
async function probe(objects: Objects, attempt: string): Promise<void> {
  const name = probeName(attempt)
  const body = encodeText(attempt)
  await objects.put(name, body)
  const found = await objects.get(name, 0, body.byteLength + 1)
  await objects.delete(name)
  if (Buffer.compare(found, body) !== 0) throw corrupt(name, 'it was stored just now and reads otherwise')
}
