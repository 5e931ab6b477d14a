/**
 * Writes a pack anew with the blocks that are still used. Frames and slots keep their numbers, so no index changes; the new
 * object is read back before the old one goes.
 */
import type { Random } from '../base/ports/random.ts'
import { BLOCK_BYTES } from '../base/units.ts'
import { newestOf, type PackObject } from './core/collect-plan.ts'
import { attemptOf, rewrittenName } from './core/names.ts'
import { RecordBatch } from './core/records.ts'
import { fetchBlocks, type StoredBlock } from './fetch-blocks.ts'
import { SALT_BYTES } from './keys.ts'
import { corrupt } from './objects.ts'
import { packObject, SELF } from './pack-object.ts'
import type { PackReader } from './pack-reader.ts'
import type { FrameCodec, StoredFrame } from './ports.ts'

export type LiveBlock = StoredBlock

const FRAMES_AT_ONCE = 64

/** Bytes of the new object. CORRUPT when a block that is used is damaged; then nothing is deleted. */
export async function rewritePack(
  {
    reader,
    codec,
    random,
  }: { readonly reader: PackReader; readonly codec: FrameCodec; readonly random: Random },
  pack: {
    readonly reference: string
    readonly generations: readonly PackObject[]
    /** Ascending by block. */
    readonly live: readonly LiveBlock[]
  },
): Promise<number> {
  const { objects, volume } = reader
  const { keyring } = objects
  const content = await fetchBlocks({ reader, codec }, pack.live)
  const salt = keyring.isEncrypting ? random.bytes(SALT_BYTES) : new Uint8Array(SALT_BYTES)
  const key = keyring.frameKey(salt)
  const byFrame = new Map<number, number[]>()
  for (const [i, { frame }] of pack.live.entries()) {
    const list = byFrame.get(frame)
    if (list === undefined) byFrame.set(frame, [i])
    else list.push(i)
  }
  const count = Math.max(...byFrame.keys()) + 1
  const frames: StoredFrame[] = []
  for (let from = 0; from < count; from += FRAMES_AT_ONCE) {
    const numbers = Array.from({ length: Math.min(FRAMES_AT_ONCE, count - from) }, (_, i) => from + i)
    const sealed = numbers.map(async (frame): Promise<StoredFrame> => {
      const indices = (byFrame.get(frame) ?? []).sort((a, b) => pack.live[a]!.slot - pack.live[b]!.slot)
      if (indices.length === 0) return emptyFrame(frame)
      const raw = new Uint8Array(indices.length * BLOCK_BYTES)
      let mask = 0
      for (const [n, i] of indices.entries()) {
        mask |= 1 << pack.live[i]!.slot
        raw.set(content.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES), n * BLOCK_BYTES)
      }
      return codec.seal({ raw, key, volume, frame: { counter: frame, mask, kind: 'blocks' } })
    })
    frames.push(...(await Promise.all(sealed)))
  }
  const records = new RecordBatch(pack.live.length)
  for (const { block, frame, slot, hash } of pack.live) records.addData(block, SELF, frame, slot, hash)
  const generation = newestOf(pack.generations)!.pack.generation + 1
  const attempt = attemptOf(random.integer(2 ** 32))
  const name = rewrittenName(volume, pack.reference, { generation, blocks: pack.live.length, attempt })
  const object = packObject({
    name,
    keyring,
    salt,
    frames,
    records: records.encode(),
    recordCount: records.count,
  })
  await objects.put(name, object)
  const stored = await objects.get(name, 0, object.byteLength + 1)
  if (Buffer.compare(stored, object) !== 0) throw corrupt(name, 'it was stored just now and reads otherwise')
  for (const { name: old } of pack.generations) await objects.delete(old)
  return object.byteLength
}

/** Keeps its number; no index names a block of it. */
const emptyFrame = (counter: number): StoredFrame => ({
  frame: { counter, storedBytes: 0, mask: 0, method: 'stored', kind: 'blocks' },
  stored: new Uint8Array(0),
})
