/**
 * Blocks that say what they are. Each logical block begins with a stamp: where it belongs, which run wrote it and as
 * its how manieth write of that place; the rest follows from the stamp. A block that is stale, misplaced, torn or
 * damaged shows as such, also to a later run.
 */
import { readU64, viewOf, writeU64 } from '../base/binary.ts'
import { layout, u32, u64, zero } from '../base/layout.ts'

/** Little-endian, 32 bytes; 32-bit words that follow from it fill the rest of the logical block. */
const Stamp = layout('Stamp', 32, {
  magic: u64(0),
  offsetBytes: u64(8),
  runId: u32(16),
  generation: u32(20),
  reserved: zero(24, 8),
})
const AT = Stamp.at
/** "BsltBnch" */
const MAGIC_LOW = 0x746c_7342
const MAGIC_HIGH = 0x6863_6e42
const HEADER_WORDS = Stamp.lengthBytes / 4
/** Odd, so that the words of a block all differ. */
const STEP = 0x9e37_79b1

export interface Author {
  /** A u32 of each run. */
  readonly runId: number
  /** Writes of this place by that run, from 1. */
  readonly generation: number
}

/** Makes `block`, a whole logical block at a multiple of 4 bytes in its buffer, the one that belongs at `offsetBytes`. */
export function stampBlock(block: Uint8Array, offsetBytes: number, { runId, generation }: Author): void {
  const view = viewOf(block)
  view.setUint32(AT.magic, MAGIC_LOW, true)
  view.setUint32(AT.magic + 4, MAGIC_HIGH, true)
  writeU64(view, AT.offsetBytes, offsetBytes)
  view.setUint32(AT.runId, runId, true)
  view.setUint32(AT.generation, generation, true)
  view.setUint32(AT.reserved, 0, true)
  view.setUint32(AT.reserved + 4, 0, true)
  const words = wordsOf(block)
  let word = firstWord(offsetBytes, runId, generation)
  for (let i = HEADER_WORDS; i < words.length; i++) {
    words[i] = word
    word = (word + STEP) | 0
  }
}

/** Whether `block` bears a stamp at all. */
export function isStamped(block: Uint8Array): boolean {
  const view = viewOf(block)
  return view.getUint32(AT.magic, true) === MAGIC_LOW && view.getUint32(AT.magic + 4, true) === MAGIC_HIGH
}

/** As its place's how manieth write a stamped block was written, as it says itself. */
export const generationOf = (block: Uint8Array): number => viewOf(block).getUint32(AT.generation, true)

/**
 * What is wrong with a stamped block that was read at `offsetBytes`; undefined when it is whole, in its place and,
 * if `author` is given, written by that.
 */
export function faultOf(
  block: Uint8Array,
  offsetBytes: number,
  author: Author | undefined,
): string | undefined {
  if (!isStamped(block)) return 'it does not hold what was written'
  const view = viewOf(block)
  const place = readU64(view, AT.offsetBytes)
  const runId = view.getUint32(AT.runId, true)
  const generation = view.getUint32(AT.generation, true)
  if (place !== offsetBytes) return `it holds the block of byte ${place}`
  if (author !== undefined && runId !== author.runId) return 'it holds what an earlier run wrote'
  if (author !== undefined && generation !== author.generation) {
    return `it holds write ${generation} of this place, not write ${author.generation}`
  }
  if (!Stamp.isPaddingZero(block)) return 'its stamp is damaged'
  const words = wordsOf(block)
  let word = firstWord(offsetBytes, runId, generation)
  for (let i = HEADER_WORDS; i < words.length; i++) {
    if (words[i] !== word) return `it is damaged ${4 * i} bytes in`
    word = (word + STEP) | 0
  }
  return undefined
}

const wordsOf = (block: Uint8Array): Int32Array =>
  new Int32Array(block.buffer, block.byteOffset, block.byteLength / 4)

function firstWord(offsetBytes: number, runId: number, generation: number): number {
  const place = Math.imul(Math.floor(offsetBytes / 512) | 0, 0x85eb_ca6b)
  return (place ^ Math.imul(runId, 0xc2b2_ae35) ^ Math.imul(generation, 0x27d4_eb2f)) | 0
}
