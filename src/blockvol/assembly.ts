/**
 * How the parts of an open volume hang together: built once when it is opened. The parts know each other only
 * through the functions that are passed here; `VolumeHooks` is what they need of the volume itself.
 */
import { BlockError } from '../base/errors.ts'
import { BLOCK_BYTES, type Lsn } from '../base/units.ts'
import { Admission } from './admission.ts'
import { isInPlace } from './allocation.ts'
import type { OpenVolumeOptions, RepairSource, VolumePorts } from './api.ts'
import { BlockLocks } from './block-locks.ts'
import { Checkpointer } from './checkpointer.ts'
import { type Commitment, CommittedAlone, CommittedByReplicas } from './commitment.ts'
import { DataPath } from './data-path.ts'
import type { DirtyMap } from './dirty/dirty-map.ts'
import type { StatefulCut } from './flush/cut.ts'
import { Flusher } from './flush/flusher.ts'
import type { AppendedEntry } from './log/group-composer.ts'
import type { LogFile } from './log/log-file.ts'
import type { LogIndex } from './log/log-index.ts'
import { LogPins } from './log/log-pins.ts'
import { LogReader } from './log/log-reader.ts'
import { LogWriter } from './log/log-writer.ts'
import { BlockMap } from './map/block-map.ts'
import { GrainMaxima } from './map/maxima.ts'
import { BlockReader } from './reader.ts'
import type { Recorder } from './recorder.ts'
import type { Recovered } from './recovery.ts'
import { Repairs } from './repairs.ts'
import { BaseGate } from './replica/base-gate.ts'
import { Scrubber } from './scrub.ts'
import { CloneFilling } from './snapshots/clone-filling.ts'
import type { BlockSource } from './snapshots/located.ts'
import { OpenImages } from './snapshots/open-images.ts'
import { Preserver } from './snapshots/preserver.ts'
import { SnapshotChanges } from './snapshots/snapshot-changes.ts'
import { SnapshotViews } from './snapshots/views.ts'
import { SpaceGuard } from './space-guard.ts'
import { StateChanges } from './state-changes.ts'
import { FORMAT_LEVEL, type StateKeeper } from './state-keeper.ts'
import type { Tuning } from './tuning.ts'
import type { VersionStore } from './versions/version.ts'
import type { VolumeFiles } from './volume-files.ts'
import type { VolumeTelemetry } from './volume-status.ts'
import { within } from './within.ts'

/** Part of the ring that may be kept for replicas that catch up. */
const PINNED_LOG_PART = 0.5
const nothing = (): void => undefined
const never = (): boolean => false
const latestLevel = (): number => FORMAT_LEVEL
/** So many cuts of snapshots and restores wait before the flusher is started for their sake. */
const WAITING_CUTS_MAX = 4

export interface VolumeHooks {
  /** An entry is in the log, and readers see it. */
  readonly appended: (entry: AppendedEntry) => void
  readonly groupAppended: () => void
  /** The disk failed. */
  readonly failed: (error: unknown) => void
  readonly repaired: (block: number, source: BlockSource, content: Uint8Array) => void
  readonly ensureServing: () => void
  readonly isServing: () => boolean
}

/** What a volume that is one of several replicas needs of who looks after it. */
export interface ReplicaHooks {
  /** A host asks for a flush of everything up to `lsn`. */
  readonly flushAsked: (lsn: Lsn) => void
  /** What is appended, durable or flushed has changed. */
  readonly moved: () => void
  /** Base blocks of a resync arrive beside the log. */
  readonly isFilling: () => boolean
  /** The base of a resync brings all versions of the block, for it was told that the block is not known here. */
  readonly isAsked: (block: number) => boolean
  /** Where the resync begins whose base blocks arrive; undefined when none do. */
  readonly baseLsn: () => number | undefined
  readonly pinsLost: (keys: readonly string[]) => void
  /** Least format level that the replicas know which get the log; the one of this program when it is not given. */
  readonly formatLevelMax?: () => number
}

/** The parts that only such a volume has. */
interface ReplicaParts {
  readonly commitment: CommittedByReplicas
  readonly index: LogIndex
  readonly logReader: LogReader
  readonly pins: LogPins
  /** What flushes wait for while the base of the replica is on its way. */
  readonly gate: BaseGate
}

