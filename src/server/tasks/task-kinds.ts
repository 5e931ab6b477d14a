/** The work of each kind of task, of what the master or an administrator asked for. */

import type { RetryLimits } from '../../backup/objects.ts'
import type { Repository, RestoreTarget } from '../../backup/repository.ts'
import type { RepositorySpec as BackupRepositorySpec } from '../../backup/spec.ts'
import { BlockError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { VolumeImage } from '../../base/ports/image.ts'
import type { SnapshotDevice } from '../../base/ports/snapshots.ts'
import type { ReplicaScrub, ReplicaScrubResult } from '../../replication/scrub.ts'
import {
  type RepositorySpec,
  SCRUB_MISSED_MAX,
  type TaskKind,
  type TaskResults,
  type TaskSpec,
  taskResultText,
} from '../../rpc/tasks.ts'
import type { CloneOrigin } from '../clones/clone-origin.ts'
import { checkOrigin, type HydratorOptions, hydrate } from '../clones/hydrator.ts'
import type { Lead } from '../replica/lead.ts'
import { backupResource } from './backup-resource.ts'
import type { NewTask, TaskRun } from './task-runner.ts'

export interface TaskKindsOptions {
  readonly clock: Clock
  /** Opens a repository; closed when the task ends. */
  readonly openRepository: (spec: BackupRepositorySpec, limits?: RetryLimits) => Repository
  /** Opens an image that a server has, at `HOST:PORT`. */
  readonly openImage: (place: { readonly address: string; readonly ticket: string }) => Promise<VolumeImage>
}

/** The volume that a task is of. */
export interface TaskVolume {
  readonly device: SnapshotDevice & RestoreTarget
  /** What fills it and looks after it, while this server leads it; null of a volume that is nobody's replica. */
  readonly led: LedTask | null
}

interface LedTask {
  readonly device: HydratorOptions['device']
  readonly origin: CloneOrigin
  /** Id of this server. */
  readonly server: string
  /** As `Replica.scrub`. */
  readonly scrub: (request: ReplicaScrub) => Promise<ReplicaScrubResult>
  /** A pass has ended. */
  readonly scrubbed: Lead['scrubbed']
}

/** Somebody waits for the answer: what a store says is worth more than a late success. */
const QUICK: RetryLimits = { attemptMs: 5_000, totalMs: 8_000, pauseMs: 200, pauseMsMax: 1_000 }

type Spec<Kind extends TaskKind> = Extract<TaskSpec, { readonly kind: Kind }>
type Result<Kind extends TaskKind> = Promise<TaskResults[Kind]>

export class TaskKinds {
  readonly #o: TaskKindsOptions

  constructor(options: TaskKindsOptions) {
    this.#o = options
  }

  /** INVALID_ARGUMENT when a task of this kind needs a volume and has none, or the other way round. */
  workOf(spec: TaskSpec, volume: TaskVolume | null): NewTask['work'] {
    switch (spec.kind) {
      case 'hydrate':
        return this.#ofVolume(spec, volume, (one, run) => this.#hydrate(spec, one, run))
      case 'backup':
        return this.#ofVolume(spec, volume, (one, run) => this.#backup(spec, one, run))
      case 'restoreBackup':
        return this.#ofVolume(spec, volume, (one, run) => this.#restore(spec, one, run))
      case 'scrub':
        return this.#ofVolume(spec, volume, (one, run) => this.#scrub(spec, one, run))
      case 'verifyBackup':
        return this.#ofNone(spec, volume, (repository, run) => verify(repository, spec, run))
      case 'listBackups':
        return this.#ofNone(spec, volume, (repository, run) => list(repository, spec, run), QUICK)
      case 'pruneBackups':
        return this.#ofNone(spec, volume, (repository, run) => this.#prune(repository, spec, run))
      case 'deleteBackup':
        return this.#ofNone(spec, volume, (repository, run) => this.#delete(repository, spec, run))
      case 'checkRepository':
        return this.#ofNone(spec, volume, (repository, run) => check(repository, run), QUICK)
    }
  }

  #ofVolume<Kind extends TaskKind>(
    { kind }: { readonly kind: Kind },
    volume: TaskVolume | null,
    work: (volume: TaskVolume, run: TaskRun) => Result<Kind>,
  ): NewTask['work'] {
    if (volume === null) throw new BlockError('INVALID_ARGUMENT', `a ${kind} is of a volume`)
    return async (run) => taskResultText(kind, await work(volume, run))
  }

  #ofNone<Kind extends TaskKind>(
    { kind, repository }: { readonly kind: Kind; readonly repository: RepositorySpec },
    volume: TaskVolume | null,
    work: (repository: Repository, run: TaskRun) => Result<Kind>,
    limits?: RetryLimits,
  ): NewTask['work'] {
    if (volume !== null) throw new BlockError('INVALID_ARGUMENT', `a ${kind} is of no volume`)
    return async (run) =>
      taskResultText(kind, await this.#withRepository(repository, (opened) => work(opened, run), limits))
  }

  async #withRepository<T>(
    spec: RepositorySpec,
    work: (repository: Repository) => Promise<T>,
    limits?: RetryLimits,
  ): Promise<T> {
    const repository = this.#o.openRepository(placeOf(spec), limits)
    try {
      return await work(repository)
    } finally {
      await repository.close()
    }
  }

  async #hydrate({ origin }: Spec<'hydrate'>, { led }: TaskVolume, run: TaskRun): Result<'hydrate'> {
    if (led === null) throw new BlockError('INVALID_ARGUMENT', 'clones are of replicated volumes')
    const { device, origin: source } = led
    // filled by an earlier one
    if (device.origin === null) return {}
    const image = await this.#o.openImage(origin)
    try {
      checkOrigin(device, image)
      source.use(image)
      await hydrate({ device, origin: source, clock: this.#o.clock }, run)
      return {}
    } finally {
      source.leave(image)
      await image.close()
    }
  }

  async #backup(spec: Spec<'backup'>, { device }: TaskVolume, run: TaskRun): Result<'backup'> {
    const image = await device.openSnapshot(BigInt(`0x${spec.snapshot}`))
    try {
      const { backup, fullBecause } = await this.#withRepository(spec.repository, (repository) =>
        repository.backup({
          image,
          volumeName: spec.name,
          base: { kind: spec.full ? 'full' : 'auto' },
          ...interruptible(run),
        }),
      )
      return { backup: backupResource(backup, fullBecause) }
    } finally {
      await image.close()
    }
  }

  async #restore(spec: Spec<'restoreBackup'>, { device }: TaskVolume, run: TaskRun): Result<'restoreBackup'> {
    const { writtenBytes, sameBytes } = await this.#withRepository(spec.repository, (repository) =>
      // what an interrupted one wrote, it finds
      repository.restore({ backup: spec.backup, target: device, content: 'any', ...interruptible(run) }),
    )
    await device.flush()
    return { restoredBytes: writtenBytes + sameBytes }
  }

  async #scrub({ repair }: Spec<'scrub'>, { led }: TaskVolume, run: TaskRun): Result<'scrub'> {
    if (led === null) throw new BlockError('INVALID_ARGUMENT', 'other volumes are scrubbed by themselves')
    const result = await led.scrub({ repair, ...interruptible(run), onMissed: (message) => run.say(message) })
    const { verifiedBytes, repaired, found } = result
    // who is told counts those that were bad, repaired or not
    const errors = result.errors + repaired
    const missed = result.missed.slice(0, SCRUB_MISSED_MAX)
    // what was not looked at is as old as it was before
    if (missed.length === 0) led.scrubbed({ endedWallMs: this.#o.clock.wallMs(), errors, repaired })
    return { verifiedBytes, errors, repaired, found: [...found], missed }
  }

  async #prune(repository: Repository, spec: Spec<'pruneBackups'>, run: TaskRun): Result<'pruneBackups'> {
    const { volume, keep, dryRun } = spec
    const now = this.#o.clock.wallMs()
    const pruned = await repository.prune({ volume, keep, dryRun, now, ...interruptible(run) })
    const { deleted, kept, freedBytes } = pruned
    return { deleted: deleted.map(({ id }) => id), kept: kept.length, freedBytes }
  }

  async #delete(repository: Repository, spec: Spec<'deleteBackup'>, run: TaskRun): Result<'deleteBackup'> {
    await repository.delete(spec.backup)
    // what it alone used goes at once, as far as it is old enough
    const now = this.#o.clock.wallMs()
    const { freedBytes } = await repository.prune({
      ...{ volume: null, keep: null, dryRun: false, now },
      ...interruptible(run),
    })
    return { freedBytes }
  }
}

