/** What operators do with the snapshots of a volume, told to the oracle: every change with its moments, every content read. */
import { isBlockError } from '../../src/base/errors.ts'
import type { VolumeImage } from '../../src/base/ports/image.ts'
import type { SnapshotDevice, SnapshotInfo } from '../../src/base/ports/snapshots.ts'
import { BLOCK_BYTES } from '../../src/base/units.ts'
import { type Outcome, outcomeOf } from './client.ts'
import { identifyAll } from './content.ts'
import { ModelViolation, type Operation, UNREADABLE, type VolumeModel } from './model.ts'
import type { FoundSnapshot } from './snapshot-oracle.ts'

const BLOCK_SECTORS = 8
/** Blocks that are asked for at once when a whole image is read. */
const CHUNK_BLOCKS = 64

/** What is asked of the device: the blocks, for what they say of themselves, and where its log is. */
export type SnapshotClientDevice = SnapshotDevice & {
  readonly logicalBlockBytes: 512 | 4096
  /** `epoch.id` in 16 hex digits. */
  status(): { readonly epoch: { readonly id: string }; readonly appendedLsn: number }
}

/** What a volume lists when nobody uses it yet, with the places that images say they are of. Throws what opening one throws. */
export async function findSnapshots(
  device: Pick<SnapshotDevice, 'snapshots' | 'openSnapshot'>,
): Promise<FoundSnapshot[]> {
  const found: FoundSnapshot[] = []
  for (const info of device.snapshots()) {
    const image = await device.openSnapshot(info.id)
    found.push({ info, place: image.identity })
    await image.close()
  }
  return found
}

export class SnapshotClient {
  readonly #device: SnapshotClientDevice
  readonly #model: VolumeModel

  constructor(device: SnapshotClientDevice, model: VolumeModel) {
    this.#device = device
    this.#model = model
  }

  /** What the volume lists, judged. */
  list(): readonly SnapshotInfo[] {
    const list = this.#device.snapshots()
    this.#model.snapshots.judgeList(list)
    return list
  }

