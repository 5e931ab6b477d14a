/** A pack of blocks that is being filled. */
import { dataPackReference, packName } from './core/names.ts'
import { PACK_RECORDS_MAX } from './core/pack-format.ts'
import { FRAME_BLOCKS, HASH_BYTES, RecordBatch } from './core/records.ts'
import type { Keyring } from './keys.ts'
import { packObject, SELF } from './pack-object.ts'
import type { EncodedBlocks, StoredFrame } from './ports.ts'
import type { Attempt } from './run-writer.ts'

/** Blocks of an image, ascending: those with data, and holes. */
export interface Batch {
  readonly items: { readonly block: number; readonly isHole: boolean; count: number }[]
  dataBlocks: number
}

/** Items of a batch; a pack is sealed while another batch fits. */
export const BATCH_ITEMS_MAX = 4096

export class PackDraft {
  readonly records = new RecordBatch(2048)
  readonly #frames: StoredFrame[] = []
  readonly #packBytes: number
  #bytes = 0
  #dataBlocks = 0

  constructor(packBytes: number) {
    this.#packBytes = packBytes
  }

  get isEmpty(): boolean {
    return this.records.count === 0
  }

  /** Without any data there is nothing to store: what its records tell goes into the index. */
  get hasData(): boolean {
    return this.#frames.length > 0
  }

  get isFull(): boolean {
    return this.#bytes >= this.#packBytes || this.records.count > PACK_RECORDS_MAX - BATCH_ITEMS_MAX
  }

  /** `withHoles`: an increment tells what reads as zeros now. */
  add(batch: Batch, encoded: EncodedBlocks, withHoles: boolean): void {
    const firstFrame = this.#frames.length
    let data = 0
    let stored = 0
    for (const { block, count, isHole } of batch.items) {
      if (isHole || encoded.zeros[data] === 1) {
        if (withHoles) this.records.addHole(block, count)
        if (!isHole) data++
        continue
      }
      const hash = encoded.hashes.subarray(data * HASH_BYTES, (data + 1) * HASH_BYTES)
      const frame = firstFrame + Math.floor(stored / FRAME_BLOCKS)
      this.records.addData(block, SELF, frame, stored % FRAME_BLOCKS, hash)
      data++
      stored++
    }
    this.#dataBlocks += stored
    for (const frame of encoded.frames) {
      this.#frames.push(frame)
      this.#bytes += frame.stored.byteLength
    }
  }

  /** Its reference, name and bytes. */
  seal(attempt: Attempt, keyring: Keyring): { reference: string; name: string; object: Uint8Array } {
    const { records } = this
    const span = {
      firstBlock: records.block(0),
      lastBlock: records.end(records.count - 1) - 1,
      blocks: this.#dataBlocks,
    }
    const reference = dataPackReference(attempt.backup, span, attempt.attempt)
    const name = packName(attempt.volume, reference)
    const object = packObject({
      name,
      keyring,
      salt: attempt.salt,
      frames: this.#frames,
      records: records.encode(),
      recordCount: records.count,
    })
    return { reference, name, object }
  }
}
