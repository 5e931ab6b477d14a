/**
 * Where the blocks of a clone come from that it does not have itself, as far as is known at present: an image at another
 * server or at this one. It outlives the image: while there is none, and when the server that has it does not answer, the
 * blocks cannot be had (BUSY), and hosts try again.
 */
import { BlockError, type BlockErrorCode, isBlockError } from '../../base/errors.ts'
import type { ChangedBlocks, VolumeImage } from '../../base/ports/image.ts'
import type { OriginSource } from '../../base/ports/origin.ts'

/** The image is as it was, and may be had again, by this ticket or another one. */
const PASSING: ReadonlySet<BlockErrorCode> = new Set([
  'BUSY',
  'DISCONNECTED',
  'TIMED_OUT',
  'CLOSED',
  'ACCESS_DENIED',
  'ABORTED',
])

export class CloneOrigin implements OriginSource {
  #image: VolumeImage | undefined

  /** Reads go to `image`, which stays its owner's, until `leave`. */
  use(image: VolumeImage): void {
    this.#image = image
  }

  /** `image` is about to be closed. */
  leave(image: VolumeImage): void {
    if (this.#image === image) this.#image = undefined
  }

  read(block: number, target: Uint8Array): Promise<void> {
    return this.#ask((image) => image.read(block, target))
  }

  changed(request: { readonly fromBlock: number; readonly limit: number }): Promise<ChangedBlocks> {
    return this.#ask((image) => image.changed({ ...request, sinceLsn: 0 }))
  }

  async #ask<T>(question: (image: VolumeImage) => Promise<T>): Promise<T> {
    const image = this.#image
    if (image === undefined) throw new BlockError('BUSY', 'the origin of the clone cannot be had at present')
    try {
      return await question(image)
    } catch (cause) {
      if (!isBlockError(cause) || !PASSING.has(cause.code)) throw cause
      throw new BlockError('BUSY', `the origin of the clone cannot be had: ${cause.message}`, { cause })
    }
  }
}
