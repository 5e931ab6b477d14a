/**
 * Reads packs of one volume. A pack is asked for by its reference; where it was written anew meanwhile, the newest generation is
 * looked for and read instead. What does not have its digest or hash is read again a few times, for it may have been damaged on
 * its way, and is then CORRUPT, with the object's name.
 */
import { isBlockError } from '../base/errors.ts'
import { packName, packOfName } from './core/names.ts'
import {
  decodeFrames,
  decodePackHead,
  type Frame,
  PACK_HEADER_BYTES,
  PACK_RECORDS_MAX,
  type PackHead,
} from './core/pack-format.ts'
import { decodeRecords, type RecordBatch } from './core/records.ts'
import { corrupt, type Objects, unknownFormat, wrongKey } from './objects.ts'
import { recordsDigestOf, tableDigestOf } from './pack-object.ts'
import type { StoredFrame } from './ports.ts'

/** Enough for header and rows of an ordinary pack. */
const HEAD_BYTES = 16 * 1024
const OPEN_PACKS_MAX = 1024
/** At what is damaged: a path that damages often does so again. */
const LOOKS = 4
/** Bytes between two wanted frames that are read along rather than asked for apart. */
const GAP_BYTES = 128 * 1024
const READ_BYTES_MAX = 8 * 1024 * 1024

export interface OpenPack {
  readonly reference: string
  readonly object: string
  readonly head: PackHead
  readonly frames: readonly Frame[]
  /** Where each frame begins in the object, and behind the last where it ends. */
  readonly offsets: Float64Array
  readonly frameKey: Uint8Array | null
}

/** A mistake in what was read; worth one more look. */
class Damage extends Error {
  readonly object: string

  constructor(object: string, what: string) {
    super(what)
    this.object = object
  }
}

export class PackReader {
  readonly objects: Objects
  readonly volume: string
  readonly #open = new Map<string, Promise<OpenPack>>()
  readonly #names = new Map<string, string>()

  constructor(options: { readonly objects: Objects; readonly volume: string }) {
    this.objects = options.objects
    this.volume = options.volume
  }

  /**
   * Calls `use` with the pack, and again with a fresh look at it when `use` throws what `damaged` made, or when the object is gone and
   * another generation is there.
   */
  async withPack<T>(reference: string, use: (pack: OpenPack) => Promise<T>): Promise<T> {
    let damages = 0
    for (let moves = 0; ; ) {
      try {
        return await use(await this.#opened(reference))
      } catch (error) {
        this.#open.delete(reference)
        if (error instanceof Damage) {
          if (++damages >= LOOKS) throw corrupt(error.object, error.message)
        } else if (isBlockError(error, 'NOT_FOUND') && moves++ < 3) await this.#locate(reference)
        else throw error
      }
    }
  }

  /** To be thrown inside `withPack`. */
  damaged(pack: OpenPack, what: string): Error {
    return new Damage(pack.object, what)
  }

  /** The stored bytes of `frames` (numbers, ascending) of a pack, in as few requests as make sense. */
  async frames(pack: OpenPack, frames: readonly number[]): Promise<StoredFrame[]> {
    const found: StoredFrame[] = []
    for (let i = 0; i < frames.length; ) {
      let end = i + 1
      const offset = this.#offset(pack, frames[i]!)
      while (
        end < frames.length &&
        this.#offset(pack, frames[end]!) - this.#end(pack, frames[end - 1]!) <= GAP_BYTES &&
        this.#end(pack, frames[end]!) - offset <= READ_BYTES_MAX
      ) {
        end++
      }
      const lengthBytes = this.#end(pack, frames[end - 1]!) - offset
      const bytes = await this.objects.get(pack.object, offset, lengthBytes)
      if (bytes.byteLength !== lengthBytes) throw this.damaged(pack, 'it is cut short')
      for (; i < end; i++) {
        const frame = frames[i]!
        const start = this.#offset(pack, frame) - offset
        const stored = bytes.subarray(start, start + pack.frames[frame]!.storedBytes)
        found.push({ frame: pack.frames[frame]!, stored })
      }
    }
    return found
  }

  /** A pack's own records. */
  records(reference: string): Promise<RecordBatch> {
    return this.withPack(reference, async (pack) => {
      const { head, object } = pack
      const sealed = await this.objects.get(object, PACK_HEADER_BYTES + head.tableBytes, head.recordsBytes)
      if (Buffer.compare(recordsDigestOf(object, sealed), head.recordsDigest) !== 0) {
        throw this.damaged(pack, 'its records do not have their digest')
      }
      const plain = this.objects.keyring.unseal(head.salt, object, 'records', sealed)
      if (plain === undefined) throw wrongKey(object)
      const records = decodeRecords(plain, PACK_RECORDS_MAX)
      if (records === undefined || records.count !== head.records) {
        throw this.damaged(pack, 'its records make no sense')
      }
      return records
    })
  }

  /** What reading its blocks does not show: that it has the length that it says, and its own records. CORRUPT. */
  async check(reference: string): Promise<void> {
    await this.withPack(reference, async (pack) => {
      const { sizeBytes } = await this.objects.head(pack.object)
      const { totalBytes } = pack.head
      if (sizeBytes !== totalBytes) {
        throw this.damaged(pack, `it has ${sizeBytes} bytes and should have ${totalBytes}`)
      }
    })
    await this.records(reference)
  }

  #offset(pack: OpenPack, frame: number): number {
    if (frame >= pack.frames.length) throw this.damaged(pack, `it has no frame ${frame}`)
    return pack.offsets[frame]!
  }

