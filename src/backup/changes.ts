/**
 * What a backup has to send, in order: batches of changed blocks, and in their place the packs that an interrupted attempt had
 * finished. A finished pack tells everything of the blocks between its first and its last, so these are not looked at again.
 */
import type { VolumeImage } from '../base/ports/image.ts'
import { BATCH_ITEMS_MAX, type Batch } from './pack-draft.ts'

export interface FinishedPack {
  readonly reference: string
  readonly firstBlock: number
  readonly lastBlock: number
  readonly sizeBytes: number
}

export type Change =
  | { readonly kind: 'batch'; readonly batch: Batch }
  | { readonly kind: 'finished'; readonly pack: FinishedPack }

const ASKED_AT_ONCE = 4096

export async function* changesOf(
  image: VolumeImage,
  options: {
    readonly sinceLsn: number
    /** Of packs that overlap (two attempts), one is taken. */
    readonly finished: readonly FinishedPack[]
    readonly withHoles: boolean
    /** Blocks of data of a batch. */
    readonly batchBlocks: number
  },
): AsyncGenerator<Change> {
  const finished = [...options.finished].sort(
    (a, b) => a.firstBlock - b.firstBlock || b.lastBlock - a.lastBlock,
  )
  let nextPack = 0
  let batch: Batch = { items: [], dataBlocks: 0 }
  let fromBlock: number | null = 0
  while (fromBlock !== null) {
    const from: number = fromBlock
    const page = await image.changed({ sinceLsn: options.sinceLsn, fromBlock: from, limit: ASKED_AT_ONCE })
    fromBlock = page.nextBlock
    for (const { block, kind } of page.blocks) {
      while ((finished[nextPack]?.firstBlock ?? block) < block) nextPack++
      const pack = finished[nextPack]
      if (pack?.firstBlock === block) {
        if (batch.items.length > 0) yield { kind: 'batch', batch }
        batch = { items: [], dataBlocks: 0 }
        yield { kind: 'finished', pack }
        fromBlock = pack.lastBlock + 1
        break
      }
      if (kind === 'hole' && !options.withHoles) continue
      addTo(batch, block, kind === 'hole')
      if (batch.dataBlocks < options.batchBlocks && batch.items.length < BATCH_ITEMS_MAX) continue
      yield { kind: 'batch', batch }
      batch = { items: [], dataBlocks: 0 }
    }
  }
  if (batch.items.length > 0) yield { kind: 'batch', batch }
}

function addTo(batch: Batch, block: number, isHole: boolean): void {
  const last = batch.items.at(-1)
  if (isHole && last?.isHole === true && last.block + last.count === block) {
    last.count++
    return
  }
  batch.items.push({ block, isHole, count: 1 })
  if (!isHole) batch.dataBlocks++
}
