/**
 * Sends the changed blocks of an image: reads them, has them hashed, compressed and encrypted by the threads, and fills packs.
 * Some batches are under way at a time, in order; memory is bounded by them and by the uploads of the ledger.
 */
import { isBlockError } from '../base/errors.ts'
import type { VolumeImage } from '../base/ports/image.ts'
import { BLOCK_BYTES } from '../base/units.ts'
import { type Change, changesOf, type FinishedPack } from './changes.ts'
import { packName } from './core/names.ts'
import { FRAME_BLOCKS, type RecordBatch } from './core/records.ts'
import type { SegmentSource } from './merged.ts'
import type { Objects } from './objects.ts'
import { type Batch, PackDraft } from './pack-draft.ts'
import { SELF } from './pack-object.ts'
import type { PackReader } from './pack-reader.ts'
import type { EncodedBlocks, FrameCodec } from './ports.ts'
import type { Attempt } from './run-writer.ts'
import type { UploadLedger } from './upload-ledger.ts'

const BATCHES_UNDER_WAY = 6
/** Of data, 1 MiB; fewer when packs are smaller. */
const BATCH_BLOCKS = 256

export interface BlockUploadOptions {
  readonly image: VolumeImage
  readonly sinceLsn: number
  readonly finished: readonly FinishedPack[]
  readonly objects: Objects
  readonly reader: PackReader
  readonly codec: FrameCodec
  readonly ledger: UploadLedger
  readonly attempt: Attempt
  /** Called with the block up to which everything has been handed over. */
  readonly onBlock: (block: number) => void
  /** Called after each pack. */
  readonly onPack: () => Promise<void>
}

interface Located {
  readonly reference: string
  readonly records: RecordBatch
}

type UnderWay =
  | { readonly kind: 'batch'; readonly batch: Batch; readonly encoded: EncodedBlocks }
  | { readonly kind: 'finished'; readonly pack: FinishedPack; readonly records: RecordBatch }

/** The records of the new blocks in order; their packs have been handed to the ledger. */
export class BlockUpload implements SegmentSource {
  readonly #options: BlockUploadOptions
  readonly #packs: AsyncGenerator<Located>
  #current: Located | undefined
  #at = 0
  #resumedBytes = 0
  #dataBlocks = 0

  constructor(options: BlockUploadOptions) {
    this.#options = options
    this.#packs = this.#located()
  }

  /** Of packs of an earlier attempt. */
  get resumedBytes(): number {
    return this.#resumedBytes
  }

  /** Records of data so far. */
  get dataBlocks(): number {
    return this.#dataBlocks
  }

  get start(): number {
    return this.#records.block(this.#at)
  }

  get end(): number {
    return this.#records.end(this.#at)
  }

  get isHole(): boolean {
    return this.#records.isHole(this.#at)
  }

  get pack(): string {
    const pack = this.#records.pack(this.#at)
    return pack === SELF ? this.#current!.reference : pack
  }

  get frame(): number {
    return this.#records.frame(this.#at)
  }

  get slot(): number {
    return this.#records.slot(this.#at)
  }

  get hash(): Uint8Array {
    return this.#records.hash(this.#at)
  }

  advance(): boolean | Promise<boolean> {
    if (this.#current === undefined || this.#at + 1 >= this.#current.records.count) return this.#nextPack()
    this.#at++
    if (!this.isHole) this.#dataBlocks++
    return true
  }

  /** Ends what is under way, after an error. */
  async stop(): Promise<void> {
    await this.#packs.return(undefined)
  }

  get #records(): RecordBatch {
    return this.#current!.records
  }

  async #nextPack(): Promise<boolean> {
    for (;;) {
      const next = await this.#packs.next()
      if (next.done === true) return false
      if (next.value.records.count === 0) continue
      this.#current = next.value
      this.#at = 0
      if (!this.isHole) this.#dataBlocks++
      return true
    }
  }

  async *#located(): AsyncGenerator<Located> {
    const withHoles = this.#options.sinceLsn > 0
    const { packBytes } = this.#options.attempt
    let draft = new PackDraft(packBytes)
    for await (const item of this.#encoded(withHoles)) {
      if (item.kind === 'batch') draft.add(item.batch, item.encoded, withHoles)
      if (draft.isFull || (item.kind === 'finished' && !draft.isEmpty)) {
        yield await this.#sealed(draft)
        draft = new PackDraft(packBytes)
      }
      if (item.kind === 'finished') {
        this.#resumedBytes += item.pack.sizeBytes
        yield { reference: item.pack.reference, records: item.records }
      }
    }
    if (!draft.isEmpty) yield await this.#sealed(draft)
  }

  async #sealed(draft: PackDraft): Promise<Located> {
    const { records } = draft
    this.#options.onBlock(records.end(records.count - 1))
    if (!draft.hasData) return { reference: SELF, records }
    const { reference, name, object } = draft.seal(this.#options.attempt, this.#options.objects.keyring)
    await this.#options.ledger.put(name, object)
    await this.#options.onPack()
    return { reference, records }
  }

  /** In order, some ahead of the one that is waited for. */
  async *#encoded(withHoles: boolean): AsyncGenerator<UnderWay> {
    const { image, sinceLsn, finished, attempt } = this.#options
    const batchBlocks = Math.min(BATCH_BLOCKS, Math.ceil(attempt.packBytes / BLOCK_BYTES))
    const underWay: Promise<UnderWay>[] = []
    for await (const change of changesOf(image, { sinceLsn, finished, withHoles, batchBlocks })) {
      this.#options.objects.checkSignal()
      const work = this.#work(change)
      // it is awaited in its turn; until then its failure is nobody's
      work.catch(() => undefined)
      underWay.push(work)
      if (underWay.length >= BATCHES_UNDER_WAY) yield await underWay.shift()!
    }
    for (const work of underWay) yield await work
  }

  async #work(change: Change): Promise<UnderWay> {
    if (change.kind === 'finished') {
      return { ...change, records: await this.#recordsOf(change.pack) }
    }
    const { image, codec, attempt } = this.#options
    const { batch } = change
    // counters are taken in order, before anything is waited for
    const counter = attempt.counters(Math.ceil(batch.dataBlocks / FRAME_BLOCKS))
    const data = new Uint8Array(batch.dataBlocks * BLOCK_BYTES)
    const reads: Promise<void>[] = []
    let at = 0
    for (let i = 0; i < batch.items.length; ) {
      const { block, isHole } = batch.items[i]!
      let end = i + 1
      if (!isHole) {
        while (batch.items[end]?.isHole === false && batch.items[end]!.block === block + end - i) end++
        const lengthBytes = (end - i) * BLOCK_BYTES
        reads.push(image.read(block, data.subarray(at, at + lengthBytes)))
        at += lengthBytes
      }
      i = end
    }
    await Promise.all(reads)
    const { key, volume } = attempt
    const encoded = await codec.encode({ data, key, volume, counter })
    return { kind: 'batch', batch, encoded }
  }

  /** One whose records are damaged is deleted, so that the next attempt sends its blocks again. */
  async #recordsOf(pack: FinishedPack): Promise<RecordBatch> {
    const { reader, objects, attempt } = this.#options
    try {
      return await reader.records(pack.reference)
    } catch (error) {
      if (isBlockError(error, 'CORRUPT')) await objects.delete(packName(attempt.volume, pack.reference))
      throw error
    }
  }
}
