/**
 * What may be in each block of a volume, as far as it is known from answers. A block has a generation: its how manieth write
 * that was begun; 0 is what was there before. In numbers, 30 bytes a block, and nothing else grows with the disk.
 *
 *     low … top     one of these is there; the same number twice unless something was forgiven
 *     unanswered    generations of writes that ended without an answer: each may be there, also later than a newer one
 *
 * A block is used by one command at a time (`take`), so what a read must find is never in doubt.
 */
import { SafePoint } from './safe-point.ts'

const FREE = 0
const READING = 1
const WRITING = 2
/** Blocks that are looked at before one is taken whose last write may still come. */
const PROBES = 64

/** What one of a range of blocks could hold at a moment. */
export interface BlockRange {
  readonly first: number
  readonly lows: Uint32Array
  readonly tops: Uint32Array
  readonly sent: Uint32Array
  /** Whether a write of the block was under way. */
  readonly writing: Uint8Array
}

/** Of a moment that lasted a while. */
export interface MomentStates {
  readonly lows: Uint32Array
  readonly tops: Uint32Array
}

export type Loss = 'unflushed' | 'unsettled'

export class BlockStates {
  #sent = new Uint32Array(0)
  #lows = new Uint32Array(0)
  #tops = new Uint32Array(0)
  /** Number of the newest acknowledged write of each block, over the whole volume. */
  #sequences = new Float64Array(0)
  #uses = new Uint8Array(0)
  readonly #safe: Readonly<Record<Loss, SafePoint>> = {
    unflushed: new SafePoint(),
    unsettled: new SafePoint(),
  }
  readonly #unanswered = new Map<number, number[]>()
  #sequence = 0
  /** Rises whenever something is forgiven: an answer that crosses that is worth less. */
  #era = 0

  /** Blocks that it has room for. */
  get blocks(): number {
    return this.#sent.length
  }

  get era(): number {
    return this.#era
  }

  grow(blocks: number): void {
    if (blocks <= this.blocks) return
    const larger = <T extends Uint32Array | Float64Array | Uint8Array>(next: T, old: T): T => {
      next.set(old)
      return next
    }
    this.#sent = larger(new Uint32Array(blocks), this.#sent)
    this.#lows = larger(new Uint32Array(blocks), this.#lows)
    this.#tops = larger(new Uint32Array(blocks), this.#tops)
    this.#sequences = larger(new Float64Array(blocks), this.#sequences)
    this.#uses = larger(new Uint8Array(blocks), this.#uses)
    for (const safe of Object.values(this.#safe)) safe.grow(blocks)
  }

  /** Whether it was ever written. */
  isKnown(block: number): boolean {
    return block < this.blocks && this.#sent[block] !== 0
  }

  isAnyKnown(first: number, count: number): boolean {
    const end = Math.min(first + count, this.blocks)
    for (let block = first; block < end; block++) if (this.#sent[block] !== 0) return true
    return false
  }

  /** A block that nobody uses, from `start` on within the first `blocks`; −1 when there is none. To be given back. */
  take(start: number, blocks: number, isWrite: boolean): number {
    let spare = -1
    for (let i = 0; i < blocks; i++) {
      const block = start + i < blocks ? start + i : start + i - blocks
      if (this.#uses[block] !== FREE) continue
      if (isWrite && this.#unanswered.has(block)) {
        if (spare < 0) spare = block
      } else return this.#taken(block, isWrite)
      if (i >= PROBES && spare >= 0) break
    }
    return spare < 0 ? spare : this.#taken(spare, isWrite)
  }

  /** All of these at once, to be written; false when one is in use. */
  takeRange(first: number, count: number): boolean {
    for (let i = 0; i < count; i++) if (this.#uses[first + i] !== FREE) return false
    for (let i = 0; i < count; i++) this.#taken(first + i, true)
    return true
  }

  release(block: number): void {
    this.#uses[block] = FREE
  }

  /** The generation that a write of `block`, which was taken, has to bear. */
  begin(block: number): number {
    return ++this.#sent[block]!
  }

  /** That write was answered. `era`: when it began. */
  acknowledged(block: number, generation: number, era: number): void {
    for (const safe of Object.values(this.#safe)) {
      safe.overwritten(block, this.#sequences[block]!, this.#lows[block]!)
    }
    this.#tops[block] = generation
    // it may belong to what was lost meanwhile
    if (era === this.#era) this.#lows[block] = generation
    this.#sequences[block] = ++this.#sequence
  }

  /** It ended without an answer. */
  unanswered(block: number, generation: number): void {
    const list = this.#unanswered.get(block)
    if (list === undefined) this.#unanswered.set(block, [generation])
    else list.push(generation)
  }

  /** To be given to `flushed` when the flush that begins now was answered. */
  get sequence(): number {
    return this.#sequence
  }

  flushed(sequence: number, era: number): void {
    if (era === this.#era) this.#safe.unflushed.reached(sequence)
  }

  /** Everything that was acknowledged is at every replica. */
  settled(): void {
    this.#safe.unsettled.reached(this.#sequence)
  }

  allow(loss: Loss): void {
    this.#era++
    const safe = this.#safe[loss]
    for (let block = 0; block < this.blocks; block++) {
      this.#lows[block] = safe.floorOf(block, this.#sequences[block]!, this.#lows[block]!)
    }
  }

  range(first: number, count: number): BlockRange {
    const end = Math.min(first + count, this.blocks)
    const part = (all: Uint32Array): Uint32Array => {
      const copy = new Uint32Array(count)
      copy.set(all.subarray(first, end))
      return copy
    }
    const writing = new Uint8Array(count)
    for (let i = 0; first + i < end; i++) writing[i] = this.#uses[first + i] === WRITING ? 1 : 0
    return { first, lows: part(this.#lows), tops: part(this.#tops), sent: part(this.#sent), writing }
  }

  /** What could be seen of `count` blocks, those of `before` and perhaps more, at some moment from then until now. */
  since(before: BlockRange, count = before.lows.length): MomentStates {
    const now = this.range(before.first, count)
    const { lows, tops } = now
    for (let i = 0; i < lows.length; i++) {
      lows[i] = Math.min(lows[i]!, before.lows[i] ?? 0)
      const isWritten = before.writing[i] === 1 || now.writing[i] === 1 || now.sent[i] !== before.sent[i]
      tops[i] = Math.max(tops[i]!, before.tops[i] ?? 0, isWritten ? now.sent[i]! : 0)
    }
    return { lows, tops }
  }

  /** Whether a write that never had an answer may be what is there. */
  mayHaveCome(block: number, generation: number): boolean {
    return this.#unanswered.get(block)?.includes(generation) === true
  }

  /** The volume has the content of that moment again. */
  rewind({ lows, tops }: MomentStates): void {
    this.#era++
    this.#lows.fill(0)
    this.#tops.fill(0)
    this.#lows.set(lows)
    this.#tops.set(tops)
    this.#sequences.fill(0)
  }

  #taken(block: number, isWrite: boolean): number {
    this.#uses[block] = isWrite ? WRITING : READING
    return block
  }
}