  create(id: bigint, name: string): Promise<Outcome> {
    const { snapshots } = this.#model
    const operation = snapshots.beginMaking(id, name, () => {
      const { epoch, appendedLsn } = this.#device.status()
      // the making of a snapshot is alone in its group, and the group before it has been appended
      return { epochId: epoch.id, lsn: appendedLsn + 1 }
    })
    return this.#change(operation, id, async (admit) => {
      snapshots.judgeMade(await this.#device.createSnapshot({ id, name }, { admit }))
    })
  }

  delete(id: bigint): Promise<Outcome> {
    const operation = this.#model.snapshots.beginDeletion(id)
    return this.#change(operation, id, (admit) => this.#device.deleteSnapshot(id, { admit }))
  }

  restore(id: bigint): Promise<Outcome> {
    const operation = this.#model.snapshots.beginRestore(id)
    return this.#change(operation, id, (admit) => this.#device.restoreSnapshot(id, { admit }))
  }

  async #change(
    operation: Operation,
    id: bigint,
    change: (admit: () => void) => Promise<unknown>,
  ): Promise<Outcome> {
    const outcome = await outcomeOf(change(() => this.#model.admitted(operation)))
    if (outcome === 'ok') this.#model.snapshots.acknowledged(operation, id)
    else this.#model.failed(operation)
    return outcome
  }

  /** Reads blocks of a snapshot, all in one call, and holds them against the oracle. */
  async read(id: bigint, block: number, blocks: number): Promise<Outcome> {
    return this.#withImage(id, async (image) => {
      const last = image.sizeBytes / BLOCK_BYTES
      const [from, end] = [Math.min(block, last - 1), Math.min(block + blocks, last)]
      const values = await this.#read(image, from, Math.max(1, end - from))
      this.#model.snapshots.judgeRead(id, from * BLOCK_SECTORS, values)
    })
  }

  /** The same of all of it: one value a sector, UNREADABLE where `isBadAllowed` and a block is bad. Throws what a read throws. */
  async readAll(id: bigint, isBadAllowed: boolean, isAny = false): Promise<Map<number, number>> {
    const content = new Map<number, number>()
    const image = await this.#device.openSnapshot(id)
    try {
      const blocks = image.sizeBytes / BLOCK_BYTES
      for (let block = 0; block < blocks; block += CHUNK_BLOCKS) {
        const count = Math.min(CHUNK_BLOCKS, blocks - block)
        const values = await this.#readLeaving(image, block, count, isBadAllowed)
        this.#model.snapshots.judgeRead(id, block * BLOCK_SECTORS, values, isAny)
        for (const [i, value] of values.entries())
          if (value !== 0) content.set(block * BLOCK_SECTORS + i, value)
      }
    } finally {
      await image.close()
    }
    return content
  }

  /** Asks the newer of two snapshots for what changed since the other one (null: ever), in pages of `limit`. */
  async changed(oneId: bigint, otherId: bigint | null, limit: number): Promise<Outcome> {
    let all: readonly SnapshotInfo[]
    try {
      all = this.#device.snapshots()
    } catch (error) {
      if (isBlockError(error)) return error.code
      throw error
    }
    const [first, second] = all.filter(({ id }) => id === oneId || id === otherId)
    const last = second ?? first
    if (last === undefined) return 'NOT_FOUND'
    const since = otherId === null || second === undefined ? undefined : first
    const [id, sinceId] = [last.id, since?.id ?? null]
    return this.#withImage(id, async (image) => {
      const blocks = image.sizeBytes / BLOCK_BYTES
      let fromBlock = 0
      for (let next: number | null = 0; next !== null; ) {
        const page = await image.changed({ sinceLsn: since?.lsn ?? 0, fromBlock: next, limit })
        const endBlock = page.nextBlock ?? blocks
        this.#judgePage(page.blocks, {
          fromBlock,
          endBlock,
          sinceLsn: since?.lsn ?? 0,
          lsn: image.identity.lsn,
        })
        const told = new Set(page.blocks.map(({ block }) => block))
        this.#model.snapshots.judgeChanged(id, sinceId, { fromBlock, endBlock }, told)
        if (page.nextBlock !== null && page.nextBlock <= fromBlock)
          throw new ModelViolation(`changes from block ${fromBlock} go on at block ${page.nextBlock}`)
        fromBlock = endBlock
        next = page.nextBlock
      }
    })
  }

  /** A block of LSN 0 is one of which nothing is known any more. */
  #judgePage(
    blocks: readonly { readonly block: number; readonly lsn: number }[],
    range: { fromBlock: number; endBlock: number; sinceLsn: number; lsn: number },
  ): void {
    let before = range.fromBlock - 1
    for (const { block, lsn } of blocks) {
      const isInside =
        block > before && block < range.endBlock && (lsn > range.sinceLsn || lsn === 0) && lsn <= range.lsn
      if (!isInside)
        throw new ModelViolation(
          `block ${block}, of LSN ${lsn}, is told as changed in ${JSON.stringify(range)}`,
        )
      before = block
    }
  }

  async #withImage(id: bigint, use: (image: VolumeImage) => Promise<void>): Promise<Outcome> {
    let image: VolumeImage
    try {
      image = await this.#device.openSnapshot(id)
    } catch (error) {
      if (isBlockError(error)) return error.code
      throw error
    }
    try {
      return await outcomeOf(use(image))
    } finally {
      await image.close()
    }
  }

  async #read(image: VolumeImage, block: number, blocks: number): Promise<Int32Array> {
    const bytes = new Uint8Array(blocks * BLOCK_BYTES)
    await image.read(block, bytes)
    return Int32Array.from(identifyAll(bytes, block * BLOCK_SECTORS, this.#device.logicalBlockBytes))
  }

  async #readLeaving(
    image: VolumeImage,
    block: number,
    blocks: number,
    isBadAllowed: boolean,
  ): Promise<Int32Array> {
    try {
      return await this.#read(image, block, blocks)
    } catch (error) {
      if (!isBadAllowed || !isBlockError(error, 'MEDIUM')) throw error
    }
    const values = new Int32Array(blocks * BLOCK_SECTORS)
    for (let i = 0; i < blocks; i++) {
      try {
        values.set(await this.#read(image, block + i, 1), i * BLOCK_SECTORS)
      } catch (error) {
        if (!isBlockError(error, 'MEDIUM')) throw error
        values.fill(UNREADABLE, i * BLOCK_SECTORS, (i + 1) * BLOCK_SECTORS)
      }
    }
    return values
  }
}
