/**
 * The service `Images` of `proto/server.proto`: other servers read images here by the tickets that their master got for
 * them. A reader that is slow slows nobody but itself: of a stream one piece is read ahead of what its connection takes.
 */
import type { Metadata, ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js'
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { VolumeImage } from '../../base/ports/image.ts'
import { BLOCK_BYTES, MIB } from '../../base/units.ts'
import { LoginLimiter } from '../../frontend/login-limiter.ts'
import type { ChangedBlocksRequest__Output as ChangedMessage } from '../../gen/basalt/server/v1/ChangedBlocksRequest.ts'
import type { ImageChunk } from '../../gen/basalt/server/v1/ImageChunk.ts'
import type { ImagesHandlers } from '../../gen/basalt/server/v1/Images.ts'
import type { ReadImageRequest__Output as ReadMessage } from '../../gen/basalt/server/v1/ReadImageRequest.ts'
import { hostOf, tokenOf } from '../../rpc/connection.ts'
import { natural, within } from '../../rpc/fields.ts'
import { callStatusOf } from '../../rpc/status.ts'
import { CHANGED_BLOCKS_MAX, changedIn, descriptionIn, READ_BLOCKS_MAX } from './image-codec.ts'
import type { ImageTickets } from './image-tickets.ts'

export interface ImageServiceOptions {
  readonly tickets: Pick<ImageTickets, 'use' | 'end'>
  readonly clock: Clock
  readonly logger: Logger
}

const CHUNK_BLOCKS = MIB / BLOCK_BYTES
/** Of calls without a ticket that is known, by address. */
const DENIALS = { burst: 64, perSecond: 4, failureCost: 0, addressesMax: 1024 } as const

type ReadStream = ServerWritableStream<ReadMessage, ImageChunk>

export function imageHandlers({ tickets, clock, logger }: ImageServiceOptions): ImagesHandlers {
  const limiter = new LoginLimiter({ clock, limits: DENIALS })

  const withImage = async <T>(
    call: { readonly metadata: Metadata; getPeer(): string },
    work: (image: VolumeImage) => Promise<T>,
  ): Promise<T> => {
    try {
      return await tickets.use(tokenOf(call.metadata) ?? '', work)
    } catch (error) {
      const address = hostOf(call.getPeer())
      if (isBlockError(error, 'ACCESS_DENIED') && !limiter.admit(address)) {
        throw new BlockError('BUSY', `too many calls from ${address}; wait a while`)
      }
      throw error
    }
  }
  const refused = (name: string, error: unknown): void => {
    if (isBlockError(error)) {
      logger.info('grpc.call_refused', { call: name, code: error.code, reason: error.message })
    } else logger.error('grpc.call_failed', { call: name }, error)
  }
  const unary =
    <Request, Answer>(name: string, answer: (image: VolumeImage, request: Request) => Promise<Answer>) =>
    (call: ServerUnaryCall<Request, Answer>, callback: sendUnaryData<Answer>): void => {
      withImage(call, (image) => answer(image, call.request)).then(
        (value) => callback(null, value),
        (error: unknown) => {
          refused(name, error)
          callback(callStatusOf(error))
        },
      )
    }

  return {
    DescribeImage: unary('DescribeImage', async (image) => descriptionIn(image)),
    ChangedBlocks: unary('ChangedBlocks', async (image, request: ChangedMessage) =>
      changedIn(
        await image.changed({
          sinceLsn: natural(request.sinceLsn, 'since_lsn'),
          fromBlock: natural(request.fromBlock, 'from_block'),
          limit: within(request.limit, 1, CHANGED_BLOCKS_MAX, 'limit'),
        }),
      ),
    ),
    ReadImage: (call: ReadStream) => {
      withImage(call, (image) => sendRun(image, call)).then(
        () => call.end(),
        (error: unknown) => {
          if (call.cancelled) return
          refused('ReadImage', error)
          // a stream ends with a status by this event
          call.emit('error', callStatusOf(error))
        },
      )
    },
    CloseImage: (call, callback) => {
      tickets.end(tokenOf(call.metadata) ?? '').then(
        () => callback(null, {}),
        (error: unknown) => {
          refused('CloseImage', error)
          callback(callStatusOf(error))
        },
      )
    },
  }
}

async function sendRun(image: VolumeImage, call: ReadStream): Promise<void> {
  const first = natural(call.request.block, 'block')
  const blocks = within(call.request.blocks, 1, READ_BLOCKS_MAX, 'blocks')
  const blocksMax = Math.ceil(image.sizeBytes / BLOCK_BYTES)
  if (first + blocks > blocksMax) {
    throw new BlockError('OUT_OF_RANGE', `the image has ${blocksMax} blocks`, { facts: { first, blocks } })
  }
  for (let block = first; block < first + blocks && !call.cancelled; block += CHUNK_BLOCKS) {
    const count = Math.min(CHUNK_BLOCKS, first + blocks - block)
    // it is the message's, and stays with the stream
    const data = Buffer.allocUnsafe(count * BLOCK_BYTES)
    await image.read(block, data)
    if (!call.cancelled && !call.write({ data })) await drained(call)
  }
}

/** Resolves when the connection took what was written, or is gone. */
async function drained(call: ReadStream): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const events = ['drain', 'cancelled', 'close', 'error'] as const
  for (const event of events) call.once(event, resolve)
  if (call.cancelled) resolve()
  await promise
  for (const event of events) call.off(event, resolve)
}
