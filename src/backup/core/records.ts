/**
 * Records: what an image has at a block, and where it is stored. A batch is columns, ascending by block, without overlap:
 * a record of data is one block, a hole is a run of blocks that read as zeros. In bytes:
 *
 *     count, packs, each a text; then per record: blocks since the end of the record before, and a word w:
 *       0   a hole, and its count of blocks follows
 *       1   data at the place after the one before: next slot, next frame
 *       2   data, and pack (of the list), frame and slot follow
 *     and of data, 16 bytes of hash
 *
 * All numbers are LEB128. Most records of a backup take 18 bytes.
 */
import { assert } from '../../base/assert.ts'
import { ByteReader, ByteWriter } from './bytes.ts'

/** Bytes of a block's hash: SHA-256, truncated. */
export const HASH_BYTES = 16
/** Blocks that are compressed and encrypted together. */
export const FRAME_BLOCKS = 16
/** Blocks of the largest volume, 64 TiB, and a bound of all block numbers. */
export const BLOCKS_MAX = 2 ** 34
const NAME_BYTES_MAX = 200
const HOLE = 0
const NEXT = 1
const PLACE = 2

interface Place {
  /** Reference of the pack; index in the batch's list. */
  readonly pack: number
  readonly frame: number
  readonly slot: number
}

export class RecordBatch {
  readonly packs: string[] = []
  #count = 0
  #blocks: Float64Array
  /** Blocks of a hole; −1 of data. */
  #holes: Float64Array
  #pack: Uint32Array
  #frame: Uint32Array
  #slot: Uint8Array
  #hashes: Uint8Array
  #packIndex = new Map<string, number>()

  constructor(capacity = 64) {
    this.#blocks = new Float64Array(capacity)
    this.#holes = new Float64Array(capacity)
    this.#pack = new Uint32Array(capacity)
    this.#frame = new Uint32Array(capacity)
    this.#slot = new Uint8Array(capacity)
    this.#hashes = new Uint8Array(capacity * HASH_BYTES)
  }

  get count(): number {
    return this.#count
  }

  block(i: number): number {
    return this.#blocks[i]!
  }

  /** First block after the record. */
  end(i: number): number {
    return this.#blocks[i]! + (this.isHole(i) ? this.#holes[i]! : 1)
  }

  isHole(i: number): boolean {
    return this.#holes[i]! >= 0
  }

  pack(i: number): string {
    return this.packs[this.#pack[i]!]!
  }

  frame(i: number): number {
    return this.#frame[i]!
  }

  slot(i: number): number {
    return this.#slot[i]!
  }

  /** Lent. */
  hash(i: number): Uint8Array {
    return this.#hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)
  }

  /** Adds blocks that read as zeros; joins them with a hole that ends there. */
  addHole(block: number, count: number): void {
    const last = this.#count - 1
    if (last >= 0 && this.isHole(last) && this.end(last) === block) {
      this.#holes[last]! += count
      return
    }
    const i = this.#add(block)
    this.#holes[i] = count
  }

  addData(block: number, pack: string, frame: number, slot: number, hash: Uint8Array): void {
    const i = this.#add(block)
    this.#holes[i] = -1
    this.#pack[i] = this.#packNumber(pack)
    this.#frame[i] = frame
    this.#slot[i] = slot
    this.#hashes.set(hash, i * HASH_BYTES)
  }

  encode(): Uint8Array {
    const out = new ByteWriter(64 + this.#count * 20)
    out.number(this.#count)
    out.number(this.packs.length)
    for (const pack of this.packs) out.text(pack)
    let end = 0
    let next: Place = { pack: -1, frame: 0, slot: 0 }
    for (let i = 0; i < this.#count; i++) {
      out.number(this.#blocks[i]! - end)
      end = this.end(i)
      if (this.isHole(i)) {
        out.number(HOLE)
        out.number(this.#holes[i]!)
        continue
      }
      const place = { pack: this.#pack[i]!, frame: this.#frame[i]!, slot: this.#slot[i]! }
      if (place.pack === next.pack && place.frame === next.frame && place.slot === next.slot) out.number(NEXT)
      else {
        out.number(PLACE)
        out.number(place.pack)
        out.number(place.frame)
        out.number(place.slot)
      }
      next = after(place)
      out.raw(this.#hashes, i * HASH_BYTES, (i + 1) * HASH_BYTES)
    }
    return out.written()
  }

  #add(block: number): number {
    const i = this.#count
    assert(i === 0 || block >= this.end(i - 1), 'records ascend')
    if (i === this.#blocks.length) this.#grow()
    this.#blocks[i] = block
    this.#count++
    return i
  }

  #packNumber(pack: string): number {
    const known = this.#packIndex.get(pack)
    if (known !== undefined) return known
    this.#packIndex.set(pack, this.packs.length)
    return this.packs.push(pack) - 1
  }

  #grow(): void {
    const capacity = 2 * this.#blocks.length
    const grown = <T extends { set(from: T): void }>(to: T, from: T): T => {
      to.set(from)
      return to
    }
    this.#blocks = grown(new Float64Array(capacity), this.#blocks)
    this.#holes = grown(new Float64Array(capacity), this.#holes)
    this.#pack = grown(new Uint32Array(capacity), this.#pack)
    this.#frame = grown(new Uint32Array(capacity), this.#frame)
    this.#slot = grown(new Uint8Array(capacity), this.#slot)
    this.#hashes = grown(new Uint8Array(capacity * HASH_BYTES), this.#hashes)
  }
}

/** Undefined when the bytes are not what `encode` writes. */
export function decodeRecords(bytes: Uint8Array, countMax: number): RecordBatch | undefined {
  const reader = new ByteReader(bytes)
  const count = reader.number()
  const packCount = reader.number()
  if (reader.isBad || count > countMax || packCount > count) return undefined
  const packs = Array.from({ length: packCount }, () => reader.text(NAME_BYTES_MAX))
  const batch = new RecordBatch(Math.max(count, 1))
  let end = 0
  let next: Place = { pack: -1, frame: 0, slot: 0 }
  for (let i = 0; i < count && !reader.isBad; i++) {
    const block = end + reader.number()
    const word = reader.number()
    if (word === HOLE) {
      const blocks = reader.number()
      end = block + blocks
      if (blocks === 0 || end > BLOCKS_MAX) return undefined
      batch.addHole(block, blocks)
      continue
    }
    if (word === PLACE) next = { pack: reader.number(), frame: reader.number(), slot: reader.number() }
    else if (word !== NEXT) return undefined
    const pack = packs[next.pack]
    if (pack === undefined || next.slot >= FRAME_BLOCKS || next.frame > 0xffff_ffff) return undefined
    end = block + 1
    if (end > BLOCKS_MAX) return undefined
    const hash = reader.raw(HASH_BYTES)
    if (reader.isBad) return undefined
    batch.addData(block, pack, next.frame, next.slot, hash)
    next = after(next)
  }
  return reader.isWhole && batch.count === count ? batch : undefined
}

const after = ({ pack, frame, slot }: Place): Place =>
  slot + 1 < FRAME_BLOCKS ? { pack, frame, slot: slot + 1 } : { pack, frame: frame + 1, slot: 0 }
