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

/** How long hosts may take to let go by themselves. */
export interface DrainLimit {
  readonly timeoutMs: number
  /** Ends it before. */
  readonly signal: AbortSignal
}

/** One protocol of this process: where it listens, and the volumes that it knows. */
export interface FrontEnd<View> {
  /** Where it listens; at least one, the first is the first portal. */
  readonly addresses: readonly HostPort[]
  /** Makes a volume known under its name, which no other may have at that time; it is served while it is attached. */
  volume(options: FrontEndVolumeOptions): FrontEndVolume<View>
  /**
   * No new sessions; asks hosts to log out and resolves when all have, or at the limit. Connections that are left end with
   * `detach`.
   */
  drain(limit: DrainLimit): Promise<void>
  /** Listens no more, and cuts all connections. */
  close(): Promise<void>
}

export interface FrontEndVolumeOptions {
  readonly name: string
  /** Told of every command that ends. */
  readonly command: (kind: CommandKind, durationMs: number) => void
}

/** One volume as one protocol offers it. */
export interface FrontEndVolume<View> {
  /** By which hosts ask for it: IQN, NQN. */
  readonly name: string
  /** Serves `volume` from now on. */
  attach(volume: FrontendVolume): Promise<void>
  /** Resets all connections and admits none until the next `attach`; resolves when nothing that came by them is under way. */
  detach(): Promise<void>
  /** Its name is not known any more. It is detached. */
  forget(): void
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
