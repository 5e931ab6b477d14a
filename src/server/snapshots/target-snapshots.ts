/**
 * Snapshots of the volume of a target, as its admin API asks for them. What is exposed is exposed again after the volume was
 * reopened; it is not remembered over a restart.
 */
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Random } from '../../base/ports/random.ts'
import type { SnapshotInfo } from '../../base/ports/snapshots.ts'
import type { Volume } from '../../blockvol/volume.ts'
import type { VolumeCompanion } from '../hosted-volume.ts'
import { ExposedSnapshots, type ExposedSnapshotsOptions, type ExposedView } from './exposed-snapshots.ts'

export interface TargetSnapshot {
  readonly info: SnapshotInfo
  readonly heldBytes: number
  readonly exclusiveBytes: number
  readonly exposed: ExposedView | undefined
}

export interface TargetSnapshotsOptions {
  readonly served: ExposedSnapshotsOptions['served']
  readonly random: Random
  readonly logger: Logger
  /** Hosts that are logged in to the volume. */
  readonly sessions: () => number
}

export class TargetSnapshots implements VolumeCompanion {
  readonly #o: TargetSnapshotsOptions
  /** To be exposed, whether they can be at present or not. */
  readonly #wanted = new Set<bigint>()
  #volume: Volume | undefined
  #exposed: ExposedSnapshots | undefined

  constructor(options: TargetSnapshotsOptions) {
    this.#o = options
  }

  async up(volume: Volume): Promise<void> {
    const { served, logger } = this.#o
    const { name, uuid } = volume
    this.#volume = volume
    this.#exposed ??= new ExposedSnapshots({ served, name, uuid, logger })
    const there = new Set(volume.snapshots().map(({ id }) => id))
    for (const id of this.#wanted) {
      if (!there.has(id)) this.#wanted.delete(id)
      else await this.#exposed.expose(volume, id).catch((error: unknown) => this.#expected(error))
    }
  }

  async down(reason: string): Promise<void> {
    this.#volume = undefined
    await this.#exposed?.endAll(reason)
  }

  /** The volume, while hosts are served; CLOSED. */
  device(): Volume {
    if (this.#volume !== undefined) return this.#volume
    throw new BlockError('CLOSED', 'the volume is not served at present')
  }

  /** Oldest first. CLOSED, as all calls; MEDIUM, DISK. */
  async list(): Promise<TargetSnapshot[]> {
    const volume = this.device()
    const { snapshots: usages } = await volume.snapshotUsage()
    const exposed = this.#exposed?.list() ?? []
    return volume.snapshots().map((info) => {
      const usage = usages.find(({ id }) => id === info.id)
      return {
        info,
        heldBytes: usage?.heldBytes ?? 0,
        exclusiveBytes: usage?.exclusiveBytes ?? 0,
        exposed: exposed.find(({ id }) => id === info.id),
      }
    })
  }

  /** By its name or its id; NOT_FOUND. */
  async get(snapshot: string): Promise<TargetSnapshot> {
    const { id } = this.#find(snapshot)
    const found = (await this.list()).find(({ info }) => info.id === id)
    if (found !== undefined) return found
    throw missing(snapshot)
  }

  /** Errors as `SnapshotDevice.createSnapshot`. */
  async create(name: string): Promise<TargetSnapshot> {
    const { id } = await this.device().createSnapshot({ id: this.#o.random.u64(), name })
    return this.get(textOf(id))
  }

  /** CONFLICT while hosts are logged in to it; NOT_FOUND. */
  async delete(snapshot: string): Promise<void> {
    const { id, name } = this.#find(snapshot)
    const sessions = this.#exposed?.sessionsOf(id) ?? 0
    if (sessions > 0) {
      throw new BlockError('CONFLICT', `${sessions} hosts are logged in to the snapshot '${name}'`)
    }
    const volume = this.device()
    const wasExposed = this.#exposed?.has(id) ?? false
    await this.#exposed?.hide(id)
    try {
      await volume.deleteSnapshot(id)
      this.#wanted.delete(id)
    } catch (error) {
      // it is there still, and hosts are to find it
      if (wasExposed) await this.#exposed?.expose(volume, id)
      throw error
    }
  }

  /** CONFLICT, `unsafe`, while hosts are logged in to the volume, unless forced; NOT_FOUND. */
  async restore(snapshot: string, { force }: { readonly force: boolean }): Promise<void> {
    const { id } = this.#find(snapshot)
    const sessions = this.#o.sessions()
    if (sessions > 0 && !force) {
      throw new BlockError(
        'CONFLICT',
        `${sessions} hosts are logged in; what they have mounted would be destroyed: log them out, or force it`,
        { facts: { sessions, unsafe: true } },
      )
    }
    await this.device().restoreSnapshot(id)
  }

  /** Hosts may log in, or no longer, when the promise resolves. NOT_FOUND; NO_SPACE when too many are exposed. */
  async expose(snapshot: string, isExposed: boolean): Promise<TargetSnapshot> {
    const { id } = this.#find(snapshot)
    if (isExposed) {
      await this.#exposed?.expose(this.device(), id)
      this.#wanted.add(id)
    } else {
      this.#wanted.delete(id)
      await this.#exposed?.hide(id)
    }
    return this.get(textOf(id))
  }

  #find(snapshot: string): SnapshotInfo {
    const found = this.device()
      .snapshots()
      .find(({ id, name }) => name === snapshot || textOf(id) === snapshot)
    if (found !== undefined) return found
    throw missing(snapshot)
  }

  #expected(error: unknown): void {
    if (!isBlockError(error)) throw error
    this.#o.logger.warn('snapshot.not_exposed', { code: error.code }, error)
  }
}

const missing = (snapshot: string): BlockError =>
  new BlockError('NOT_FOUND', `there is no snapshot '${snapshot}'`)

/** As it is named outside. */
export const textOf = (id: bigint): string => id.toString(16).padStart(16, '0')
