/** Replicas that were closed in sync hold the same: every block, the size, the front ends' state. */

import { isBlockError } from '../../../src/base/errors.ts'
import { BLOCK_BYTES } from '../../../src/base/units.ts'
import { Volume } from '../../../src/blockvol/volume.ts'
import { fail } from '../../cluster/checker.ts'
import { DATA_DIRECTORY, startProcess } from '../machine.ts'
import type { Scheduler } from '../scheduler.ts'
import type { ClusterProfile } from './profile.ts'
import type { SimServer } from './server.ts'
import type { RunLog } from './timeline.ts'

const SECTOR_BYTES = 512

interface Content {
  readonly server: string
  /** Undefined where a block cannot be read. */
  readonly blocks: readonly (Uint8Array | undefined)[]
  readonly sizeBytes: number
  readonly frontendState: Uint8Array
}

export async function compareReplicas(
  world: { readonly scheduler: Scheduler; readonly profile: ClusterProfile; readonly log: RunLog },
  servers: readonly SimServer[],
): Promise<void> {
  const contents: Content[] = []
  for (const server of servers) {
    try {
      contents.push(await read(world.scheduler, server))
    } catch (error) {
      // a bit of the log's flushed part has rotted: the flusher could not get past it, and nobody is told other bytes
      if (!isBlockError(error, 'LOG_DAMAGED') || world.profile.weights.rot === 0) throw error
      world.log.count('replicas with a rotten log')
    }
  }
  const [first, ...others] = contents
  for (const other of others) compare(first!, other)
}

function compare(a: Content, b: Content): void {
  if (a.sizeBytes !== b.sizeBytes) fail(`${a.server} has ${a.sizeBytes} bytes, ${b.server} ${b.sizeBytes}`)
  if (Buffer.compare(a.frontendState, b.frontendState) !== 0)
    fail(`the front-end state of ${a.server} and ${b.server} differs`)
  for (const [block, content] of a.blocks.entries()) {
    const other = b.blocks[block]
    if (content === undefined || other === undefined || Buffer.compare(content, other) === 0) continue
    const at = content.findIndex((byte, i) => byte !== other[i]) & ~(SECTOR_BYTES - 1)
    const name = (bytes: Uint8Array): number =>
      new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(4, true)
    const where = `block ${block}, sector ${at / SECTOR_BYTES} of it`
    fail(`${where}: ${a.server} holds operation ${name(content)}, ${b.server} ${name(other)}`)
  }
}

/** On a copy of the disk: looking changes nothing. */
async function read(scheduler: Scheduler, { server, storage }: SimServer): Promise<Content> {
  const copy = storage.fork()
  // without them it is a volume alone
  copy.removeName(`${DATA_DIRECTORY}/volume/marks`)
  const process = startProcess({ storage: copy, scheduler, seed: 1 })
  const volume = await Volume.open(process, {
    directory: `${DATA_DIRECTORY}/volume`,
    tuning: { scrubIntervalMs: 0 },
  })
  const blocks: (Uint8Array | undefined)[] = []
  const all = new Uint8Array(volume.sizeBytes)
  try {
    await volume.read(0, all)
    for (let at = 0; at < all.byteLength; at += BLOCK_BYTES) blocks.push(all.subarray(at, at + BLOCK_BYTES))
  } catch (error) {
    if (!isBlockError(error, 'MEDIUM')) throw error
    for (let at = 0; at < all.byteLength; at += BLOCK_BYTES) blocks.push(await readBlock(volume, at))
  }
  const { sizeBytes } = volume
  const frontendState = Uint8Array.from(volume.frontendState())
  process.life.end()
  return { server, blocks, sizeBytes, frontendState }
}

async function readBlock(volume: Volume, offsetBytes: number): Promise<Uint8Array | undefined> {
  const block = new Uint8Array(BLOCK_BYTES)
  try {
    await volume.read(offsetBytes, block)
    return block
  } catch (error) {
    if (!isBlockError(error, 'MEDIUM')) throw error
    return undefined
  }
}
