/**
 * An image of a volume that another server leads, read over gRPC with a ticket. Every call has a deadline; one that ends
 * without an answer leaves the image as it was, and may be made again. When the ticket is over ACCESS_DENIED says so, and
 * whoever wants to read on needs another one.
 */
import type { ClientReadableStream, Metadata, requestCallback, ServiceError } from '@grpc/grpc-js'
import { BlockError } from '../../base/errors.ts'
import type { ChangedBlocks, VolumeImage } from '../../base/ports/image.ts'
import type { TlsIdentity } from '../../base/tls.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import type { ChangedBlocksResponse__Output as ChangedOut } from '../../gen/basalt/server/v1/ChangedBlocksResponse.ts'
import type { CloseImageResponse__Output as CloseOut } from '../../gen/basalt/server/v1/CloseImageResponse.ts'
import type { ImageChunk__Output as ChunkOut } from '../../gen/basalt/server/v1/ImageChunk.ts'
import type { ImageDescription__Output as DescriptionOut } from '../../gen/basalt/server/v1/ImageDescription.ts'
import type { ImagesClient } from '../../gen/basalt/server/v1/Images.ts'
import { bearer, channelCredentials, channelOptions } from '../../rpc/connection.ts'
import { services } from '../../rpc/definitions.ts'
import { malformed } from '../../rpc/fields.ts'
import { blockErrorOf } from '../../rpc/status.ts'
import {
  CHANGED_BLOCKS_MAX,
  changedOf,
  descriptionOf,
  type ImageFacts,
  READ_BLOCKS_MAX,
} from './image-codec.ts'

/** For an answer, or all of a stream of at most 16 MiB. */
const CALL_MS = 30_000
const CLOSE_MS = 2_000

export interface RemoteImageOptions {
  /** `HOST:PORT` of the server that has it, for gRPC. */
  readonly address: string
  readonly ticket: string
  readonly tls: TlsIdentity | undefined
}

type Unary<Request, Answer> = (
  request: Request,
  metadata: Metadata,
  options: { readonly deadline: number },
  callback: requestCallback<Answer>,
) => unknown

export class RemoteImage implements VolumeImage {
  readonly identity: VolumeImage['identity']
  readonly name: string
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
  readonly history: VolumeImage['history']
  readonly #calls: Calls
  #closed: Promise<void> | undefined

  private constructor(calls: Calls, facts: ImageFacts) {
    this.#calls = calls
    this.identity = facts.identity
    this.name = facts.name
    this.sizeBytes = facts.sizeBytes
    this.logicalBlockBytes = facts.logicalBlockBytes
    this.history = facts.history
  }

  /** ACCESS_DENIED for a ticket that is over; DISCONNECTED and TIMED_OUT when the server cannot be had. */
  static async open(options: RemoteImageOptions): Promise<RemoteImage> {
    const calls = new Calls(options)
    try {
      const facts = await calls.unary<object, DescriptionOut>(
        (client) => client.describeImage.bind(client),
        {},
      )
      return new RemoteImage(calls, descriptionOf(facts))
    } catch (error) {
      calls.end()
      throw error
    }
  }

  async changed(request: {
    readonly sinceLsn: number
    readonly fromBlock: number
    readonly limit: number
  }): Promise<ChangedBlocks> {
    const limit = Math.min(request.limit, CHANGED_BLOCKS_MAX)
    const answer = await this.#calls.unary<object, ChangedOut>(
      (client) => client.changedBlocks.bind(client),
      { ...request, limit },
    )
    return changedOf(answer, request.fromBlock)
  }

  async read(block: number, target: Uint8Array): Promise<void> {
    const bytesMax = READ_BLOCKS_MAX * BLOCK_BYTES
    for (let at = 0; at < target.byteLength; at += bytesMax) {
      await this.#calls.read(block + at / BLOCK_BYTES, target.subarray(at, at + bytesMax))
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#calls.close()
    return this.#closed
  }
}

/** The calls of one ticket, on a connection of its own. */
class Calls {
  readonly #peer: string
  readonly #client: ImagesClient
  readonly #ticket: Metadata

  constructor({ address, ticket, tls }: RemoteImageOptions) {
    this.#peer = `the image at ${address}`
    this.#client = new (services().Images)(address, channelCredentials(tls), channelOptions('server', tls))
    this.#ticket = bearer(ticket)
  }

  unary<Request, Answer>(
    call: (client: ImagesClient) => Unary<Request, Answer>,
    request: Request,
    timeoutMs: number = CALL_MS,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      call(this.#client)(request, this.#ticket, { deadline: Date.now() + timeoutMs }, (error, answer) => {
        if (error !== null) return reject(blockErrorOf(error, this.#peer))
        if (answer === undefined) return reject(malformed('answer', 'it is missing'))
        resolve(answer)
      })
    })
  }

  /** Fills `target` from `block` on, which is at most what one stream carries. */
  read(block: number, target: Uint8Array): Promise<void> {
    const blocks = target.byteLength / BLOCK_BYTES
    const stream: ClientReadableStream<ChunkOut> = this.#client.readImage({ block, blocks }, this.#ticket, {
      deadline: Date.now() + CALL_MS,
    })
    return new Promise((resolve, reject) => {
      let filled = 0
      stream.on('data', ({ data }: ChunkOut) => {
        if (filled + data.byteLength > target.byteLength) {
          stream.cancel()
          reject(malformed('data', `more than the ${target.byteLength} bytes that were asked for`))
          return
        }
        target.set(data, filled)
        filled += data.byteLength
      })
      stream.on('error', (error: ServiceError) => reject(blockErrorOf(error, this.#peer)))
      stream.on('end', () => {
        if (filled === target.byteLength) resolve()
        else reject(new BlockError('DISCONNECTED', `${this.#peer}: it ended after ${filled} bytes`))
      })
    })
  }

  async close(): Promise<void> {
    try {
      await this.unary<object, CloseOut>((client) => client.closeImage.bind(client), {}, CLOSE_MS)
    } catch (error) {
      // the ticket runs out by itself
      if (!(error instanceof BlockError)) throw error
    } finally {
      this.end()
    }
  }

  end(): void {
    this.#client.close()
  }
}
