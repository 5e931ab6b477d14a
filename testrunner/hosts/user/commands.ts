/** Reads, writes, flushes and trims of a volume in the words of each protocol. */
import { BlockClient } from '../../../src/iscsi/initiator/block-client.ts'
import type { InitiatorSession } from '../../../src/iscsi/initiator/session.ts'
import { NvmeBlockClient } from '../../../src/nvme/initiator/block-client.ts'
import type { NvmeHostController } from '../../../src/nvme/initiator/host-controller.ts'
import type { Capacity, PathCommands } from './patient-disk.ts'

/** Of a volume, the same over all its life; learnt with the capacity, which is asked for before anything else. */
const DEFAULT_BLOCK_BYTES = 512
/** A command of more is made of several. */
const TRANSFER_BYTES = 256 * 1024

export function iscsiCommands(): PathCommands<InitiatorSession> {
  let blockBytes = DEFAULT_BLOCK_BYTES
  return {
    capacity: async (session) => {
      const capacity = await new BlockClient(session).readCapacity()
      blockBytes = capacity.logicalBlockBytes
      return capacity
    },
    read: (session, offset, target) =>
      inParts(target, TRANSFER_BYTES, (part, at) =>
        new BlockClient(session).read((offset + at) / blockBytes, part.byteLength / blockBytes, part),
      ),
    write: (session, offset, data) =>
      inParts(data, TRANSFER_BYTES, (part, at) =>
        new BlockClient(session).write((offset + at) / blockBytes, part.byteLength / blockBytes, part),
      ),
    flush: (session) => new BlockClient(session).flush(),
    trim: (session, offset, length) =>
      new BlockClient(session).unmap([{ lba: offset / blockBytes, blocks: length / blockBytes }]),
  }
}

export function nvmeCommands(nsid: number): PathCommands<NvmeHostController> {
  let blockBytes = DEFAULT_BLOCK_BYTES
  const rangeOf = (offset: number, length: number) => ({
    lba: offset / blockBytes,
    blocks: length / blockBytes,
  })
  const partBytes = ({ identity }: NvmeHostController): number =>
    Math.min(TRANSFER_BYTES, identity.transferBytesMax)
  return {
    capacity: async (controller): Promise<Capacity> => {
      const { blocks, logicalBlockBytes } = await new NvmeBlockClient(controller, nsid).identify()
      blockBytes = logicalBlockBytes
      return { blocks, logicalBlockBytes }
    },
    read: (controller, offset, target) =>
      inParts(target, partBytes(controller), (part, at) =>
        new NvmeBlockClient(controller, nsid).read(rangeOf(offset + at, part.byteLength), part),
      ),
    write: (controller, offset, data) =>
      inParts(data, partBytes(controller), (part, at) =>
        new NvmeBlockClient(controller, nsid).write(rangeOf(offset + at, part.byteLength), part),
      ),
    flush: (controller) => new NvmeBlockClient(controller, nsid).flush(),
    trim: (controller, offset, length) =>
      new NvmeBlockClient(controller, nsid).deallocate([rangeOf(offset, length)]),
  }
}

/** One after the other: what is behind an error was not begun. */
async function inParts(
  data: Uint8Array,
  partBytes: number,
  work: (part: Uint8Array, offsetBytes: number) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < data.byteLength; at += partBytes) {
    await work(data.subarray(at, Math.min(at + partBytes, data.byteLength)), at)
  }
}
