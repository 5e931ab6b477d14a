/** Reads stored blocks and checks each against the hash that the index has of it. */
import { BLOCK_BYTES } from '../base/units.ts'
import { HASH_BYTES } from './core/records.ts'
import type { SegmentSource } from './merged.ts'
import type { OpenPack, PackReader } from './pack-reader.ts'
import type { DecodeJob, FrameCodec } from './ports.ts'

/** A block of an image, and where it is. */
export interface StoredBlock {
  readonly block: number
  readonly pack: string
  readonly frame: number
  readonly slot: number
  readonly hash: Uint8Array
}

/** Blocks of the largest answer that is read, decoded and written in one piece: 8 MiB. */
export const BLOCKS_TOGETHER = 2048
/** Frames for one thread at a time. */
const FRAMES_OF_A_JOB = 32

/** What `segments`, at data, is at. */
export const storedBlockOf = (segments: SegmentSource): StoredBlock => ({
  block: segments.start,
  pack: segments.pack,
  frame: segments.frame,
  slot: segments.slot,
  hash: segments.hash.slice(),
})

export interface FetchOptions {
  readonly reader: PackReader
  readonly codec: FrameCodec
  /** Called for each pack that could not be had; without it, the error is thrown. */
  readonly onFault?: (error: unknown) => void
}

/** The content of `blocks`, in their order. CORRUPT. */
export async function fetchBlocks(
  options: FetchOptions,
  blocks: readonly StoredBlock[],
): Promise<Uint8Array> {
  const content = new Uint8Array(blocks.length * BLOCK_BYTES)
  const byPack = new Map<string, number[]>()
  for (const [i, { pack }] of blocks.entries()) {
    const list = byPack.get(pack)
    if (list === undefined) byPack.set(pack, [i])
    else list.push(i)
  }
  const fetched = [...byPack].map(async ([reference, indices]) => {
    try {
      await options.reader.withPack(reference, (pack) =>
        fetchOfPack(options, pack, { blocks, indices, content }),
      )
    } catch (error) {
      if (options.onFault === undefined) throw error
      options.onFault(error)
    }
  })
  // all have ended before the first failure is told, so that nothing goes on behind the caller's back
  const ended = await Promise.allSettled(fetched)
  for (const result of ended) if (result.status === 'rejected') throw result.reason
  return content
}

async function fetchOfPack(
  { reader, codec }: FetchOptions,
  pack: OpenPack,
  wanted: { blocks: readonly StoredBlock[]; indices: readonly number[]; content: Uint8Array },
): Promise<void> {
  const { blocks, content } = wanted
  const byFrame = new Map<number, number[]>()
  for (const i of wanted.indices) {
    const frame = blocks[i]!.frame
    const list = byFrame.get(frame)
    if (list === undefined) byFrame.set(frame, [i])
    else list.push(i)
  }
  const numbers = [...byFrame.keys()].sort((a, b) => a - b)
  const stored = await reader.frames(pack, numbers)
  const jobs: Promise<void>[] = []
  for (let from = 0; from < numbers.length; from += FRAMES_OF_A_JOB) {
    const until = Math.min(from + FRAMES_OF_A_JOB, numbers.length)
    const order: number[] = []
    const frames: DecodeJob['frames'][number][] = []
    for (let k = from; k < until; k++) {
      const indices = byFrame.get(numbers[k]!)!.sort((a, b) => blocks[a]!.slot - blocks[b]!.slot)
      const hashes = new Uint8Array(indices.length * HASH_BYTES)
      for (const [n, i] of indices.entries()) hashes.set(blocks[i]!.hash, n * HASH_BYTES)
      const frame = stored[k]!
      if (frame.frame.kind !== 'blocks') throw reader.damaged(pack, `frame ${numbers[k]} has no blocks`)
      frames.push({ ...frame, slots: indices.map((i) => blocks[i]!.slot), hashes })
      order.push(...indices)
    }
    jobs.push(
      codec.decode({ key: pack.frameKey, volume: reader.volume, frames }).then(({ data, faults }) => {
        const fault = faults.findIndex((what) => what !== null)
        if (fault >= 0) throw reader.damaged(pack, `${faults[fault]} (frame ${numbers[from + fault]})`)
        for (const [n, i] of order.entries()) {
          content.set(data.subarray(n * BLOCK_BYTES, (n + 1) * BLOCK_BYTES), i * BLOCK_BYTES)
        }
      }),
    )
  }
  const ended = await Promise.allSettled(jobs)
  for (const result of ended) if (result.status === 'rejected') throw result.reason
}
