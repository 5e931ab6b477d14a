/** How an opening of a volume alone begins: with an epoch of its own. */
import type { VolumeParts } from './assembly.ts'
import type { VolumeFiles } from './volume-files.ts'

/** Appends the first entry of the epoch; durable before anyone is served. */
export async function beginEpoch(
  { writer, flusher, changes }: VolumeParts,
  { superblocks }: VolumeFiles,
  isLossAccepted: boolean,
): Promise<void> {
  if (isLossAccepted) {
    // what is left of the log goes to extents and map, and the checkpoint past the hole, before the log goes on
    await flusher.through(writer.appendedLsn)
    await superblocks.update({ acceptedLoss: { fromLsn: 0, toLsn: 0 } })
  }
  // openings that crashed one after the other may have used up the room that is kept for this
  if (writer.isNearlyFull) await flusher.through(writer.appendedLsn)
  await changes.startEpoch(writer.epoch)
}
