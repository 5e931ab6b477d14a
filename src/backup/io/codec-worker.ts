/** A thread that does the work of frames; buffers go over without being copied. */
import { Piscina } from 'piscina'
import type { Frame } from '../core/pack-format.ts'
import type { DecodeJob, EncodeJob, StoredFrame } from '../ports.ts'
import { decodeBlocks, encodeBlocks, hashBlocks, openFrame, sealFrame } from './frame-work.ts'

/** `value`, of which the buffers in `buffers` are given away. */
const giving = (value: unknown, buffers: readonly ArrayBufferLike[]): object =>
  Piscina.move({
    get [Piscina.transferableSymbol]() {
      return buffers
    },
    get [Piscina.valueSymbol]() {
      return value
    },
  } as unknown as Parameters<typeof Piscina.move>[0]) as object

export function encode(job: EncodeJob): object {
  const encoded = encodeBlocks(job)
  const buffers = encoded.frames.map(({ stored }) => stored.buffer)
  return giving(encoded, [...buffers, encoded.hashes.buffer, encoded.zeros.buffer])
}

export function decode(job: DecodeJob): object {
  const decoded = decodeBlocks(job)
  return giving(decoded, [decoded.data.buffer])
}

export function hash(data: Uint8Array): object {
  const hashes = hashBlocks(data)
  return giving(hashes, [hashes.buffer])
}

export function seal(job: {
  raw: Uint8Array
  key: Uint8Array | null
  volume: string
  frame: Pick<Frame, 'counter' | 'mask' | 'kind'>
}): object {
  const sealed = sealFrame(job, job.frame, job.raw)
  return giving(sealed, [sealed.stored.buffer])
}

export function open(job: {
  stored: StoredFrame
  key: Uint8Array | null
  volume: string
  rawBytesMax: number
}): Uint8Array | undefined {
  return openFrame(job, job.stored, job.rawBytesMax)
}
