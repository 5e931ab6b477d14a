/**
 * Tasks about backups, done by what does them on a block server, over repositories that are directories. Volumes are models in
 * memory: what a backup reads was written by the test, and what a restore writes it can look at.
 */

import { DirectoryStore } from '../../../src/backup/io/directory-store.ts'
import { openedRepository } from '../../../src/backup/opened-repository.ts'
import { BlockError } from '../../../src/base/errors.ts'
import { silentLogger } from '../../../src/base/log.ts'
import type { VolumeImage } from '../../../src/base/ports/image.ts'
import type { SnapshotDevice } from '../../../src/base/ports/snapshots.ts'
import type { ServerCalls } from '../../../src/master/links.ts'
import type { TaskView } from '../../../src/rpc/tasks.ts'
import { TaskKinds } from '../../../src/server/tasks/task-kinds.ts'
import { TaskRunner } from '../../../src/server/tasks/task-runner.ts'
import { ModelVolume } from '../../backup/model-volume.ts'
import { BackupRig, inlineCodec, MemoryTarget } from '../../backup/rig.ts'
import type { RealTasks } from './script-volumes.ts'

const BLOCKS = 64 * 256

export class RepositoryTasks implements RealTasks {
  /** Its clock stands still until a test moves it: ids of backups begin with its time. */
  readonly rig = new BackupRig()
  readonly #volumes = new Map<string, ModelDevice>()
  readonly #underWay = new Set<Promise<unknown>>()
  readonly #runner: TaskRunner
  readonly #kinds: TaskKinds

  constructor() {
    const { clock, random } = this.rig
    const onFatal = (error: unknown): void => {
      throw error
    }
    this.#runner = new TaskRunner({ clock, logger: silentLogger, onFatal })
    this.#kinds = new TaskKinds({
      clock,
      openRepository: (spec) => {
        if (spec.kind !== 'directory') throw new BlockError('INVALID_ARGUMENT', 'only directories are here')
        return openedRepository({
          store: new DirectoryStore(spec.path),
          codec: inlineCodec,
          keyHex: spec.encryption?.keyHex ?? null,
          ...{ clock, random, logger: silentLogger },
        })
      },
      openImage: () => Promise.reject(new BlockError('INVALID_ARGUMENT', 'no clone is filled here')),
    })
  }

  /** The volume of that UUID. */
  volume(uuid: string): ModelDevice {
    const volume = this.#volumes.get(uuid) ?? new ModelDevice(uuid)
    this.#volumes.set(uuid, volume)
    return volume
  }

  start({ task, led, spec }: Parameters<ServerCalls['startTask']>[0]): boolean {
    if (spec.kind === 'hydrate' || spec.kind === 'scrub') return false
    const volume = led?.volume ?? null
    const work = this.#kinds.workOf(spec, volume === null ? null : { device: this.volume(volume), led: null })
    this.#runner.start({
      ...{ task, volume, kind: spec.kind },
      work: (run) => {
        const ended = work(run)
        this.#underWay.add(ended)
        const forget = (): void => void this.#underWay.delete(ended)
        ended.then(forget, forget)
        return ended
      },
    })
    return true
  }

  view(task: string): TaskView {
    return this.#runner.view(task)
  }

  cancel(task: string): void {
    this.#runner.cancel(task)
  }

  /** What runs now is over when the promise resolves. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay)
  }
}

/** A volume whose snapshots are of what the test wrote, and whose content is what was restored. */
class ModelDevice extends MemoryTarget implements SnapshotDevice {
  readonly model: ModelVolume
  readonly #images = new Map<bigint, VolumeImage>()

  constructor(uuid: string) {
    super(BLOCKS * 4096)
    this.model = new ModelVolume(BLOCKS, uuid)
  }

  async openSnapshot(id: bigint): Promise<VolumeImage> {
    const image = this.#images.get(id) ?? this.model.image()
    this.#images.set(id, image)
    return image
  }

  snapshots = (): never => refuse()
  snapshotUsage = (): never => refuse()
  createSnapshot = (): never => refuse()
  deleteSnapshot = (): never => refuse()
  restoreSnapshot = (): never => refuse()
}

const refuse = (): never => {
  throw new BlockError('INVALID_ARGUMENT', 'the master asks servers for that, and no task does it')
}
