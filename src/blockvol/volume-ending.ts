/** How an opening ends: what can be finished is, then nothing more goes to the disk, then the superblock says how it was. */
import type { Logger } from '../base/log.ts'
import type { VolumeParts } from './assembly.ts'
import { MARK } from './format/superblock.ts'

/** Everything that is committed goes to extents and map; what cannot go there stays in the log, durable. */
export async function finishParts(parts: VolumeParts, logger: Logger, name: string): Promise<void> {
  const { writer, flusher, commitment } = parts
  try {
    await writer.settledSoFar()
    if (commitment.flushableLsn >= writer.appendedLsn) await flusher.through(writer.appendedLsn)
    else await writer.sync()
  } catch (error) {
    logger.warn('volume.closed-unclean', { volume: name }, error)
    await writer.sync().catch((cause: unknown) => {
      logger.error('volume.close-sync-failed', { volume: name }, cause)
    })
  }
}

/** Whoever waits for something gets `error`; nothing more goes to the disk when the promise resolves. */
export async function endParts(parts: VolumeParts | undefined, error: unknown): Promise<void> {
  if (parts === undefined) return
  failParts(parts, error)
  await parts.flusher.close(error)
  await parts.writer.quiesced()
}

export function failParts(parts: VolumeParts, error: unknown): void {
  const { writer, admission, commitment, flusher, replica } = parts
  writer.fail(error)
  admission.fail(error)
  commitment.fail(error)
  replica?.gate.fail(error)
  void flusher.close(error)
}

/** What the superblock may say of how the volume was closed; 0 for nothing. */
export function closingMark({ writer, replica }: VolumeParts, checkpointLsn: number): number {
  if (!writer.isQuiet) return 0
  if (writer.appendedLsn === checkpointLsn) return MARK.clean
  return replica !== undefined && writer.appendedLsn === writer.durableLsn ? MARK.closed : 0
}