export interface VolumeParts {
  readonly replica: ReplicaParts | undefined
  readonly state: StateKeeper
  readonly recorder: Recorder
  readonly views: SnapshotViews
  readonly preserver: Preserver
  readonly versions: VersionStore
  /** Blocks from 0 that are as the origin has them while nobody touched them; 0 of all but an unfilled clone. */
  readonly originBlocks: () => number
  readonly images: OpenImages
  readonly snapshots: SnapshotChanges
  readonly filling: CloneFilling
  readonly changes: StateChanges
  readonly log: LogFile
  readonly dirty: DirtyMap
  readonly map: BlockMap
  readonly maxima: GrainMaxima
  readonly writer: LogWriter
  readonly commitment: Commitment
  readonly reader: BlockReader
  readonly admission: Admission
  readonly locks: BlockLocks
  readonly path: DataPath
  readonly checkpointer: Checkpointer
  readonly flusher: Flusher<StatefulCut>
  readonly scrubber: Scrubber
}

export async function assemble(
  ports: VolumePorts,
  options: OpenVolumeOptions,
  tuning: Tuning,
  files: VolumeFiles,
  recovered: Recovered,
  telemetry: VolumeTelemetry,
  hooks: VolumeHooks,
  replication: { readonly hooks: ReplicaHooks; readonly index: LogIndex } | undefined,
): Promise<VolumeParts> {
  const { clock, pool, disk } = ports
  const { superblocks, extents } = files
  const { log, state, epoch, recorder } = recovered
  const { dirty } = recorder
  const { versions } = files
  const moved = replication?.hooks.moved ?? nothing
  const superblock = superblocks.current
  const repairs = new Repairs({
    source: options.repairSource,
    logger: ports.logger,
    volume: superblock.name,
    onRepaired: () => telemetry.repaired(),
  })
  const repairSource: RepairSource = (wanted) => repairs.copyOf(wanted)
  const locks = new BlockLocks()
  const writer: LogWriter = new LogWriter({
    file: log,
    clock,
    logTag: superblock.logTag,
    epoch,
    head: recovered.end,
    lastLsn: recovered.lastLsn,
    checkpoint: superblock.checkpoint.position,
    hardWatermark: tuning.hardWatermark,
    index: replication?.index,
    timeoutMs: tuning.admissionTimeoutMs,
    hungMs: tuning.hungDiskMs,
    onAppended: (entry) => {
      const { request, lsn, dataPosition, checksum, group } = entry
      recorder.entry(request, lsn, dataPosition, checksum, group)
      hooks.appended(entry)
    },
    onGroup: () => {
      recorder.groupEnded(() => ({ ...writer.boundary, epoch: writer.epoch }))
      if (recorder.waiting.length >= WAITING_CUTS_MAX) flusher.kick()
      hooks.groupAppended()
      replica?.pins.check()
      moved()
    },
    onSynced: moved,
    onSettled: () => admission.wake(),
    onFull: () => {
      replica?.pins.giveUpAll()
      flusher.kick()
    },
    onFailed: hooks.failed,
    syncTook: options.logSyncTook,
  })
  const replica = replication && {
    commitment: new CommittedByReplicas({
      lsn: superblock.checkpoint.lsn,
      onFlushAsked: replication.hooks.flushAsked,
    }),
    index: replication.index,
    gate: new BaseGate(replication.hooks.isFilling()),
    logReader: new LogReader({ file: log, index: replication.index, logTag: superblock.logTag, pool }),
    pins: new LogPins({
      index: replication.index,
      writer,
      budgetBytes: log.ringBytes * PINNED_LOG_PART,
      onLost: replication.hooks.pinsLost,
    }),
  }
  const commitment: Commitment = replica?.commitment ?? new CommittedAlone(writer)
  const maxima = await GrainMaxima.open(files.maxima, superblock.grainBlocks, clock)
  const map = new BlockMap({
    files: files.maps,
    clock,
    cacheBytes: tuning.mapCacheBytes,
    maxima,
    checkpointLsn: () => superblocks.current.checkpoint.lsn,
    onDamage: (sector) => telemetry.mapSectorDamaged(sector),
    sizeBlocks: () => state.current.sizeBytes / BLOCK_BYTES,
    onUnknown: (block) => telemetry.unknown(block),
  })
  const originBlocks = (): number => (state.current.origin?.sizeBytes ?? 0) / BLOCK_BYTES
  const views = new SnapshotViews({
    dirty,
    map,
    log,
    extents,
    versions,
    repairSource,
    originBlocks,
    origin: options.origin,
    onVerdict: (block, verdict, isOfVolume) => telemetry.verdict(block, verdict, isOfVolume),
    onRepair: hooks.repaired,
  })
  const reader = new BlockReader({ dirty, commitment, map, log, extents, views, originBlocks })
  const onLost = (block: number): void => {
    telemetry.unknown(block)
    ports.logger.error('volume.version-lost', { volume: superblock.name, block })
  }
  const isAsked = replication?.hooks.isAsked ?? never
  const baseLsn = replication?.hooks.baseLsn ?? ((): undefined => undefined)
  const preserver = new Preserver({ map, extents, versions, pool, repairSource, onLost, isAsked, baseLsn })
  const newestSnapshot = (): number => state.current.snapshots.at(-1)?.lsn ?? 0
  const admission: Admission = new Admission(clock, tuning, {
    fullness: () => Math.max(writer.unflushedBytes / log.ringBytes, dirty.rangeCount / tuning.dirtyRangesMax),
    pendingBytes: () => writer.queuedBytes,
  })
  const space = await SpaceGuard.open({
    disk,
    clock,
    path: options.directory,
    reserveBytes: tuning.reserveBytes,
    // what a snapshot sees is copied before it is overwritten
    unflushedBytes: () => dirty.blockCount * BLOCK_BYTES * (newestSnapshot() > 0 ? 2 : 1),
  })
  const path = new DataPath({
    pool,
    reader,
    writer,
    commitment,
    admission,
    locks,
    space,
    takesNoSpace: (block, blocks) => isInPlace({ dirty, map }, block, block + blocks, newestSnapshot()),
    preserves: () => newestSnapshot() > 0,
    rangeRoom: () => {
      if (dirty.rangeCount < tuning.dirtyRangesMax) return undefined
      const busy = (error: unknown): never => {
        throw new BlockError('BUSY', 'too many trimmed ranges wait to be flushed', { cause: error })
      }
      const room = flusher.through(writer.appendedLsn).catch(busy)
      return within(clock, tuning.admissionTimeoutMs, room, 'too many trimmed ranges wait to be flushed')
    },
    ensureServing: hooks.ensureServing,
  })
  const checkpointer = new Checkpointer({
    ports,
    dirty,
    log,
    writer,
    map,
    maxima,
    extents,
    state,
    superblocks,
    versions,
    preserver,
    repairSource,
    provenLsn: (cut) => (replica === undefined ? writer.durableLsn : cut.lsn),
    flushableLsn: () => commitment.flushableLsn,
    onMapped: (block) => telemetry.mapped(block),
    onLost,
    onMoved: moved,
    isFilling: replication?.hooks.isFilling ?? never,
  })
  const flusher: Flusher<StatefulCut> = new Flusher({
    clock,
    retryMs: tuning.flushRetryMs,
    isNeeded: () => writer.appendedLsn > superblocks.current.checkpoint.lsn,
    freeze: () => recorder.freeze({ ...writer.boundary, epoch: writer.epoch }),
    takeWaiting: () => recorder.take(),
    flush: async (cut) => {
      const flushable = commitment.flushable(cut.lsn)
      if (flushable !== undefined) await flushable
      await replica?.gate.passed({ isRestore: cut.generation.restore !== undefined })
      await checkpointer.flush(cut)
    },
    onFailed: hooks.failed,
    onStalled: (error) => ports.logger.error('volume.flush-stalled', { volume: superblock.name }, error),
  })
  const scrubber = new Scrubber({
    clock,
    pool,
    map,
    maxima,
    extents,
    versions,
    alone: (run) => checkpointer.alone(run),
    repairSource,
    onVerdict: (block, verdict) => telemetry.verdict(block, verdict),
    bytesPerSecond: tuning.scrubBytesPerSecond,
    intervalMs: tuning.scrubIntervalMs,
    isInLog: (block) => dirty.lookup(block) !== 'clean',
    sizeBlocks: () => state.current.sizeBytes / BLOCK_BYTES,
    isServing: hooks.isServing,
  })
  const changes = new StateChanges(writer, commitment, state, log.ringBytes)
  const images = new OpenImages({
    state,
    commitment,
    dirty,
    maxima,
    views,
    ensureServing: hooks.ensureServing,
  })
  const snapshots = new SnapshotChanges({
    state,
    changes,
    wallMs: () => clock.wallMs(),
    formatLevelMax: replication?.hooks.formatLevelMax ?? latestLevel,
    isPristine: () => maxima.endGrain === 0 && dirty.isEmpty,
    openImages: (id) => images.countOf(id),
    lockAll: () => locks.acquire(0, Number.POSITIVE_INFINITY),
  })
  return {
    replica,
    state,
    recorder,
    views,
    preserver,
    versions,
    originBlocks,
    images,
    snapshots,
    filling: new CloneFilling({ dirty, map, path, origin: options.origin, originBlocks }),
    changes,
    log,
    dirty,
    map,
    maxima,
    writer,
    commitment,
    reader,
    admission,
    locks,
    path,
    checkpointer,
    flusher,
    scrubber,
  }
}
