/**
 * Where the blocks of a clone come from that it does not have itself, as far as is known at present: an image at another
 * server or at this one. It outlives the image: while there is none, and when the server that has it does not answer, the
 * blocks cannot be had (BUSY), and hosts try again. An image that was closed there is asked no more.
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
/** The ticket is over, with the lead of the volume there, or with its process: this image is never to be had again. */
const OVER: ReadonlySet<unknown> = new Set<BlockErrorCode>(['ACCESS_DENIED', 'CLOSED'])
const UNREACHED: ReadonlySet<unknown> = new Set<BlockErrorCode>(['DISCONNECTED', 'TIMED_OUT'])

/** Why an origin was BUSY: another image is needed, or its server did not answer; null: neither, or it was not the origin. */
export function originTrouble({ facts }: BlockError): 'over' | 'unreached' | null {
  if (OVER.has(facts.origin)) return 'over'
  return UNREACHED.has(facts.origin) ? 'unreached' : null
}

export class CloneOrigin implements OriginSource {
  #image: VolumeImage | undefined
  /** What says that the image is over. */
  #over: BlockError | undefined

  /** Reads go to `image`, which stays its owner's, until `leave`. */
  use(image: VolumeImage): void {
    this.#image = image
    this.#over = undefined
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
    if (this.#over !== undefined) throw busy(this.#over)
    try {
      return await question(image)
    } catch (cause) {
      if (!isBlockError(cause) || !PASSING.has(cause.code)) throw cause
      if (this.#image === image && OVER.has(cause.code)) this.#over = cause
      throw busy(cause)
    }
  }
}

const busy = (cause: BlockError): BlockError =>
  new BlockError('BUSY', `the origin of the clone cannot be had: ${cause.message}`, {
    facts: { origin: cause.code },
    cause,
  })
