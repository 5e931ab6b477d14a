/**
 * What others see of a volume: how it is made and opened, and what it tells of itself. The data path is
 * `BlockDevice` of src/base; `Volume` (volume.ts) implements it.
 */
import type { BufferPool } from '../base/buffer-pool.ts'
import type { LatencySink } from '../base/latency-sink.ts'
import type { Logger } from '../base/log.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { Disk } from '../base/ports/disk.ts'
import type { OriginSource } from '../base/ports/origin.ts'
import type { Random } from '../base/ports/random.ts'
import type { Tuning } from './tuning.ts'

/** The real world as the engine sees it. */
export interface VolumePorts {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly pool: BufferPool
  readonly logger: Logger
}

export interface CreateVolumeOptions {
  /** Directory of the volume, `DIR/volumes/<uuid>`; made by the call. */
  readonly directory: string
  /** Another directory for the log file, on another device perhaps. */
  readonly logDirectory?: string
  readonly uuid: Uint8Array
  readonly name: string
  /** 1 MiB to 64 TiB, a multiple of 4 KiB. */
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
  /** Default: 256 MiB or a quarter of the volume, whichever is less. */
  readonly logBytes?: number
}

/** One version of a block, and no other. */
export interface ExactVersion {
  readonly block: number
  readonly lsn: number
  /** Of its content, at this place of this write. */
  readonly crc32c: number
  /** The block with which the checksum was seeded, when it is another one: of patterns in the log. */
  readonly seedBlock?: number
}

/** Gives the content of a version from somewhere else (a peer); undefined when it cannot. */
export type RepairSource = (wanted: ExactVersion) => Promise<Uint8Array | undefined>

export interface OpenVolumeOptions {
  readonly directory: string
  readonly logDirectory?: string
  readonly tuning?: Partial<Tuning>
  readonly repairSource?: RepairSource
  /** Of a clone that is not filled yet: without it reads of what it does not have itself are BUSY. */
  readonly origin?: OriginSource
  readonly readOnly?: boolean
  /** How long each fdatasync of the log takes. */
  readonly logSyncTook?: LatencySink
  /**
   * An operator's decision to go on without log entries that were durable and are damaged: the exact LSN range
   * that LOG_DAMAGED named (both ends included).
   */
  readonly acceptLogLoss?: { readonly fromLsn: number; readonly toLsn: number }
}

/** Monotonic counters since the volume was opened. */
export interface VolumeCounters {
  readonly reads: number
  readonly readBytes: number
  readonly writes: number
  readonly writeBytes: number
  readonly trims: number
  readonly trimBytes: number
  readonly flushes: number
  /** fdatasync calls on the log: fewer than flushes when they are grouped. */
  readonly logSyncs: number
  readonly logAppends: number
  readonly logBytes: number
  /** Bytes that the flusher wrote to extents, and to map, maxima, state and superblock. */
  readonly extentBytes: number
  readonly metadataBytes: number
  readonly checkpoints: number
  /** Writes that had to wait at the soft and the hard watermark. */
  readonly softWaits: number
  readonly hardWaits: number
  /** Writes that waited as long as they may, and were answered BUSY. */
  readonly refusedWrites: number
  readonly checksumErrors: number
  readonly blocksRepaired: number
}

/** What a scrub found. `checksum`: a bad copy of the newest version; `version`: of one that a snapshot sees. */
export interface ScrubFinding {
  /** LBA, in blocks of 4 KiB. */
  readonly block: number
  /**
   * `unknown`: its entry in the block map was damaged. Against other replicas: `lost_write`, an older version is there,
   * though a newer one was flushed; `diverged`, another content under the same LSN, good by its own checksum.
   */
  readonly what: 'checksum' | 'unknown' | 'version' | 'lost_write' | 'diverged'
  /** A good copy stands in its place. */
  readonly repaired: boolean
}

export interface ScrubRequest {
  /** Whether bad copies are replaced; default true. */
  readonly repair?: boolean
  /** Ends the pass: it rejects with CLOSED. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void
}

export interface ScrubStatus {
  readonly running: boolean
  readonly passes: number
  /** Bytes verified in this or the last pass. */
  readonly verifiedBytes: number
  /** What a pass goes over: the volume's size, and what is kept for snapshots. */
  readonly totalBytes: number
  /** Found bad in this or the last pass, and not repaired. */
  readonly errors: number
  /** Found bad, and repaired. */
  readonly repaired: number
  /** At most 1000. */
  readonly found: readonly ScrubFinding[]
  /** LBAs (4 KiB blocks) found bad in this or the last pass, at most 100. */
  readonly badBlocks: readonly number[]
  readonly lastPassEndedWallMs: number | undefined
}

type VolumeHealth =
  | 'healthy'
  /** Serves, with something to look at: bad blocks, no space, a flusher that cannot go on. */
  | 'degraded'
  /** Acknowledges nothing until it is reopened. */
  | 'poisoned'
  | 'closed'

export interface VolumeStatus {
  readonly uuid: string
  readonly name: string
  readonly sizeBytes: number
  readonly logicalBlockBytes: number
  readonly readOnly: boolean
  readonly health: VolumeHealth
  /** Why the health is not 'healthy': one sentence each, with what to do. */
  readonly reasons: readonly string[]
  readonly epoch: { readonly number: number; readonly id: string }
  readonly appendedLsn: number
  readonly commitLsn: number
  readonly durableLsn: number
  readonly checkpointLsn: number
  readonly log: { readonly sizeBytes: number; readonly usedBytes: number }
  readonly dirtyBlocks: number
  /** Since the last checkpoint, or since the first entry behind it; 0 while a checkpoint covers everything. */
  readonly checkpointAgeMs: number
  /** The flusher cannot go on, and tries again. */
  readonly isFlusherStalled: boolean
  readonly pressure: 'normal' | 'soft' | 'hard'
  readonly counters: VolumeCounters
  readonly scrub: ScrubStatus
  /** What is kept for snapshots: all of it, the part of it that no snapshot sees any more, and its lists. */
  readonly preserved: {
    readonly dataBytes: number
    readonly freeingBytes: number
    readonly metadataBytes: number
  }
}

/** Space on the disk; the parts add up to `totalBytes`. */
export interface SpaceReport {
  readonly extentsBytes: number
  readonly mapBytes: number
  readonly logBytes: number
  readonly versionsBytes: number
  readonly otherBytes: number
  readonly totalBytes: number
  /** What the file system still has. */
  readonly freeBytes: number
}
