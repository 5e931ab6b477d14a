/**
 * What the administrator of a target has done that takes long: backups of its volume, and what becomes of them; exports and
 * imports of whole images. A backup is of a snapshot of its own, which goes when the backup has ended.
 */
import type { Repository, RestoreTarget } from '../../backup/repository.ts'
import type { RepositorySpec as BackupRepositorySpec } from '../../backup/spec.ts'
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Random } from '../../base/ports/random.ts'
import { formatUuid, randomUuid } from '../../base/uuid.ts'
import type { Volume } from '../../blockvol/volume.ts'
import { type KeepRules, type RepositorySpec, type TaskView, taskResultText } from '../../rpc/tasks.ts'
import type { Fill } from '../hosted-volume.ts'
import { placeOf, TaskKinds } from './task-kinds.ts'
import type { NewTask, TaskRun, TaskRunner } from './task-runner.ts'

/** A backup or an artifact that becomes the volume's content; `force`: also while hosts are logged in. */
interface Replacing {
  readonly repository: RepositorySpec
  readonly force: boolean
}

export type TargetTask =
  | { readonly kind: 'backup'; readonly repository: RepositorySpec; readonly full: boolean }
  | ({ readonly kind: 'restoreBackup'; readonly backup: string } & Replacing)
  | {
      readonly kind: 'verifyBackup' | 'deleteBackup'
      readonly repository: RepositorySpec
      readonly backup: string
    }
  | { readonly kind: 'listBackups'; readonly repository: RepositorySpec; readonly backup: string | null }
  | {
      readonly kind: 'pruneBackups'
      readonly repository: RepositorySpec
      readonly keep: KeepRules
      readonly dryRun: boolean
    }
  | { readonly kind: 'checkRepository'; readonly repository: RepositorySpec }
  | { readonly kind: 'exportImage'; readonly repository: RepositorySpec; readonly artifact: string }
  | ({ readonly kind: 'importImage'; readonly artifact: string } & Replacing)

export interface TargetTasksOptions {
  readonly runner: TaskRunner
  readonly clock: Clock
  readonly random: Random
  readonly version: string
  readonly openRepository: (spec: BackupRepositorySpec) => Repository
  /** The volume while it is served; CLOSED. */
  readonly device: () => Volume
  readonly fill: <T>(request: Fill<T>) => Promise<T>
}

/** Snapshots that an interrupted backup left begin so; people do not name theirs like it. */
const SNAPSHOT_PREFIX = 'basalt-task-'
/** Of one list. */
const BACKUPS_MAX = 200

export class TargetTasks {
  readonly #o: TargetTasksOptions
  readonly #kinds: TaskKinds
  /** Of tasks that run. */
  readonly #snapshots = new Set<bigint>()

