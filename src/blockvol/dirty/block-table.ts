/**
 * Block → newest log entry, as an open-addressing table over typed arrays: 28 bytes a slot, no object per block.
 * Entries are never removed; a whole generation is dropped at once. Newer only: an older LSN changes nothing.
 */
import { assert } from '../../base/assert.ts'

const CAPACITY_MIN = 256
/** Grow above this share of used slots. */
const LOAD_MAX = 0.6

export class BlockTable {
  /** Block number + 1; 0 marks a free slot. */
  #keys = new Float64Array(CAPACITY_MIN)
  #lsns = new Float64Array(CAPACITY_MIN)
  #positions = new Float64Array(CAPACITY_MIN)
  #checksums = new Uint32Array(CAPACITY_MIN)
  #shift = 32 - Math.log2(CAPACITY_MIN)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Slot of `block`, or −1. Valid until the next `put`. */
  find(block: number): number {
    const keys = this.#keys
    const key = block + 1
    // Fibonacci hashing of the low 32 bits; the modulo that `>>> 0` takes of larger numbers is wanted here
    let slot = Math.imul(block >>> 0, 0x9e3779b1) >>> this.#shift
    for (;;) {
      const found = keys[slot]!
      if (found === key) return slot
      if (found === 0) return -1
      slot = slot + 1 === keys.length ? 0 : slot + 1
    }
  }

  lsn(slot: number): number {
    return this.#lsns[slot]!
  }
  position(slot: number): number {
    return this.#positions[slot]!
  }
  checksum(slot: number): number {
    return this.#checksums[slot]!
  }

  /** Records that version `lsn` of `block` lies at log position `position`, unless a newer one is known. */
  put(block: number, lsn: number, position: number, checksum: number): void {
    if ((this.#size + 1) / this.#keys.length > LOAD_MAX) this.#grow()
    this.#insert(block + 1, lsn, position, checksum)
  }

  #insert(key: number, lsn: number, position: number, checksum: number): void {
    const keys = this.#keys
    let slot = Math.imul((key - 1) >>> 0, 0x9e3779b1) >>> this.#shift
    for (;;) {
      const found = keys[slot]!
      if (found === 0) {
        keys[slot] = key
        this.#size++
        break
      }
      if (found === key) {
        if (this.#lsns[slot]! > lsn) return
        break
      }
      slot = slot + 1 === keys.length ? 0 : slot + 1
    }
    this.#lsns[slot] = lsn
    this.#positions[slot] = position
    this.#checksums[slot] = checksum
  }

  #grow(): void {
    const [keys, lsns, positions, checksums] = [this.#keys, this.#lsns, this.#positions, this.#checksums]
    const capacity = keys.length * 2
    this.#keys = new Float64Array(capacity)
    this.#lsns = new Float64Array(capacity)
    this.#positions = new Float64Array(capacity)
    this.#checksums = new Uint32Array(capacity)
    this.#shift--
    const before = this.#size
    this.#size = 0
    for (let i = 0; i < keys.length; i++) {
      if (keys[i]! !== 0) this.#insert(keys[i]!, lsns[i]!, positions[i]!, checksums[i]!)
    }
    assert(this.#size === before, 'growing keeps every block')
  }

  /** All blocks, ascending. */
  sortedBlocks(): Float64Array {
    const blocks = new Float64Array(this.#size)
    let n = 0
    for (const key of this.#keys) if (key !== 0) blocks[n++] = key - 1
    return blocks.sort()
  }
}
