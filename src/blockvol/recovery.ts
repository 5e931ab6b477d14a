/**
 * From files to a volume that can serve: superblock, state, log scan, the verdict on what the scan found past the
 * log's end, and a new epoch. Everything here may be interrupted at any line and begun again: until the new epoch
 * is in the superblock nothing is changed but (a) stale groups past a torn tail, which are made unreadable,
 * and (b) an operator's acceptance of a loss, recorded before anything is given up.
 */
import { assert } from '../base/assert.ts'
import { BlockError } from '../base/errors.ts'
import { type Epoch, epochNumber, type LogPosition, type Lsn, logPosition, lsn } from '../base/units.ts'
import type { OpenVolumeOptions, VolumePorts } from './api.ts'
import { DirtyMap } from './dirty/dirty-map.ts'
import { GROUP_ALIGN_BYTES } from './format/log-group.ts'
import { MARK } from './format/superblock.ts'
import { LogFile } from './log/log-file.ts'
import { LogIndex } from './log/log-index.ts'
import {
  type GroupBeyond,
  type LogCut,
  type LogScanOptions,
  type LogScanResult,
  type ScannedEntry,
  scanLog,
} from './log/log-scan.ts'
import { Recorder } from './recorder.ts'
import { StateKeeper } from './state-keeper.ts'
import type { SuperblockStore } from './superblock-store.ts'
import type { VolumeFiles } from './volume-files.ts'

export interface Recovered {
  readonly log: LogFile
  readonly state: StateKeeper
  /** Everything that the log holds and extents and map do not, with the cuts that snapshots and restores make. */
  readonly recorder: Recorder
  /** The epoch of this opening, in the superblock already; of a replica, the epoch of its last entry. */
  readonly epoch: Epoch
  readonly lastLsn: Lsn
  /** End of the last valid group. */
  readonly end: LogPosition
  readonly replayedEntries: number
  /**
   * An operator accepted that entries are lost. `lastLsn` is then above every LSN that map, maxima or state may hold
   * of them, and a checkpoint has to be taken before anything is appended.
   */
  readonly isLossAccepted: boolean
}

/** Of a volume alone: its log goes on in a new epoch. */
export async function recover(
  ports: VolumePorts,
  options: OpenVolumeOptions,
  files: VolumeFiles,
): Promise<Recovered> {
  const { superblocks } = files
  const { current } = superblocks
  const log = await openLog(files)
  const { state, scan, recorder, replayedEntries } = await replay(files, log, () => undefined)
  let lostToLsn = 0
  if ((current.marks & MARK.clean) === 0) {
    lostToLsn = await settleTail(ports, options, superblocks, log, scan)
    // the scan made the kernel write back what was only in the page cache; it counts once the device has it too
    // (invariant 6)
    await log.datasync()
  }
  const isLossAccepted = lostToLsn > 0
  const lastLsn = isLossAccepted ? Math.max(lostToLsn, state.current.asOfLsn) : scan.lastLsn
  if (isLossAccepted) recorder.lossAccepted(scan.lastLsn + 1, lastLsn)
  const number = Math.max(current.epoch.number, scan.epoch.number) + 1
  const epoch = { number: epochNumber(number), id: ports.random.u64() }
  await superblocks.update({
    epoch,
    marks: current.marks & ~(MARK.clean | MARK.poisoned),
    bootId: await ports.disk.bootId(),
    ...(isLossAccepted ? {} : { durableLsn: lsn(scan.lastLsn) }),
  })
  return {
    log,
    state,
    recorder,
    epoch,
    lastLsn: lsn(lastLsn),
    end: logPosition(scan.end),
    replayedEntries,
    isLossAccepted,
  }
}

async function openLog({ log, superblocks }: VolumeFiles): Promise<LogFile> {
  const { logBytes } = superblocks.current
  if ((await log.sizeBytes()) < logBytes) {
    throw new BlockError('CORRUPT', `${log.path} is shorter than the superblock says`, {
      facts: { path: log.path, expectedBytes: logBytes },
    })
  }
  return new LogFile(log, logBytes)
}

/** What the opening of a replica finds, beside the rest. */
export interface RecoveredReplica extends Recovered {
  /** The last opening was closed in order. */
  readonly wasClosed: boolean
  /** Entries that were durable are damaged and given up, or the disk failed in the last opening. */
  readonly isDamaged: boolean
  /**
   * Makes what lies behind the damage unreadable. Until it is called a later opening may find the log whole, if the disk
   * only could not read it; nothing may be appended before.
   */
  giveUpBeyond(): Promise<void>
  readonly index: LogIndex
}

/**
 * Of a replica: it goes on with the epochs that its log has, and what it lacks it gets from its peers, so damage does
 * not keep it closed. The superblock's durable LSN stays: it is how far extents and map may be ahead of the log.
 */
export async function recoverReplica(ports: VolumePorts, files: VolumeFiles): Promise<RecoveredReplica> {
  const { superblocks } = files
  const { current } = superblocks
  const log = await openLog(files)
  const { state, scan, recorder, index, replayedEntries } = await replay(
    files,
    log,
    () => new LogIndex(log.ringBytes),
  )
  assert(index !== undefined, 'the log of a replica has an index')
  const loss = lossOf(superblocks, scan)
  if (loss === undefined) await wipe(log, scan.beyond)
  await log.datasync()
  // that it was poisoned stays until its owner has noted the damage in marks of its own
  await superblocks.update({
    marks: current.marks & ~(MARK.clean | MARK.closed),
    bootId: await ports.disk.bootId(),
  })
  return {
    log,
    state,
    recorder,
    epoch: scan.epoch,
    lastLsn: lsn(scan.lastLsn),
    end: logPosition(scan.end),
    replayedEntries,
    isLossAccepted: false,
    wasClosed: (current.marks & (MARK.clean | MARK.closed)) !== 0,
    isDamaged: loss !== undefined || (current.marks & MARK.poisoned) !== 0,
    giveUpBeyond: () => wipe(log, loss === undefined ? [] : scan.beyond),
    index,
  }
}

