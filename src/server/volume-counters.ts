/** Counters of a volume over all its openings by this process: an opening begins at zero, these do not. */
import type { VolumeCounters } from '../blockvol/api.ts'

/** Field by field. */
export function addCounters(a: VolumeCounters, b: VolumeCounters): VolumeCounters {
  return {
    reads: a.reads + b.reads,
    readBytes: a.readBytes + b.readBytes,
    writes: a.writes + b.writes,
    writeBytes: a.writeBytes + b.writeBytes,
    trims: a.trims + b.trims,
    trimBytes: a.trimBytes + b.trimBytes,
    flushes: a.flushes + b.flushes,
    logSyncs: a.logSyncs + b.logSyncs,
    logAppends: a.logAppends + b.logAppends,
    logBytes: a.logBytes + b.logBytes,
    extentBytes: a.extentBytes + b.extentBytes,
    metadataBytes: a.metadataBytes + b.metadataBytes,
    checkpoints: a.checkpoints + b.checkpoints,
    softWaits: a.softWaits + b.softWaits,
    hardWaits: a.hardWaits + b.hardWaits,
    refusedWrites: a.refusedWrites + b.refusedWrites,
    checksumErrors: a.checksumErrors + b.checksumErrors,
    blocksRepaired: a.blocksRepaired + b.blocksRepaired,
  }
}
