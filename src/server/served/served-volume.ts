/**
 * One volume as this process serves it: one `FrontendVolume` for each opening, with one set of access rules and one limiter
 * for the hosts of all front ends.
 */
import { BlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { BlockDevice } from '../../base/ports/block-device.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { AccessRules, ChapCredential, DhchapCredential } from '../../frontend/access.ts'
import type { VolumePaths } from '../../frontend/paths.ts'
import { LimitedDevice } from '../../frontend/qos/limited-device.ts'
import {
  NO_QOS_LIMITS,
  OperationLimiter,
  type QosCounters,
  type QosLimits,
} from '../../frontend/qos/limiter.ts'
import { answerForwarded } from '../../frontend/reservations/answering.ts'
import { FrontendVolume } from '../../frontend/volume.ts'
import type { FrontEndsView, IscsiView, NvmeView } from '../volume-host.ts'
import type { FrontEndVolume, StandbyMeans, VolumeService } from './front-end.ts'

/** Rules of one volume; what is null is as the server's own configuration says. */
export interface OwnAccess {
  readonly initiators: readonly string[] | null
  readonly chap: ChapCredential | null
  readonly hosts: readonly string[] | null
  readonly dhchap: readonly DhchapCredential[] | null
}

export interface ServedVolumeOptions {
  /** UUID; undefined where no other server is told of. */
  readonly volume: string | undefined
  readonly iscsi: FrontEndVolume<IscsiView>
  readonly nvme: FrontEndVolume<NvmeView>
  /** Undefined: it is never a standby path. */
  readonly standby: StandbyMeans | undefined
  /** Rules of the server's own configuration. */
  readonly access: () => AccessRules
  /** What the first device of this process comes after, as hosts are told. */
  readonly first: 'power-loss' | 'failover'
  readonly clock: Clock
  readonly logger: Logger
  readonly sanitizeBytesPerSecond: number
  readonly forget: () => void
}

export class ServedVolume implements VolumeService {
  readonly #o: ServedVolumeOptions
  readonly #frontEnds: readonly FrontEndVolume<unknown>[]
  #volume: FrontendVolume | undefined
  #openings = 0
  #own: OwnAccess = { initiators: null, chap: null, hosts: null, dhchap: null }
  #limits = NO_QOS_LIMITS
  #limiter: OperationLimiter | undefined
  /** Of the openings before the current one. */
  #earlierQos: Omit<QosCounters, 'waiting'> = { throttledOperations: 0, waitedMs: 0, refusedOperations: 0 }

  constructor(options: ServedVolumeOptions) {
    this.#o = options
    this.#frontEnds = [options.iscsi, options.nvme]
  }

  get iqn(): string {
    return this.#o.iscsi.name
  }

  get nqn(): string {
    return this.#o.nvme.name
  }

  /** Since the volume is known here. */
  get qosCounters(): QosCounters {
    const now = this.#limiter?.counters
    const { throttledOperations, waitedMs, refusedOperations } = this.#earlierQos
    return {
      throttledOperations: throttledOperations + (now?.throttledOperations ?? 0),
      waitedMs: waitedMs + (now?.waitedMs ?? 0),
      refusedOperations: refusedOperations + (now?.refusedOperations ?? 0),
      waiting: now?.waiting ?? 0,
    }
  }

  /** New hosts are served before it returns. CORRUPT and UNKNOWN_FORMAT as of `FrontendVolume`. */
  async attach(device: BlockDevice): Promise<void> {
    const { first, clock, logger, sanitizeBytesPerSecond } = this.#o
    const limiter = new OperationLimiter({ clock })
    limiter.setLimits(this.#limits)
    this.#limiter = limiter
    const volume = new FrontendVolume({
      device: new LimitedDevice(device, limiter),
      access: this.#access(),
      after: this.#openings++ === 0 ? first : 'failover',
      clock,
      logger,
      sanitizeBytesPerSecond,
    })
    this.#volume = volume
    await Promise.all(this.#frontEnds.map((frontEnd) => frontEnd.attach(volume)))
  }

  /** The answer to what a standby path of another server asks of this one. BUSY while nothing is attached. */
  async answerForwarded(bytes: Uint8Array): Promise<Uint8Array> {
    if (this.#volume === undefined) throw new BlockError('BUSY', 'the volume is not served here')
    return answerForwarded(this.#volume.reservations, bytes)
  }

  /** Resolves when its connections are reset and nothing that came from them is under way. */
  async detach(): Promise<void> {
    const volume = this.#volume
    // what waits for its turn would be waited for
    this.#limiter?.close()
    this.#earlierQos = this.qosCounters
    // the next opening may come before the end of this one
    this.#limiter = undefined
    this.#volume = undefined
    // a standby path tells its hosts what they were not told here
    if (volume !== undefined) this.#o.standby?.reservations.caughtUp?.(volume.reservations.state)
    await Promise.all(this.#frontEnds.map((frontEnd) => frontEnd.detach()))
    volume?.close()
  }

  /** Its name is not known any more. */
  async remove(): Promise<void> {
    await this.detach()
    await Promise.all(this.#frontEnds.map((frontEnd) => frontEnd.remove()))
    this.#o.forget()
  }

  /** Rules of this volume; sessions that they do not admit end. */
  setOwnAccess(own: OwnAccess): void {
    this.#own = own
    this.accessChanged()
  }

  /** Resolves when nothing is under way of connections that have ended by now, whoever ended them. */
  async settled(): Promise<void> {
    await Promise.all(this.#frontEnds.map((frontEnd) => frontEnd.settled()))
  }

  /** The rules for all volumes are others now. */
  accessChanged(): void {
    const access = this.#access()
    this.#volume?.setAccess(access)
    for (const frontEnd of this.#frontEnds) frontEnd.setAccess(access)
  }

  /** What is told of the paths of the volume with this name. */
  async setPaths(paths: VolumePaths | undefined): Promise<void> {
    // a volume that was deleted may have left a replica here, and its name to another
    const own = paths?.volume === this.#o.volume ? paths : undefined
    await Promise.all(this.#frontEnds.map((frontEnd) => frontEnd.setPaths(own)))
  }

  #access(): AccessRules {
    const common = this.#o.access()
    const { initiators, chap, hosts, dhchap } = this.#own
    return {
      initiators: initiators ?? common.initiators,
      chap: chap === null ? common.chap : [chap],
      hosts: hosts ?? common.hosts,
      dhchap: dhchap ?? common.dhchap,
    }
  }

  /** Hosts that are logged in. */
  get sessions(): number {
    return this.#frontEnds.reduce((sum, { sessions }) => sum + sessions, 0)
  }

  /** In force at once, and for every device that is attached from now on. */
  setQos(limits: QosLimits): void {
    this.#limits = limits
    this.#limiter?.setLimits(limits)
  }

  describe(): FrontEndsView {
    return { iscsi: this.#o.iscsi.describe(), nvme: this.#o.nvme.describe() }
  }
}
