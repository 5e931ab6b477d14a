/**
 * A test of a running target through its own front door: discovery, login, write, flush, read back, over real TCP
 * with the user-space initiator, compared by content and checksum. It uses the end of the volume and only if that
 * reads as zeros, and leaves it as it was: a volume that is in use keeps every byte.
 */
import { formatHostPort, type HostPort } from '../base/address.ts'
import { isZero } from '../base/binary.ts'
import type { BufferPool } from '../base/buffer-pool.ts'
import { crc32c } from '../base/crc32c.ts'
import { BlockError } from '../base/errors.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { Net } from '../base/ports/net.ts'
import type { Random } from '../base/ports/random.ts'
import { formatSize } from '../base/sizes.ts'
import { KIB, MIB } from '../base/units.ts'
import { BlockClient, type Capacity } from '../iscsi/initiator/block-client.ts'
import { Initiator } from '../iscsi/initiator/initiator.ts'

export interface SelfTestOptions {
  readonly net: Net
  readonly clock: Clock
  readonly random: Random
  readonly pool: BufferPool
  readonly portal: HostPort
  readonly iqn: string
  /** Told of each step when it has succeeded. */
  readonly say: (step: string) => void
}

const TEST_BYTES = 16 * MIB
const COMMAND_BYTES = 256 * KIB
const QUEUE_DEPTH = 8
const INITIATOR_NAME = 'iqn.2026-11.io.basalt:self-test'

/** Resolves when everything was as it should be; CORRUPT when content differed, else the initiator's errors. */
export async function selfTest(options: SelfTestOptions): Promise<void> {
  const { portal, iqn, say } = options
  const initiator = new Initiator({ ...options, initiatorName: INITIATOR_NAME })
  const found = await initiator.discover(portal)
  if (!found.some(({ targetName }) => targetName === iqn)) {
    throw new BlockError('NOT_FOUND', `discovery at ${formatHostPort(portal)} does not list ${iqn}`)
  }
  const session = await initiator.connect({ portal, targetName: iqn })
  try {
    const client = new BlockClient(session)
    const capacity = await client.readCapacity()
    const { blocks, logicalBlockBytes } = capacity
    say(
      `Discovery lists it; logged in over TCP: ${formatSize(blocks * logicalBlockBytes)} in blocks of ${logicalBlockBytes} bytes`,
    )
    await new RegionTest(options, client, capacity).run()
  } finally {
    await session.logout()
  }
}

/** The last bytes of the volume. */
class RegionTest {
  readonly #options: SelfTestOptions
  readonly #client: BlockClient
  readonly #blockBytes: number
  readonly #firstLba: number
  readonly #lengthBytes: number

  constructor(options: SelfTestOptions, client: BlockClient, { blocks, logicalBlockBytes }: Capacity) {
    this.#options = options
    this.#client = client
    this.#blockBytes = logicalBlockBytes
    this.#lengthBytes = Math.min(TEST_BYTES, blocks * logicalBlockBytes)
    this.#firstLba = blocks - this.#lengthBytes / logicalBlockBytes
  }

  async run(): Promise<void> {
    const { say, random } = this.#options
    const size = formatSize(this.#lengthBytes)
    const content = new Uint8Array(this.#lengthBytes)
    const before = await this.#timed(() => this.#read(content))
    if (!isZero(content)) {
      say(`Read its last ${size} at ${before}; they hold data, so nothing is written`)
      return
    }
    const written = Uint8Array.from(random.bytes(this.#lengthBytes))
    const checksum = hex(crc32c(written))
    const writeRate = await this.#timed(async () => {
      await this.#each(
        (lba, part) => this.#client.write(lba, part.byteLength / this.#blockBytes, part),
        written,
      )
      await this.#client.flush()
    })
    say(`Wrote ${size} at its end and flushed them: ${writeRate}, crc32c ${checksum}`)

    const readRate = await this.#timed(() => this.#read(content))
    if (!Buffer.from(content.buffer).equals(written)) {
      throw new BlockError(
        'CORRUPT',
        `what was read has crc32c ${hex(crc32c(content))}, written was ${checksum}`,
      )
    }
    say(`Read them back: ${readRate}, crc32c ${checksum}, every byte equal`)

    await this.#client.unmap([{ lba: this.#firstLba, blocks: this.#lengthBytes / this.#blockBytes }])
    await this.#client.flush()
    await this.#read(content)
    if (!isZero(content)) throw new BlockError('CORRUPT', 'what was trimmed does not read as zeros')
    say('Trimmed them; they read as zeros again')
  }

  #read(target: Uint8Array): Promise<void> {
    return this.#each((lba, part) => this.#client.read(lba, part.byteLength / this.#blockBytes, part), target)
  }

  /** Runs `command` on each part of `content`, some at a time. */
  async #each(command: (lba: number, part: Uint8Array) => Promise<void>, content: Uint8Array): Promise<void> {
    let nextBytes = 0
    const worker = async (): Promise<void> => {
      while (nextBytes < content.byteLength) {
        const offsetBytes = nextBytes
        nextBytes += COMMAND_BYTES
        const part = content.subarray(offsetBytes, offsetBytes + COMMAND_BYTES)
        await command(this.#firstLba + offsetBytes / this.#blockBytes, part)
      }
    }
    await Promise.all(Array.from({ length: QUEUE_DEPTH }, worker))
  }

  /** The rate at which the region passed. */
  async #timed(body: () => Promise<void>): Promise<string> {
    const { clock } = this.#options
    const beganMs = clock.monotonicMs()
    await body()
    const seconds = Math.max(clock.monotonicMs() - beganMs, 1) / 1000
    return `${Math.round(this.#lengthBytes / MIB / seconds)} MiB/s`
  }
}

const hex = (value: number): string => value.toString(16).padStart(8, '0')
