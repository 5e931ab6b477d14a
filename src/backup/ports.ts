/** What backups need of the world besides clock and randomness: a store of objects, and threads that compress and encrypt. */
import type { Frame } from './core/pack-format.ts'

export interface ObjectInfo {
  readonly name: string
  readonly sizeBytes: number
  /** Milliseconds since 1970, by the store's clock. */
  readonly modifiedMs: number
}

export interface ObjectPage {
  /** Ascending by name, by bytes. */
  readonly objects: readonly ObjectInfo[]
  readonly isLast: boolean
}

/**
 * Objects: names and bytes. An object is there as a whole or not at all, and is replaced as a whole. What was put is durable and
 * listed when `put` resolves. Errors are `BlockError` with `facts.object`: NOT_FOUND, ACCESS_DENIED, NO_SPACE,
 * INVALID_ARGUMENT, ABORTED, which a repetition does not help, and BUSY, TIMED_OUT, DISCONNECTED, DISK, which it may.
 */
export interface ObjectStore {
  put(name: string, body: Uint8Array, signal: AbortSignal): Promise<void>
  /**
   * Of unknown length, in pieces of any size; nothing is there before `body` ended. For what is larger than one request may be.
   */
  putStream(
    name: string,
    sizeBytes: number,
    body: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void>
  /** Bytes [offsetBytes, offsetBytes + lengthBytes), fewer only at the end of the object; empty behind it. */
  get(
    name: string,
    range: { readonly offsetBytes: number; readonly lengthBytes: number },
    signal: AbortSignal,
  ): Promise<Uint8Array>
  /** NOT_FOUND. */
  head(name: string, signal: AbortSignal): Promise<ObjectInfo>
  /** Up to a thousand names that begin with `prefix` and come behind `after`. */
  list(prefix: string, after: string, signal: AbortSignal): Promise<ObjectPage>
  /** No error when it is not there. */
  delete(name: string, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** Blocks to be stored. */
export interface EncodeJob {
  /** Whole blocks; given away. */
  readonly data: Uint8Array<ArrayBuffer>
  /** Null: not encrypted. */
  readonly key: Uint8Array | null
  /** UUID of the volume, bound into what is encrypted. */
  readonly volume: string
  /** Of the first frame; the others follow. */
  readonly counter: number
}

export interface EncodedBlocks {
  /** `HASH_BYTES` per block, in order. */
  readonly hashes: Uint8Array
  /** 1 per block that is all zeros; it is in no frame. */
  readonly zeros: Uint8Array
  /** The others, in order, `FRAME_BLOCKS` to a frame. */
  readonly frames: readonly StoredFrame[]
}

export interface StoredFrame {
  readonly frame: Frame
  readonly stored: Uint8Array
}

/** Blocks to be had back of frames. */
export interface DecodeJob {
  readonly key: Uint8Array | null
  readonly volume: string
  readonly frames: readonly (StoredFrame & {
    /** Which slots are wanted, ascending, and the hash of each, `HASH_BYTES`. */
    readonly slots: readonly number[]
    readonly hashes: Uint8Array
  })[]
}

export interface DecodedBlocks {
  /** The wanted blocks of all frames, in order; those of a bad frame are undefined. */
  readonly data: Uint8Array
  /** Per frame: null, or what is wrong with it. */
  readonly faults: readonly (string | null)[]
}

/** Hashing, compression and encryption, off the event loop. */
export interface FrameCodec {
  encode(job: EncodeJob): Promise<EncodedBlocks>
  decode(job: DecodeJob): Promise<DecodedBlocks>
  /** `HASH_BYTES` per block; zeros for one that is all zeros. `data` is given away. */
  hash(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array>
  /** One frame of given bytes: a node of an index, or what is left of a frame of blocks. */
  seal(job: {
    readonly raw: Uint8Array
    readonly key: Uint8Array | null
    readonly volume: string
    readonly frame: Pick<Frame, 'counter' | 'mask' | 'kind'>
  }): Promise<StoredFrame>
  /** Undefined: it is damaged. */
  open(job: {
    readonly stored: StoredFrame
    readonly key: Uint8Array | null
    readonly volume: string
    readonly rawBytesMax: number
  }): Promise<Uint8Array | undefined>
  close(): Promise<void>
}
