/**
 * How the parts of an open volume hang together: built once when it is opened. The parts know each other only
 * through the functions that are passed here; `VolumeHooks` is what they need of the volume itself.
 */
import { BlockError } from '../base/errors.ts'
import { BLOCK_BYTES, type Lsn } from '../base/units.ts'
import { Admission } from './admission.ts'
import { findAllocation } from './allocation.ts'
import type { OpenVolumeOptions, RepairSource, VolumePorts } from './api.ts'
import { BlockLocks } from './block-locks.ts'
import { Checkpointer, type StatefulCut } from './checkpointer.ts'
import { type Commitment, CommittedAlone, CommittedByReplicas } from './commitment.ts'
import { DataPath } from './data-path.ts'
import type { DirtyMap } from './dirty/dirty-map.ts'
import { Flusher } from './flush/flusher.ts'
import type { AppendedEntry } from './log/group-composer.ts'
import type { LogFile } from './log/log-file.ts'
import type { LogIndex } from './log/log-index.ts'
import { LogPins } from './log/log-pins.ts'
import { LogReader } from './log/log-reader.ts'
import { LogWriter } from './log/log-writer.ts'
import { BlockMap } from './map/block-map.ts'
import { GrainMaxima } from './map/maxima.ts'
import { BlockReader, type BlockSource } from './reader.ts'
import type { Recovered } from './recovery.ts'
import { Repairs } from './repairs.ts'
import { Scrubber } from './scrub.ts'
import { SpaceGuard } from './space-guard.ts'
import { StateChanges } from './state-changes.ts'
import type { StateKeeper } from './state-keeper.ts'
import type { Tuning } from './tuning.ts'
import type { VolumeFiles } from './volume-files.ts'
import type { VolumeTelemetry } from './volume-status.ts'
import { within } from './within.ts'

/** Part of the ring that may be kept for replicas that catch up. */
const PINNED_LOG_PART = 0.5
const nothing = (): void => undefined
const never = (): boolean => false

export interface VolumeHooks {
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
  readonly pinsLost: (keys: readonly string[]) => void
}

/** The parts that only such a volume has. */
interface ReplicaParts {
  readonly commitment: CommittedByReplicas
  readonly index: LogIndex
  readonly logReader: LogReader
  readonly pins: LogPins
}

export interface VolumeParts {
  readonly replica: ReplicaParts | undefined
  readonly state: StateKeeper
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
  recovered: Recovered & { readonly dirty: DirtyMap },
  telemetry: VolumeTelemetry,
  hooks: VolumeHooks,
  replication: { readonly hooks: ReplicaHooks; readonly index: LogIndex } | undefined,
): Promise<VolumeParts> {
  const { clock, pool, disk } = ports
  const { superblocks, extents } = files
  const { log, state, epoch, dirty } = recovered
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
    onAppended: hooks.appended,
    onGroup: () => {
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
  })
  const replica = replication && {
    commitment: new CommittedByReplicas({
      lsn: superblock.checkpoint.lsn,
      onFlushAsked: replication.hooks.flushAsked,
    }),
    index: replication.index,
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
  const reader = new BlockReader({
    dirty,
    commitment,
    map,
    log,
    extents,
    repairSource,
    onVerdict: (block, verdict) => telemetry.verdict(block, verdict),
    onRepair: hooks.repaired,
  })
  const admission: Admission = new Admission(clock, tuning, {
    fullness: () => Math.max(writer.unflushedBytes / log.ringBytes, dirty.rangeCount / tuning.dirtyRangesMax),
    pendingBytes: () => writer.queuedBytes,
  })
  const path = new DataPath({
    pool,
    reader,
    writer,
    commitment,
    admission,
    locks,
    space: new SpaceGuard({
      disk,
      clock,
      path: options.directory,
      reserveBytes: tuning.reserveBytes,
      unflushedBytes: () => dirty.blockCount * BLOCK_BYTES,
    }),
    isAllocated: async (block, blocks) => {
      const end = block + blocks
      const runs = await findAllocation({ dirty, map }, block, end, 2)
      return runs.length === 1 && runs[0]!.mapped && runs[0]!.end === end
    },
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
    versions: files.versions,
    repairSource,
    provenLsn: (cut) => (replica === undefined ? writer.durableLsn : cut.lsn),
    onMapped: (block) => telemetry.mapped(block),
    onMoved: moved,
    isFilling: replication?.hooks.isFilling ?? never,
  })
  const flusher: Flusher<StatefulCut> = new Flusher({
    clock,
    retryMs: tuning.flushRetryMs,
    isNeeded: () => writer.appendedLsn > superblocks.current.checkpoint.lsn,
    freeze: () => ({
      ...writer.boundary,
      generation: dirty.freeze(),
      state: state.current,
      epoch: writer.epoch,
      isAfterLoss: recovered.isLossAccepted && writer.appendedLsn === recovered.lastLsn,
    }),
    flush: async (cut) => {
      const flushable = commitment.flushable(cut.lsn)
      if (flushable !== undefined) await flushable
      await checkpointer.flush(cut)
    },
    onFailed: hooks.failed,
    onStalled: (error) => ports.logger.error('volume.flush-stalled', { volume: superblock.name }, error),
  })
  const scrubber = new Scrubber({
    clock,
    pool,
    reader,
    map,
    maxima,
    bytesPerSecond: tuning.scrubBytesPerSecond,
    intervalMs: tuning.scrubIntervalMs,
    sizeBlocks: () => state.current.sizeBytes / BLOCK_BYTES,
    isServing: hooks.isServing,
  })
  return {
    replica,
    state,
    changes: new StateChanges(writer, commitment, state, log.ringBytes),
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