  constructor(options: TargetTasksOptions) {
    this.#o = options
    this.#kinds = new TaskKinds({
      clock: options.clock,
      openRepository: options.openRepository,
      openImage: async () => {
        throw new BlockError('INVALID_ARGUMENT', 'a target has no clones')
      },
    })
  }

  /** Begins it. BUSY when too many run. */
  start(task: TargetTask): TaskView {
    const { runner, random } = this.#o
    const id = formatUuid(randomUuid(random))
    const kind =
      task.kind === 'exportImage' ? 'backup' : task.kind === 'importImage' ? 'restoreBackup' : task.kind
    runner.start({ task: id, kind, volume: null, work: this.#workOf(task) })
    return runner.view(id)
  }

  /** NOT_FOUND when nothing is known of it. */
  view(task: string): TaskView {
    const view = this.#o.runner.view(task)
    if (view.state !== 'unknown') return view
    throw new BlockError('NOT_FOUND', `there is no task ${task}; the target may have restarted`)
  }

  cancel(task: string): TaskView {
    this.#o.runner.cancel(task)
    return this.view(task)
  }

  #workOf(task: TargetTask): NewTask['work'] {
    switch (task.kind) {
      case 'backup':
        return (run) => this.#backup(task, run)
      case 'restoreBackup':
        return (run) =>
          this.#fill(task, `backup ${task.backup}`, (target) => this.#restore(task, target, run))
      case 'exportImage':
        return (run) => this.#export(task, run)
      case 'importImage':
        return (run) =>
          this.#fill(task, `image ${task.artifact}`, (target) => this.#import(task, target, run))
      case 'listBackups':
        return this.#kinds.workOf({ ...task, volume: null, after: null, limit: BACKUPS_MAX }, null)
      case 'pruneBackups':
        return this.#kinds.workOf({ ...task, volume: null }, null)
      case 'verifyBackup':
      case 'deleteBackup':
      case 'checkRepository':
        return this.#kinds.workOf(task, null)
    }
  }

  async #backup(
    { repository, full }: Extract<TargetTask, { readonly kind: 'backup' }>,
    run: TaskRun,
  ): Promise<string> {
    return this.#withSnapshot(async (volume, snapshot) => {
      const spec = { repository, full, snapshot: snapshot.toString(16).padStart(16, '0'), name: volume.name }
      return this.#kinds.workOf({ kind: 'backup', ...spec }, { device: volume, led: null })(run)
    })
  }

  async #export(
    { repository, artifact }: Extract<TargetTask, { readonly kind: 'exportImage' }>,
    run: TaskRun,
  ): Promise<string> {
    return this.#withSnapshot(async (volume, snapshot) => {
      const image = await volume.openSnapshot(snapshot)
      try {
        const manifest = await this.#withRepository(repository, (opened) =>
          opened.exportImage({
            ...{ image, name: artifact, volumeName: volume.name, toolVersion: this.#o.version },
            ...{ signal: run.signal, onProgress: run.progress },
          }),
        )
        return JSON.stringify(manifest)
      } finally {
        await image.close()
      }
    })
  }

  async #restore(
    { repository, backup }: Extract<TargetTask, { readonly kind: 'restoreBackup' }>,
    target: RestoreTarget,
    run: TaskRun,
  ): Promise<string> {
    const { writtenBytes, sameBytes } = await this.#withRepository(repository, (opened) =>
      opened.restore({
        // what an interrupted one wrote, it finds
        ...{ backup, target, content: 'any' },
        ...{ signal: run.signal, onProgress: run.progress },
      }),
    )
    return taskResultText('restoreBackup', { restoredBytes: writtenBytes + sameBytes })
  }

  async #import(
    { repository, artifact }: Extract<TargetTask, { readonly kind: 'importImage' }>,
    target: RestoreTarget,
    run: TaskRun,
  ): Promise<string> {
    const manifest = await this.#withRepository(repository, (opened) =>
      opened.importImage({
        ...{ name: artifact, target, content: 'any' },
        ...{ signal: run.signal, onProgress: run.progress },
      }),
    )
    return JSON.stringify(manifest)
  }

  #fill(
    { repository, force }: Replacing,
    what: string,
    work: (target: RestoreTarget) => Promise<string>,
  ): Promise<string> {
    const from = repository.kind === 's3' ? `s3://${repository.bucket}` : repository.path
    return this.#o.fill({ what: `${what} of ${from}`, force, work })
  }

  /** With a snapshot of now, which goes afterwards, as do those of backups that never ended. */
  async #withSnapshot(work: (volume: Volume, snapshot: bigint) => Promise<string>): Promise<string> {
    const volume = this.#o.device()
    const id = this.#o.random.u64()
    this.#snapshots.add(id)
    try {
      for (const one of volume.snapshots()) {
        const isLeft = one.name.startsWith(SNAPSHOT_PREFIX) && !this.#snapshots.has(one.id)
        if (isLeft) await volume.deleteSnapshot(one.id)
      }
      await volume.createSnapshot({ id, name: `${SNAPSHOT_PREFIX}${id.toString(16).padStart(16, '0')}` })
      return await work(volume, id)
    } finally {
      this.#snapshots.delete(id)
      // of a volume that failed meanwhile it goes with the next one
      await volume.deleteSnapshot(id).catch((error: unknown) => {
        if (!isBlockError(error)) throw error
      })
    }
  }

  async #withRepository<T>(spec: RepositorySpec, work: (repository: Repository) => Promise<T>): Promise<T> {
    const repository = this.#o.openRepository(placeOf(spec))
    try {
      return await work(repository)
    } finally {
      await repository.close()
    }
  }
}
