/**
 * What the NVMe/TCP target is given and what it tells: the terms between it and whoever hosts volumes.
 *
 * A volume is one subsystem with one namespace (NSID 1, ANA group 1). A server with a replica of it has the subsystem
 * whether it serves it or not: `addVolume` where it is served, `addStandby` where it is not, `activate` when a standby
 * becomes the one that serves. When a volume is lost, its `FrontendVolume` says so, all connections are reset at once,
 * and the owner calls `removeVolume` and then, if a replica stays, `addStandby`.
 */
import type { BufferPool } from '../../base/buffer-pool.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Net } from '../../base/ports/net.ts'
import type { Random } from '../../base/ports/random.ts'
import type { AccessRules } from '../../frontend/access.ts'
import type { LoginLimits } from '../../frontend/login-limiter.ts'
import type { VolumePaths } from '../../frontend/paths.ts'
import type { FrontendVolume } from '../../frontend/volume.ts'
import type { Authentication } from '../controller/authentication.ts'
import type { NvmeCommandKind } from '../controller/command-kind.ts'
import type { PathsSource } from '../controller/subsystem.ts'
import type { NvmeTargetLimits } from './limits.ts'

/** Every volume that hosts may be sent to, here or elsewhere: what the discovery log page is made of. */
export interface NvmeDirectory {
  /** Asked anew for each discovery log page. Volumes without paths over NVMe give no entries. */
  volumes(): Iterable<{ readonly nqn: string; readonly paths: VolumePaths }>
  /** Called after any change; hosts with a discovery connection are then told, and ask again. */
  subscribe(listener: () => void): () => void
}

/** Told of every I/O command that was answered. */
export interface NvmeCommandObserver {
  command(kind: NvmeCommandKind, durationMs: number, bytes: number): void
  /** An association began. */
  began?(): void
}

export interface NvmeTargetOptions {
  readonly net: Net
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Shared with other users of payload buffers; its own by default. */
  readonly pool?: BufferPool
  readonly limits?: Partial<NvmeTargetLimits>
  readonly loginLimits?: LoginLimits
  /** Without one, only the volumes that are here are discovered, at the addresses of this target. */
  readonly directory?: NvmeDirectory
  /**
   * Asked for subsystems that are not here. `later`: the host shall try again (the volume is being opened, or the table
   * of the cluster is not here yet). `unknown`, which is the default: it shall not.
   */
  readonly resolve?: (nqn: string) => 'later' | 'unknown'
  /** DH-HMAC-CHAP; without it a volume whose rules ask for authentication lets nobody in. */
  readonly authentication?: Authentication
}

export interface NvmeVolumeOptions {
  readonly nqn: string
  readonly volume: FrontendVolume
  /** Of this server on the volume's paths: controller ids come from it. 0 by default. */
  readonly slot?: number
  /** For discovery and the ANA state; one path, which is this one, by default. */
  readonly paths?: PathsSource
  /** Told of every I/O command; costs nothing when absent. */
  readonly observer?: NvmeCommandObserver
}

export interface NvmeStandbyOptions {
  readonly nqn: string
  /** Identity and size of the namespace come from it too. */
  readonly paths: PathsSource
  readonly access: AccessRules
  readonly slot: number
  /** What the replica's device promises; 0 by default. */
  readonly atomicWriteBytesMax?: number
}

export type { PathsSource } from '../controller/subsystem.ts'

/** A host's association with one controller. */
export interface NvmeSessionInfo {
  /** NQN as the host sent it. */
  readonly host: string
  /** UUID text of the host identifier. */
  readonly hostId: string
  readonly address: string
  readonly subsystem: string
  readonly controllerId: number
  readonly isDiscovery: boolean
  /** I/O queues that are connected. */
  readonly ioQueues: number
  readonly connectedWallMs: number
  readonly commands: number
  readonly readBytes: number
  readonly writtenBytes: number
}
