/**
 * The ways by which hosts reach the volumes of a process, one `FrontEnd` for each protocol, and what whoever hosts a
 * volume sees of them all together (`VolumeService`). A front end outlives the openings of a volume: it is told of each new
 * one, and resets its connections when one ends, for a connection belongs to the epoch in which it was made.
 */
import type { HostPort } from '../../base/address.ts'
import type { BufferPool } from '../../base/buffer-pool.ts'
import type { Logger } from '../../base/log.ts'
import type { BlockDevice } from '../../base/ports/block-device.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Net } from '../../base/ports/net.ts'
import type { Random } from '../../base/ports/random.ts'
import type { AccessRules } from '../../frontend/access.ts'
import type { VolumePaths } from '../../frontend/paths.ts'
import type { ReservationPort } from '../../frontend/reservations/port.ts'
import type { FrontendVolume } from '../../frontend/volume.ts'
import type { CommandKind, FrontEndsView } from '../volume-host.ts'

/** What front ends need of the world. */
export interface FrontEndPorts {
  readonly net: Net
  readonly clock: Clock
  readonly random: Random
  readonly pool: BufferPool
  readonly logger: Logger
}

/** Where each front end listens; the first of each is its first portal. */
export interface FrontEndAddresses {
  readonly iscsi: readonly HostPort[]
  readonly nvme: readonly HostPort[]
}

/** How long hosts may take to let go by themselves. */
export interface DrainLimit {
  readonly timeoutMs: number
  /** Ends it before. */
  readonly signal: AbortSignal
}

/** What is known of a volume of the cluster, wherever it is served. */
export interface KnownVolume {
  readonly paths: VolumePaths
  /** Who may know of it; at the server that serves it more may be asked for. */
  readonly access: Pick<AccessRules, 'initiators' | 'hosts'>
}

/** One protocol of this process: where it listens, and the volumes that it knows. */
export interface FrontEnd<View> {
  /** Where it listens; at least one, the first is the first portal. */
  readonly addresses: readonly HostPort[]
  /** Makes a volume known under its name, which no other may have at that time; it is served while it is attached. */
  volume(options: FrontEndVolumeOptions): FrontEndVolume<View>
  /** What is known of the volume with this name; undefined: nothing any more. What is served here is not asked of it. */
  know(name: string, known: KnownVolume | undefined): void
  /** Whether names of the cluster that are not known are those of no volume; else their hosts are to come again. */
  knowsAll(isWhole: boolean): void
  /**
   * No new sessions; asks hosts to log out and resolves when all have, or at the limit. Connections that are left end with
   * `detach`.
   */
  drain(limit: DrainLimit): Promise<void>
  /** Listens no more, and cuts all connections. */
  close(): Promise<void>
}

/** What a standby path answers by. */
export interface StandbyMeans {
  /** Those in force where the volume is served. */
  readonly reservations: ReservationPort
  /** As of the device that would be served here; 0 while nobody can tell. */
  readonly atomicWriteBytesMax: () => number
}

export interface FrontEndVolumeOptions {
  readonly name: string
  /** Before the first `setAccess`. */
  readonly access: AccessRules
  /** Undefined: it is never a standby path. */
  readonly standby: StandbyMeans | undefined
  /** Told of every command that ends. */
  readonly command: (kind: CommandKind, durationMs: number) => void
}

/** One volume as one protocol offers it. */
export interface FrontEndVolume<View> {
  /** By which hosts ask for it: IQN, NQN. */
  readonly name: string
  /** Serves `volume` from now on; resolves when those who were connected to a standby path are served, too. */
  attach(volume: FrontendVolume): Promise<void>
  /**
   * Resets all connections to what was attached, before it returns; resolves when nothing that came by them is under way.
   * After that this server may be a standby path.
   */
  detach(): Promise<void>
  /** Who may use it while nothing is attached. */
  setAccess(access: AccessRules): void
  /** Resolves when nothing is under way of connections that have been reset by now. */
  settled(): Promise<void>
  /** Its paths, as the master told them last; undefined when it is not told of, or not as this volume. */
  setPaths(paths: VolumePaths | undefined): Promise<void>
  /** Its name is not known any more, and nothing of it is offered. */
  remove(): Promise<void>
  /** Hosts that are logged in. */
  readonly sessions: number
  describe(): View
}

/** A volume as all front ends serve it. */
export interface VolumeService {
  /** Serves `device` from now on: the volume has been opened. */
  attach(device: BlockDevice): Promise<void>
  /** The device is about to be closed: resets all connections to it and admits none until the next `attach`. */
  detach(): Promise<void>
  describe(): FrontEndsView
}
