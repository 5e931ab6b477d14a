/** An attached disk as the load generator of `src/bench` drives one. */
import { BlockError, isBlockError } from '../../../src/base/errors.ts'
import type { BenchLink, SlotCommands, SlotHandler } from '../../../src/bench/disk.ts'
import type { Disk } from '../../hosts/disk.ts'

export function linkOf(disk: Disk, signal: AbortSignal): BenchLink {
  const unit = disk.logicalBlockBytes
  return {
    slot({ blocks, dataOut }, handler): SlotCommands {
      const told = tell(handler)
      return {
        read: (lba) => told(disk.read(lba * unit, blocks * unit, signal).then((data) => data.byteLength)),
        write: (lba) => told(disk.write(lba * unit, dataOut, signal).then(() => 0)),
        flush: () => told(disk.flush(signal).then(() => 0)),
      }
    },
  }
}

const tell =
  (handler: SlotHandler) =>
  (done: Promise<number>): void => {
    done.then(
      (dataInBytes) => handler.completed(dataInBytes, undefined),
      (error: unknown) => handler.failed(asBlockError(error)),
    )
  }

/** The load knows no other errors. */
const asBlockError = (error: unknown): BlockError =>
  isBlockError(error)
    ? error
    : new BlockError('ABORTED', error instanceof Error ? error.message : `${error}`, { cause: error })