async function check(repository: Repository, { signal }: TaskRun): Result<'checkRepository'> {
  await repository.check({ signal })
  return {}
}

async function verify(
  repository: Repository,
  { backup }: Spec<'verifyBackup'>,
  run: TaskRun,
): Result<'verifyBackup'> {
  const { verifiedBytes, objects } = await repository.verify({ backup, ...interruptible(run) })
  return { verifiedBytes, objects }
}

async function list(
  repository: Repository,
  { volume, backup, after, limit }: Spec<'listBackups'>,
  { signal }: TaskRun,
): Result<'listBackups'> {
  if (backup !== null) return { backups: [backupResource(await repository.get(backup), null)], next: null }
  const all = await repository.list({ volume, signal })
  // ids sort by time, and the one to go on after may be gone by now
  const rest = after === null ? all : all.filter(({ id }) => id < after)
  const page = rest.slice(0, limit)
  return {
    backups: page.map((one) => backupResource(one, null)),
    next: rest.length > page.length ? (page.at(-1)?.id ?? null) : null,
  }
}

const interruptible = (run: TaskRun): Pick<TaskRun, 'signal'> & { onProgress: TaskRun['progress'] } => ({
  signal: run.signal,
  onProgress: run.progress,
})

/** In the words of who stores backups. */
export function placeOf(spec: RepositorySpec): BackupRepositorySpec {
  if (spec.kind === 'directory') return spec
  return {
    ...spec,
    prefix: spec.prefix === '' || spec.prefix.endsWith('/') ? spec.prefix : `${spec.prefix}/`,
  }
}
