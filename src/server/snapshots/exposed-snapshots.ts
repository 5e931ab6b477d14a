/**
 * Snapshots of one volume that hosts may log in to, as long as this server leads the volume: each is a disk of its own,
 * read-only, with the volume's access rules. They go with the lead, connections reset, and come again where the next
 * primary is told to.
 */
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { VolumeImage } from '../../base/ports/image.ts'
import type { SnapshotDevice, SnapshotInfo } from '../../base/ports/snapshots.ts'
import { NO_QOS_LIMITS, type QosLimits } from '../../frontend/qos/limiter.ts'
import { makeLatencyRecorders } from '../latencies.ts'
import type { OwnAccess, ServedVolume } from '../served/served-volume.ts'
import type { ServedVolumes } from '../served/served-volumes.ts'
import type { FrontEndsView } from '../volume-host.ts'
import { SnapshotDisk } from './snapshot-disk.ts'
import { snapshotTargetName, snapshotUuid } from './snapshot-identity.ts'

/** Of one volume: each is a target and a subsystem that hosts discover. */
const EXPOSED_MAX = 64

export interface ExposedSnapshotsOptions {
  readonly served: Pick<ServedVolumes, 'volume'>
  /** Name and UUID of the volume. */
  readonly name: string
  readonly uuid: Uint8Array
  readonly logger: Logger
}

/** A snapshot as hosts see it here. */
export interface ExposedView extends FrontEndsView {
  readonly id: bigint
}

interface Exposed {
  readonly image: VolumeImage
  readonly disk: SnapshotDisk
  readonly service: ServedVolume
}

export class ExposedSnapshots {
  readonly #o: ExposedSnapshotsOptions
  readonly #exposed = new Map<bigint, Exposed>()
  #own: OwnAccess | undefined
  #limits: QosLimits = NO_QOS_LIMITS
  /** One is begun or ended at a time. */
  #last: Promise<unknown> = Promise.resolve()
  /** Rises when the lead ends: what was begun before is over. */
  #leads = 0
  #changes = 0

  constructor(options: ExposedSnapshotsOptions) {
    this.#o = options
  }

  /** Rules of the volume; sessions that they do not admit end. */
  setOwnAccess(own: OwnAccess): void {
    this.#own = own
    for (const { service } of this.#exposed.values()) service.setOwnAccess(own)
  }

  /** Limits of the volume, which each of its snapshots has for itself. */
  setQos(limits: QosLimits): void {
    this.#limits = limits
    for (const { service } of this.#exposed.values()) service.setQos(limits)
  }

  /** Another number whenever what is exposed is another. */
  get changes(): number {
    return this.#changes
  }

  has(id: bigint): boolean {
    return this.#exposed.has(id)
  }

  /** Hosts that are logged in to it. */
  sessionsOf(id: bigint): number {
    return this.#exposed.get(id)?.service.sessions ?? 0
  }

  list(): readonly ExposedView[] {
    return [...this.#exposed].map(([id, { service }]) => ({ id, ...service.describe() }))
  }

  /**
   * Hosts may log in when the promise resolves; also when they could before. NOT_FOUND; NO_SPACE when there are too many;
   * CLOSED when the lead ended meanwhile.
   */
  expose(device: Pick<SnapshotDevice, 'snapshots' | 'openSnapshot'>, id: bigint): Promise<void> {
    const leads = this.#leads
    return this.#alone(async () => {
      this.#check(leads)
      if (this.#exposed.has(id)) return
      if (this.#exposed.size >= EXPOSED_MAX) {
        throw new BlockError('NO_SPACE', `${EXPOSED_MAX} snapshots of ${this.#o.name} are exposed already`)
      }
      const snapshot = snapshotOf(device, id)
      const image = await device.openSnapshot(id)
      try {
        this.#check(leads)
        await this.#serve(snapshot, image)
      } catch (error) {
        await image.close()
        throw error
      }
    })
  }

  /** Connections to it are over when the promise resolves. No error when it is not exposed. */
  hide(id: bigint): Promise<void> {
    return this.#alone(() => this.#end(id, 'it is not exposed any more'))
  }

  /** The lead is over: connections are reset within the call, and nothing of them is under way when the promise resolves. */
  endAll(reason: string): Promise<void> {
    this.#leads++
    for (const { disk } of this.#exposed.values()) disk.lose(reason)
    return this.#alone(async () => {
      for (const id of [...this.#exposed.keys()]) await this.#end(id, reason)
    })
  }

  async #serve({ id, name }: SnapshotInfo, image: VolumeImage): Promise<void> {
    const { served, logger } = this.#o
    const uuid = snapshotUuid(this.#o.uuid, id)
    const target = snapshotTargetName(this.#o.name, name)
    const disk = new SnapshotDisk({ image, uuid, name: target })
    const service = served.volume({ name: target, latencies: makeLatencyRecorders(), first: 'failover' })
    if (this.#own !== undefined) service.setOwnAccess(this.#own)
    service.setQos(this.#limits)
    try {
      this.#exposed.set(id, { image, disk, service })
      this.#changes++
      await service.attach(disk)
    } catch (error) {
      this.#exposed.delete(id)
      this.#changes++
      await service.remove()
      throw error
    }
    logger.info('snapshot.exposed', { volume: this.#o.name, snapshot: name })
  }

  async #end(id: bigint, reason: string): Promise<void> {
    const exposed = this.#exposed.get(id)
    if (exposed === undefined) return
    const { image, disk, service } = exposed
    disk.lose(reason)
    await service.remove()
    this.#exposed.delete(id)
    this.#changes++
    await image.close().catch((error: unknown) => {
      // of a volume that failed meanwhile
      if (!isBlockError(error)) throw error
    })
    this.#o.logger.info('snapshot.hidden', { volume: this.#o.name, snapshot: disk.name, reason })
  }

  #check(leads: number): void {
    if (leads === this.#leads) return
    throw new BlockError('CLOSED', `volume ${this.#o.name} is not led here any more`)
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => undefined)
    return done
  }
}

/** NOT_FOUND. */
function snapshotOf(device: Pick<SnapshotDevice, 'snapshots'>, id: bigint): SnapshotInfo {
  const found = device.snapshots().find((snapshot) => snapshot.id === id)
  if (found !== undefined) return found
  throw new BlockError('NOT_FOUND', `there is no snapshot ${id.toString(16).padStart(16, '0')}`)
}
