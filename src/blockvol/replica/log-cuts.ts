/**
 * Giving up entries of a replica's log. Both ends of it leave the opening without a flusher, and the memory of it wrong:
 * the volume is opened again afterwards.
 */
import { BlockError } from '../../base/errors.ts'
import { alignUp, BLOCK_BYTES, epochNumber, type Lsn, logPosition, lsn as toLsn } from '../../base/units.ts'
import { forgetOverwritten } from '../resync/forget.ts'
import type { OpenReplica } from '../volume.ts'
import type { HistorySpan } from './replica-facts.ts'
import { type OpenParts, resyncParts } from './resync-parts.ts'

/** What those get who wait for something of an opening whose log is cut. */
export const CUT = new BlockError('CLOSED', 'the log of this replica was cut')

/** Epochs of the entries in log and image. */
export const historyOf = ({ parts }: OpenReplica): readonly HistorySpan[] =>
  parts.state.current.epochs.map(({ number, id, firstLsn }) => ({
    epoch: { number: epochNumber(number), id },
    firstLsn: toLsn(firstLsn),
  }))

/** Nothing more goes to extents and map; a flush that waits for a commit is given up. */
async function endFlushing({ parts }: OpenReplica): Promise<void> {
  const ended = parts.flusher.close(CUT)
  parts.commitment.fail(CUT)
  parts.replica?.gate.fail(CUT)
  await ended
}

/**
 * Ends the log at `above`, durably. False when it ends there already, or when the checkpoint is past it: then the log has
 * nothing up to `above` that could stay, nothing of it is flushed any more, and `restartLog` has to follow.
 */
export async function cutLog(inner: OpenReplica, above: Lsn, history: 'kept' | 'given up'): Promise<boolean> {
  const { writer } = inner.parts
  const { superblocks } = inner.files
  await writer.settledSoFar()
  if (above >= writer.appendedLsn && above >= superblocks.current.checkpoint.lsn) return false
  await endFlushing(inner)
  const { checkpoint, durableLsn } = superblocks.current
  if (history === 'kept' && Math.max(checkpoint.lsn, durableLsn) > above) {
    const text = `the log cannot end at ${above}: entries up to ${durableLsn} have been flushed meanwhile`
    throw new BlockError('CONFLICT', text, { facts: { above, durableLsn } })
  }
  // what a flush beyond has put into extents and not into the map: without the log nothing makes it good
  if (durableLsn > above) await forgetOverwritten(resyncParts(inner), above)
  if (above < checkpoint.lsn) return false
  if (durableLsn > above) await superblocks.update({ durableLsn: above })
  const span = historyOf(inner).findLast(({ firstLsn }) => firstLsn <= above)
  await writer.cut(above, span?.epoch ?? checkpoint.epoch)
  return true
}

/** An empty log that goes on at `after` + 1, in one write of the superblock. */
export async function restartLog(
  inner: OpenReplica,
  after: Lsn,
  history: readonly HistorySpan[],
): Promise<void> {
  const { writer, state } = inner.parts
  await writer.settledSoFar()
  await endFlushing(inner)
  const spans = history.filter(({ firstLsn }) => firstLsn <= after)
  const epochs = spans.map(({ epoch, firstLsn }) => ({ ...epoch, firstLsn }))
  await state.save({ ...state.current, asOfLsn: after, epochs })
  await inner.files.superblocks.update({
    checkpoint: {
      lsn: after,
      position: logPosition(alignUp(writer.boundary.position, BLOCK_BYTES)),
      epoch: spans.at(-1)?.epoch ?? { number: epochNumber(0), id: 0n },
      stateGeneration: state.generation,
    },
    durableLsn: after,
    acceptedLoss: { fromLsn: 0, toLsn: 0 },
  })
}

/**
 * Makes the state durable: that of a primary, with what is committed of the log on top of it. From here on the image counts
 * as one of the entry `through`: blocks whose newest version was not committed at the source are not known without the log's
 * entries, so a replica that has to drop any of those is filled again.
 */
export function saveState({ parts, files }: OpenParts, through: Lsn): Promise<void> {
  const { superblocks } = files
  return parts.checkpointer.alone(async () => {
    // as of now: a flush that came between may have saved a newer one than there was before it
    const whole = parts.state.committedState
    await parts.writer.sync()
    await parts.state.save(whole)
    const { checkpoint, durableLsn } = superblocks.current
    await superblocks.update({
      checkpoint: { ...checkpoint, stateGeneration: parts.state.generation },
      durableLsn: toLsn(Math.max(durableLsn, whole.asOfLsn, through)),
    })
  })
}

/**
 * Flushes what the log has up to the newest base block, which is committed: flushed later, when nobody looks out for base blocks
 * any more, an older entry would take the place of a newer one. To be called when the base is whole. Errors as of a flush.
 */
export async function flushUnderBase({ parts, files }: OpenParts, newestLsn: number): Promise<void> {
  if (newestLsn > files.superblocks.current.checkpoint.lsn) await parts.flusher.through(newestLsn)
}
