/** What the threads do: hashing, compression and encryption of frames. Plain functions, so that tests call them without a thread. */
import { createCipheriv, createDecipheriv, hash } from 'node:crypto'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { assert } from '../../base/assert.ts'
import { isZero } from '../../base/binary.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import { encodeText } from '../core/bytes.ts'
import type { FrameKind, FrameMethod } from '../core/pack-format.ts'
import { FRAME_BLOCKS, HASH_BYTES } from '../core/records.ts'
import { TAG_BYTES } from '../keys.ts'
import type { DecodedBlocks, DecodeJob, EncodedBlocks, EncodeJob, StoredFrame } from '../ports.ts'

/** The quickest, which does most of what there is to be had; random data leaves it at the speed of a copy. */
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

export interface SealedWith {
  readonly key: Uint8Array | null
  readonly volume: string
}

export function encodeBlocks(job: EncodeJob): EncodedBlocks {
  const blocks = job.data.byteLength / BLOCK_BYTES
  assert(Number.isInteger(blocks), 'whole blocks are stored')
  const hashes = new Uint8Array(blocks * HASH_BYTES)
  const zeros = new Uint8Array(blocks)
  const frames: StoredFrame[] = []
  let filled: Uint8Array[] = []
  const finish = (): void => {
    if (filled.length === 0) return
    const frame = {
      counter: job.counter + frames.length,
      mask: 2 ** filled.length - 1,
      kind: 'blocks' as const,
    }
    frames.push(sealFrame(job, frame, joined(filled)))
    filled = []
  }
  for (let i = 0; i < blocks; i++) {
    const block = job.data.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)
    if (isZero(block)) {
      zeros[i] = 1
      continue
    }
    hashes.set(hashOf(block), i * HASH_BYTES)
    filled.push(block)
    if (filled.length === FRAME_BLOCKS) finish()
  }
  finish()
  return { hashes, zeros, frames }
}

export function decodeBlocks(job: DecodeJob): DecodedBlocks {
  const wanted = job.frames.reduce((sum, { slots }) => sum + slots.length, 0)
  const data = new Uint8Array(wanted * BLOCK_BYTES)
  let at = 0
  const faults = job.frames.map(({ frame, stored, slots, hashes }) => {
    const start = at
    at += slots.length * BLOCK_BYTES
    const raw = openFrame(job, { frame, stored }, FRAME_BLOCKS * BLOCK_BYTES)
    if (raw === undefined) return 'a frame cannot be opened'
    if (raw.byteLength !== bitsOf(frame.mask) * BLOCK_BYTES) return 'a frame has another length than it says'
    for (const [i, slot] of slots.entries()) {
      if ((frame.mask & (1 << slot)) === 0) return 'a block is not where the index has it'
      const from = bitsOf(frame.mask & (2 ** slot - 1)) * BLOCK_BYTES
      const block = raw.subarray(from, from + BLOCK_BYTES)
      const expected = hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)
      if (Buffer.compare(hashOf(block), expected) !== 0) return 'a block does not have its hash'
      data.set(block, start + i * BLOCK_BYTES)
    }
    return null
  })
  return { data, faults }
}

/** Of each block of `data`; zeros for one that is all zeros. */
export function hashBlocks(data: Uint8Array): Uint8Array {
  const hashes = new Uint8Array((data.byteLength / BLOCK_BYTES) * HASH_BYTES)
  for (let i = 0; i * BLOCK_BYTES < data.byteLength; i++) {
    const block = data.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)
    if (!isZero(block)) hashes.set(hashOf(block), i * HASH_BYTES)
  }
  return hashes
}

/** SHA-256, truncated. */
const hashOf = (block: Uint8Array): Uint8Array => hash('sha256', block, 'buffer').subarray(0, HASH_BYTES)

export function sealFrame(
  { key, volume }: SealedWith,
  frame: { readonly counter: number; readonly mask: number; readonly kind: FrameKind },
  raw: Uint8Array,
): StoredFrame {
  const compressed = zstdCompressSync(raw, LEVEL)
  // what hardly shrinks is read back quicker as it is
  const isWorth = compressed.byteLength < raw.byteLength - raw.byteLength / 32
  const method: FrameMethod = isWorth ? 'zstd' : 'stored'
  const plain = isWorth ? compressed : raw
  const stored = key === null ? Uint8Array.from(plain) : encrypted(key, volume, frame, plain)
  return { frame: { ...frame, method, storedBytes: stored.byteLength }, stored }
}

/** Undefined when it is damaged, or was sealed otherwise. */
export function openFrame(
  { key, volume }: SealedWith,
  { frame, stored }: StoredFrame,
  rawBytesMax: number,
): Uint8Array | undefined {
  if (stored.byteLength !== frame.storedBytes) return undefined
  const plain = key === null ? stored : decrypted(key, volume, frame, stored)
  if (plain === undefined || frame.method === 'stored') return plain
  try {
    return zstdDecompressSync(plain, { maxOutputLength: rawBytesMax })
  } catch (error) {
    // zstd's own errors, and too much output
    if (
      error instanceof Error &&
      'code' in error &&
      /^(ZSTD_|ERR_BUFFER_TOO_LARGE|Z_)/.test(String(error.code))
    ) {
      return undefined
    }
    throw error
  }
}

function encrypted(key: Uint8Array, volume: string, frame: NonceOf, plain: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(frame))
  cipher.setAAD(boundTo(volume, frame))
  return joined([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

function decrypted(
  key: Uint8Array,
  volume: string,
  frame: NonceOf,
  stored: Uint8Array,
): Uint8Array | undefined {
  if (stored.byteLength < TAG_BYTES) return undefined
  const end = stored.byteLength - TAG_BYTES
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(frame))
  decipher.setAAD(boundTo(volume, frame))
  decipher.setAuthTag(stored.subarray(end))
  const plain = decipher.update(stored.subarray(0, end))
  try {
    decipher.final()
  } catch (error) {
    if (error instanceof Error && /authenticate/.test(error.message)) return undefined
    throw error
  }
  return plain
}

interface NonceOf {
  readonly counter: number
  readonly mask: number
  readonly kind: FrameKind
}

function nonceOf({ counter }: NonceOf): Uint8Array {
  const nonce = new Uint8Array(12)
  new DataView(nonce.buffer).setUint32(0, counter, true)
  return nonce
}

const boundTo = (volume: string, { kind, mask }: NonceOf): Uint8Array =>
  encodeText(`basalt backup frame ${volume} ${kind} ${mask}`)

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0))
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.byteLength
  }
  return out
}

function bitsOf(mask: number): number {
  let bits = 0
  for (let rest = mask; rest !== 0; rest &= rest - 1) bits++
  return bits
}
