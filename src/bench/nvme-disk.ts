/** A namespace over NVMe/TCP as a device under load: one controller, one I/O queue a connection. */
import { formatHostPort } from '../base/address.ts'
import { BufferPool } from '../base/buffer-pool.ts'
import { BlockError } from '../base/errors.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { Net } from '../base/ports/net.ts'
import type { Random } from '../base/ports/random.ts'
import { formatUuid } from '../base/uuid.ts'
import { IoOpcode } from '../nvme/commands.ts'
import { blockRequest, NvmeBlockClient } from '../nvme/initiator/block-client.ts'
import type { NvmeHandler, NvmeRequest } from '../nvme/initiator/command.ts'
import { nvmeError } from '../nvme/initiator/errors.ts'
import { NvmeHostController } from '../nvme/initiator/host-controller.ts'
import type { NvmeQueue } from '../nvme/initiator/queue.ts'
import { parseNvmeUrl } from '../nvme/initiator/url.ts'
import type { BenchDisk, BenchLink, SlotCommands, SlotHandler } from './disk.ts'

const TWO_32 = 2 ** 32

export async function openNvmeDisk(
  ports: { readonly net: Net; readonly clock: Clock; readonly random: Random },
  options: { readonly url: string; readonly connections: number; readonly queueDepth: number },
): Promise<BenchDisk> {
  const { portal, subsystemNqn } = parseNvmeUrl(options.url)
  const hostId = ports.random.bytes(16)
  const controller = await NvmeHostController.connect({
    ...ports,
    pool: new BufferPool(),
    portal,
    subsystemNqn,
    hostNqn: `nqn.2014-08.org.nvmexpress:uuid:${formatUuid(hostId)}`,
    hostId,
    queues: options.connections,
    queueDepth: options.queueDepth,
  })
  try {
    const given = controller.ioQueues.length
    if (given < options.connections) {
      throw new BlockError('BUSY', `the controller gives ${given} of ${options.connections} I/O queues`)
    }
    const client = new NvmeBlockClient(controller)
    return {
      target: `nvme://${formatHostPort(portal)}/${subsystemNqn}`,
      capacity: await client.identify(),
      transferBytesMax: controller.identity.transferBytesMax,
      links: controller.ioQueues.map((queue) => new NvmeLink(queue)),
      read: (lba, blocks, target) => client.read({ lba, blocks }, target),
      close: () => controller.disconnect(),
    }
  } catch (error) {
    await controller.disconnect()
    throw error
  }
}

type Mutable = { -readonly [Field in keyof NvmeRequest]: NvmeRequest[Field] }

class NvmeLink implements BenchLink {
  readonly #queue: NvmeQueue

  constructor(queue: NvmeQueue) {
    this.#queue = queue
  }

  slot(
    { blocks, dataIn, dataOut }: { blocks: number; dataIn: Uint8Array; dataOut: Uint8Array },
    handler: SlotHandler,
  ): SlotCommands {
    const queue = this.#queue
    const ends: NvmeHandler = {
      completed: ({ status, dataInBytes }) => {
        handler.completed(dataInBytes, status === 0 ? undefined : nvmeError('the command', status))
      },
      failed: (error) => handler.failed(error),
    }
    const read: Mutable = blockRequest(IoOpcode.read, { lba: 0, blocks }, { dataIn })
    const write: Mutable = blockRequest(IoOpcode.write, { lba: 0, blocks }, { dataOut })
    const flush: NvmeRequest = { opcode: IoOpcode.flush, nsid: 1 }
    const at = (request: Mutable, lba: number): Mutable => {
      request.cdw10 = lba % TWO_32
      request.cdw11 = Math.floor(lba / TWO_32)
      return request
    }
    return {
      read: (lba) => queue.submit(at(read, lba), ends),
      write: (lba) => queue.submit(at(write, lba), ends),
      flush: () => queue.submit(flush, ends),
    }
  }
}
