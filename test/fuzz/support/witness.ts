/** A host that is somebody else: it writes and reads back all the time, and must not notice anything. */
import type { SeededRandom } from '../../sim/random.ts'

const BLOCK_BYTES = 512
const BLOCKS_MAX = 16
const RANGE_BLOCKS = 4096

/** Its disk, by whatever protocol. */
export interface WitnessDisk {
  write(lba: number, blocks: number, data: Uint8Array): Promise<void>
  read(lba: number, blocks: number, target: Uint8Array): Promise<void>
}

export class Witness {
  operations = 0
  readonly #disk: WitnessDisk
  readonly #random: SeededRandom

  constructor(disk: WitnessDisk, random: SeededRandom) {
    this.#disk = disk
    this.#random = random
  }

  /** Writes some blocks, reads them back, and throws when they differ. */
  async step(): Promise<void> {
    const blocks = 1 + this.#random.integer(BLOCKS_MAX)
    const lba = this.#random.integer(RANGE_BLOCKS)
    const data = this.#random.bytes(16)
    const written = new Uint8Array(blocks * BLOCK_BYTES)
    for (let at = 0; at < written.byteLength; at += data.byteLength) written.set(data, at)
    await this.#disk.write(lba, blocks, written)
    const found = new Uint8Array(written.byteLength)
    await this.#disk.read(lba, blocks, found)
    if (Buffer.compare(found, written) !== 0) throw new Error(`block ${lba} of another host changed`)
    this.operations += 2
  }
}