  #end(pack: OpenPack, frame: number): number {
    return this.#offset(pack, frame) + pack.frames[frame]!.storedBytes
  }

  #opened(reference: string): Promise<OpenPack> {
    const known = this.#open.get(reference)
    if (known !== undefined) return known
    const opening = this.#openPack(reference)
    opening.catch(() => this.#open.delete(reference))
    this.#open.set(reference, opening)
    const [oldest] = this.#open.keys()
    if (this.#open.size > OPEN_PACKS_MAX && oldest !== undefined) this.#open.delete(oldest)
    return opening
  }

  async #openPack(reference: string): Promise<OpenPack> {
    const object = this.#names.get(reference) ?? packName(this.volume, reference)
    const { objects } = this
    let bytes = await objects.get(object, 0, HEAD_BYTES)
    const verdict = decodePackHead(bytes)
    if (verdict.kind === 'unknown') throw unknownFormat(object, verdict.version)
    if (verdict.kind === 'damaged') throw new Damage(object, verdict.what)
    const { head } = verdict
    const end = PACK_HEADER_BYTES + head.tableBytes
    if (bytes.byteLength < end) bytes = await objects.get(object, 0, end)
    if (bytes.byteLength < end) throw new Damage(object, 'it is cut short')
    const table = bytes.subarray(PACK_HEADER_BYTES, end)
    if (
      Buffer.compare(tableDigestOf(object, bytes.subarray(0, PACK_HEADER_BYTES), table), head.tableDigest) !==
      0
    ) {
      throw new Damage(object, 'its table does not have its digest, or it is the object of another name')
    }
    if (head.isEncrypted !== objects.keyring.isEncrypting) throw wrongKey(object)
    const plain = objects.keyring.unseal(head.salt, object, 'table', table)
    if (plain === undefined) throw wrongKey(object)
    const frames = decodeFrames(plain, head.totalBytes - end - head.recordsBytes)
    if (frames === undefined || frames.length !== head.frames)
      throw new Damage(object, 'its table makes no sense')
    const offsets = new Float64Array(frames.length + 1)
    offsets[0] = end + head.recordsBytes
    for (const [i, frame] of frames.entries()) offsets[i + 1] = offsets[i]! + frame.storedBytes
    return { reference, object, head, frames, offsets, frameKey: objects.keyring.frameKey(head.salt) }
  }

  /** Finds the generation that there is. CORRUPT when there is none: what an index names must be there. */
  async #locate(reference: string): Promise<void> {
    let newest: { object: string; generation: number } | undefined
    for await (const { name } of this.objects.list(packName(this.volume, reference))) {
      const pack = packOfName(name)
      if (pack?.reference !== reference || pack.generation < (newest?.generation ?? 0)) continue
      newest = { object: name, generation: pack.generation }
    }
    if (newest === undefined) throw corrupt(packName(this.volume, reference), 'it is missing')
    this.#names.set(reference, newest.object)
  }
}
