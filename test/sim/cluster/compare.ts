/**
 * Replicas that were closed in sync hold the same: every block, the size, the front ends' state, and every snapshot with all its
 * blocks and their versions. What snapshots hold is what they held when they were made.
 */

import { isBlockError } from '../../../src/base/errors.ts'
import type { ChangedBlocks } from '../../../src/base/ports/image.ts'
import type { SnapshotInfo } from '../../../src/base/ports/snapshots.ts'
import { BLOCK_BYTES } from '../../../src/base/units.ts'
import { Volume } from '../../../src/blockvol/volume.ts'
import { fail } from '../../cluster/checker.ts'
import { identifyAll, SECTOR_BYTES } from '../content.ts'
import { DATA_DIRECTORY, startProcess } from '../machine.ts'
import type { Scheduler } from '../scheduler.ts'
import type { History } from './history.ts'
import type { ClusterProfile } from './profile.ts'
import type { SimServer } from './server.ts'
import { type RunLog, show } from './timeline.ts'

interface Content {
  readonly server: string
  /** Undefined where a block cannot be read. */
  readonly blocks: readonly (Uint8Array | undefined)[]
  readonly sizeBytes: number
  readonly frontendState: Uint8Array
  readonly snapshots: readonly SnapshotContent[]
}

interface SnapshotContent {
  readonly info: SnapshotInfo
  /** Undefined where a block cannot be read. */
  readonly blocks: readonly (Uint8Array | undefined)[]
  /** LSN and kind of each block that was ever written, where the lists can be read. */
  readonly versions: ReadonlyMap<number, string>
}

interface World {
  readonly scheduler: Scheduler
  readonly profile: ClusterProfile
  readonly log: RunLog
  readonly history: History
}

export async function compareReplicas(world: World, servers: readonly SimServer[]): Promise<void> {
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
  for (const content of contents) judge(content, world)
}

/** Holds the snapshots of a replica against the oracle. */
function judge({ snapshots }: Content, { history, log, profile }: World): void {
  const oracle = history.current?.snapshots
  if (oracle === undefined) return
  oracle.judgeList(snapshots.map(({ info }) => info))
  for (const { info, blocks } of snapshots) {
    log.count('snapshots compared')
    for (const [block, content] of blocks.entries()) {
      if (content === undefined) continue
      const sector = (block * BLOCK_BYTES) / SECTOR_BYTES
      oracle.judgeRead(
        info.id,
        sector,
        Int32Array.from(identifyAll(content, sector, profile.shape.logicalBlockBytes)),
      )
    }
  }
}

function compare(a: Content, b: Content): void {
  if (a.sizeBytes !== b.sizeBytes) fail(`${a.server} has ${a.sizeBytes} bytes, ${b.server} ${b.sizeBytes}`)
  if (Buffer.compare(a.frontendState, b.frontendState) !== 0)
    fail(`the front-end state of ${a.server} and ${b.server} differs`)
  compareBlocks('', a, b)
  const ids = ({ snapshots }: Content): string => snapshots.map(({ info }) => show(info)).join()
  if (ids(a) !== ids(b)) fail(`${a.server} has the snapshots ${ids(a)}, ${b.server} ${ids(b)}`)
  for (const [i, one] of a.snapshots.entries()) compareSnapshots(a.server, one, b.server, b.snapshots[i]!)
}

function compareSnapshots(server: string, a: SnapshotContent, otherServer: string, b: SnapshotContent): void {
  const { name } = a.info
  compareBlocks(`${name}, `, { server, blocks: a.blocks }, { server: otherServer, blocks: b.blocks })
  for (const block of new Set([...a.versions.keys(), ...b.versions.keys()])) {
    const [one, other] = [a.versions.get(block), b.versions.get(block)]
    // a trim of what was never written leaves a mark on a replica that is being filled, and none elsewhere
    if (one === other || (one?.startsWith('data') !== true && other?.startsWith('data') !== true)) continue
    if (a.blocks[block] === undefined || b.blocks[block] === undefined) continue
    fail(`${name}, block ${block}: ${server} sees ${one ?? 'nothing'}, ${otherServer} ${other ?? 'nothing'}`)
  }
}

function compareBlocks(
  what: string,
  a: Pick<Content, 'server' | 'blocks'>,
  b: Pick<Content, 'server' | 'blocks'>,
): void {
  for (const [block, content] of a.blocks.entries()) {
    const other = b.blocks[block]
    if (content === undefined || other === undefined || Buffer.compare(content, other) === 0) continue
    const at = content.findIndex((byte, i) => byte !== other[i]) & ~(SECTOR_BYTES - 1)
    const name = (bytes: Uint8Array): number =>
      new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(4, true)
    const where = `${what}block ${block}, sector ${at / SECTOR_BYTES} of it`
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
  const { sizeBytes } = volume
  const blocks = await readBlocks(sizeBytes, (block, target) => volume.read(block * BLOCK_BYTES, target))
  const snapshots: SnapshotContent[] = []
  for (const info of volume.snapshots()) snapshots.push(await readSnapshot(volume, info))
  const frontendState = Uint8Array.from(volume.frontendState())
  process.life.end()
  return { server, blocks, sizeBytes, frontendState, snapshots }
}

async function readSnapshot(volume: Volume, info: SnapshotInfo): Promise<SnapshotContent> {
  const image = await volume.openSnapshot(info.id)
  const blocks = await readBlocks(image.sizeBytes, (block, target) => image.read(block, target))
  const versions = new Map<number, string>()
  const limit = 1024
  try {
    for (let fromBlock: number | null = 0; fromBlock !== null; ) {
      const page: ChangedBlocks = await image.changed({ sinceLsn: 0, fromBlock, limit })
      // of a block with LSN 0 nothing is known any more
      for (const { block, lsn, kind } of page.blocks) if (lsn > 0) versions.set(block, `${kind} of ${lsn}`)
      fromBlock = page.nextBlock
    }
  } catch (error) {
    if (!isBlockError(error, 'MEDIUM')) throw error
  }
  await image.close()
  return { info, blocks, versions }
}

/** Each block, undefined where it cannot be read. */
async function readBlocks(
  sizeBytes: number,
  read: (block: number, target: Uint8Array) => Promise<void>,
): Promise<(Uint8Array | undefined)[]> {
  const all = new Uint8Array(sizeBytes)
  const blocks: (Uint8Array | undefined)[] = []
  for (let at = 0; at < sizeBytes; at += BLOCK_BYTES) blocks.push(all.subarray(at, at + BLOCK_BYTES))
  try {
    await read(0, all)
  } catch (error) {
    if (!isBlockError(error, 'MEDIUM')) throw error
    for (const [block, target] of blocks.entries())
      if (await isBad(read(block, target!))) blocks[block] = undefined
  }
  return blocks
}

async function isBad(read: Promise<void>): Promise<boolean> {
  try {
    await read
    return false
  } catch (error) {
    if (!isBlockError(error, 'MEDIUM')) throw error
    return true
  }
}