interface Replayed extends Pick<Recovered, 'state' | 'recorder' | 'replayedEntries'> {
  readonly scan: LogScanResult
  readonly index: LogIndex | undefined
}

/** State and dirty map from the log's entries; from the start again, without what a cut behind them has voided. */
async function replay(
  files: VolumeFiles,
  log: LogFile,
  makeIndex: () => LogIndex | undefined,
  cuts: readonly LogCut[] = [],
): Promise<Replayed> {
  const { superblocks } = files
  const state = await StateKeeper.open(files.state, superblocks.current.checkpoint.stateGeneration)
  const recorder = new Recorder(new DirtyMap(), state)
  const index = makeIndex()
  let replayedEntries = 0
  let lastLsn = 0
  const onGroup: LogScanOptions['onGroup'] = (group) =>
    recorder.groupEnded(() => ({ ...group, lsn: group.lastLsn, position: logPosition(group.end) }))
  const scan = await scanUnlessClean(superblocks, log, { cuts, index, onGroup }, (entry) => {
    // behind a cut that was not known: nothing of this pass is kept, and the next one knows it
    if (entry.lsn <= lastLsn) return
    lastLsn = entry.lsn
    replayedEntries++
    const { lsn: entryLsn, dataPosition, checksums, group } = entry
    recorder.entry(entry, entryLsn, dataPosition, (i) => checksums[i]!, group)
  })
  if (scan.cuts.length > cuts.length) return replay(files, log, makeIndex, scan.cuts)
  return { state, scan, recorder, index, replayedEntries }
}

/** After a clean close the log holds nothing and nothing lies beyond its end: no scan. */
async function scanUnlessClean(
  superblocks: SuperblockStore,
  log: LogFile,
  known: Pick<LogScanOptions, 'cuts' | 'index' | 'onGroup'>,
  onEntry: (entry: ScannedEntry) => void,
): Promise<LogScanResult> {
  const { checkpoint, marks, logTag } = superblocks.current
  const start = { lastLsn: checkpoint.lsn, epoch: checkpoint.epoch }
  if ((marks & MARK.clean) !== 0)
    return { ...start, end: checkpoint.position, groups: 0, beyond: [], cuts: [] }
  return scanLog({ file: log, logTag, from: checkpoint.position, ...start, ...known, onEntry })
}

/**
 * Decides what the end of the scan is. A torn tail: groups past it are made unreadable, for good. Damage: entries
 * past the stop were durable once; LOG_DAMAGED names them, and nothing is touched until an operator accepts it.
 * Returns the last LSN of an accepted loss, 0 when nothing was lost.
 */
async function settleTail(
  ports: VolumePorts,
  options: OpenVolumeOptions,
  superblocks: SuperblockStore,
  log: LogFile,
  scan: LogScanResult,
): Promise<number> {
  const loss = lossOf(superblocks, scan)
  if (loss !== undefined) {
    const { fromLsn, toLsn } = loss
    const recorded = superblocks.current.acceptedLoss
    const isRecorded = recorded.fromLsn === fromLsn && recorded.toLsn >= toLsn
    const accepted = options.acceptLogLoss
    const isAccepted = accepted?.fromLsn === fromLsn && accepted.toLsn === toLsn
    if (!isRecorded && !isAccepted) {
      throw new BlockError(
        'LOG_DAMAGED',
        `${log.path}: entries ${fromLsn} to ${toLsn} were durable and are damaged; restore the volume from a copy, or accept the loss of these entries`,
        { facts: { path: log.path, fromLsn, toLsn } },
      )
    }
    ports.logger.warn('volume.log-loss-accepted', { fromLsn, toLsn })
    if (!isRecorded) await superblocks.update({ acceptedLoss: { fromLsn, toLsn } })
  }
  await wipe(log, scan.beyond)
  return loss?.toLsn ?? 0
}

/** The entries that were durable and that the scan did not reach. */
function lossOf(
  superblocks: SuperblockStore,
  scan: LogScanResult,
): { readonly fromLsn: number; readonly toLsn: number } | undefined {
  let durableLsn: number = superblocks.current.durableLsn
  let toLsn = durableLsn
  for (const group of scan.beyond) {
    durableLsn = Math.max(durableLsn, group.durableLsn)
    // behind a hole nothing can be kept, so what was appended there without a known flush is lost with it
    toLsn = Math.max(toLsn, durableLsn, group.lastLsn)
  }
  return durableLsn > scan.lastLsn ? { fromLsn: scan.lastLsn + 1, toLsn } : undefined
}

/** Makes the groups past the end unreadable, so that no later scan can take them for the log's continuation. */
async function wipe(log: LogFile, beyond: readonly GroupBeyond[]): Promise<void> {
  if (beyond.length === 0) return
  const zeros = new Uint8Array(GROUP_ALIGN_BYTES)
  for (const { position } of beyond) {
    assert(position % GROUP_ALIGN_BYTES === 0, 'groups are aligned')
    await log.write([zeros], position, GROUP_ALIGN_BYTES)
  }
  await log.datasync()
}
