/** Images as they pass between servers (`Images` of `proto/server.proto`). What comes is checked. */
import type { ChangedBlocks, VolumeImage } from '../../base/ports/image.ts'
import type {
  ChangedBlocksResponse,
  ChangedBlocksResponse__Output as ChangedOut,
} from '../../gen/basalt/server/v1/ChangedBlocksResponse.ts'
import type {
  ImageDescription__Output as DescriptionOut,
  ImageDescription,
} from '../../gen/basalt/server/v1/ImageDescription.ts'
import { atMost, malformed, natural, text, uuid } from '../../rpc/fields.ts'
import { snapshotIdIn } from '../../rpc/led-codec.ts'

export const READ_BLOCKS_MAX = 4096
export const CHANGED_BLOCKS_MAX = 65_536
/** Epochs of one history: one more for each failover. */
const HISTORY_MAX = 65_536
const NAME_LENGTH_MAX = 63

/** What an image is, without what reads it. */
export type ImageFacts = Pick<
  VolumeImage,
  'identity' | 'name' | 'sizeBytes' | 'logicalBlockBytes' | 'history'
>

export const descriptionIn = (image: ImageFacts): ImageDescription => ({
  volume: image.identity.volume,
  epochId: epochIdIn(image.identity.epochId),
  lsn: image.identity.lsn,
  name: image.name,
  sizeBytes: image.sizeBytes,
  logicalBlockBytes: image.logicalBlockBytes,
  history: image.history.map(({ epochId, firstLsn }) => ({ epochId: epochIdIn(epochId), firstLsn })),
})

export function descriptionOf(message: DescriptionOut): ImageFacts {
  const { logicalBlockBytes } = message
  if (logicalBlockBytes !== 512 && logicalBlockBytes !== 4096) {
    throw malformed('logical_block_bytes', `${logicalBlockBytes} is neither 512 nor 4096`)
  }
  return {
    identity: {
      volume: uuid(message.volume, 'volume'),
      epochId: epochIdOf(message.epochId, 'epoch_id'),
      lsn: natural(message.lsn, 'lsn'),
    },
    name: text(message.name, NAME_LENGTH_MAX, 'name'),
    sizeBytes: natural(message.sizeBytes, 'size_bytes'),
    logicalBlockBytes,
    history: atMost(message.history, HISTORY_MAX, 'history').map((epoch) => ({
      epochId: epochIdOf(epoch.epochId, 'history.epoch_id'),
      firstLsn: natural(epoch.firstLsn, 'history.first_lsn'),
    })),
  }
}

export const changedIn = ({ blocks, nextBlock }: ChangedBlocks): ChangedBlocksResponse => ({
  blocks: blocks.map(({ block, lsn, kind }) => ({ block, lsn, isHole: kind === 'hole' })),
  ...(nextBlock === null ? {} : { nextBlock }),
})

/** Blocks rise from `fromBlock` on, and the place to ask on is behind them. */
export function changedOf(message: ChangedOut, fromBlock: number): ChangedBlocks {
  let least = fromBlock
  const blocks = atMost(message.blocks, CHANGED_BLOCKS_MAX, 'blocks').map((one) => {
    const block = natural(one.block, 'blocks.block')
    if (block < least) throw malformed('blocks.block', `${block} comes after ${least - 1}`)
    least = block + 1
    return { block, lsn: natural(one.lsn, 'blocks.lsn'), kind: one.isHole ? 'hole' : 'data' } as const
  })
  if (message.nextBlock === undefined) return { blocks, nextBlock: null }
  const nextBlock = natural(message.nextBlock, 'next_block')
  if (nextBlock < least || nextBlock <= fromBlock) {
    throw malformed('next_block', `${nextBlock} is not behind the blocks`)
  }
  return { blocks, nextBlock }
}

/** An epoch's id, 16 hex digits, as it passes. */
const epochIdIn = snapshotIdIn

function epochIdOf(value: string, field: string): string {
  const id = BigInt(value)
  if (id < 0n || id >= 1n << 64n) throw malformed(field, 'it has more than 64 bits')
  return id.toString(16).padStart(16, '0')
}
