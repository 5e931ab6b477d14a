/** Bytes of a replica's files are changed behind its back, as a disk does that lies. */
import { BLOCK_BYTES, MIB } from '../../../src/base/units.ts'
import { integer, optional, size, withDefault } from '../../model/parameters.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { couldNot } from '../shared/failures.ts'
import { endHarm } from '../shared/harm.ts'
import { serverName, serverOf } from '../shared/servers.ts'
import { volumeName, volumeOf } from '../shared/volumes.ts'
import { folderOf, untilFlushed } from '../stored/folders.ts'
import { liveGroups } from '../stored/live-log.ts'
import type { ReplicaFolder } from '../stored/replica-folder.ts'
import { isWhole, placeOf, type StoredBlock } from '../stored/stored-blocks.ts'
import { readContent, storedBlocks } from '../stored/stored-replica.ts'
import { doHarm, noteDamage } from './damage.ts'

/** Somewhere in the block where any content has a byte. */
const WITHIN_BLOCK = 1357
const LOG_BYTES_MAX = 256 * MIB

/** It is done at once and stays: the harm ends when it is done, and rules that look for damage know of it. */
function damaged(context: ActionContext, name: string, what: string): void {
  noteDamage(context.world, 'corrupted', name)
  doHarm(context, what)
  endHarm(context, what)
}

/** `count` of `all`, spread evenly. */
export function spread<T>(all: readonly T[], count: number): readonly T[] {
  if (count >= all.length) return all
  return Array.from({ length: count }, (_, index) => all[Math.floor((index * all.length) / count)] as T)
}

export const corruptExtent = defineAction({
  name: 'corrupt_extent',
  group: 'fault',
  summary:
    "Flip bits in blocks of a volume where one replica's extents hold them, while its server runs or is down",
  parameters: {
    volume: volumeName(),
    server: serverName('whose replica'),
    offset: optional(
      size('in the volume: the block there; blocks that hold something, spread over all, unless told'),
    ),
    blocks: withDefault(integer('how many, without an offset', 1, 1000), 1),
  },
  result: 'server, offsets (in the volume) of the blocks',
  isFault: true,
  async run(context, { volume, server, offset, blocks: count }) {
    const daemon = await serverOf(context, server)
    const { id } = await volumeOf(context, volume)
    // what is newer in the log would hide the damage
    if (daemon.isRunning) await untilFlushed(context, [daemon], volume)
    const folder = folderOf(context.world, daemon, id)
    const { blocks } = await storedBlocks(folder)
    const chosen =
      offset === undefined
        ? spread(blocks, count)
        : blocks.filter(({ block }) => block === Math.floor(offset / BLOCK_BYTES))
    if (chosen.length === 0)
      throw couldNot(
        `${daemon.name} stores no content ${offset === undefined ? `of ${volume}` : `at byte ${offset} of ${volume}`}`,
      )
    await readContent(folder, chosen, expectWhole(daemon.name, true))
    damaged(context, daemon.name, `${chosen.length} blocks of ${volume} at ${daemon.name} corrupted`)
    for (const one of chosen) await flip(folder, one)
    await readContent(folder, chosen, expectWhole(daemon.name, false))
    return { server: daemon.name, offsets: chosen.map(({ block }) => block * BLOCK_BYTES) }
  },
})

const expectWhole =
  (name: string, isExpected: boolean) =>
  (block: StoredBlock, content: Uint8Array): void => {
    if (isWhole(block, content) === isExpected) return
    const byte = block.block * BLOCK_BYTES
    throw couldNot(
      isExpected
        ? `byte ${byte} at ${name} is damaged already`
        : `byte ${byte} at ${name} is as good as it was`,
    )
  }

async function flip(folder: ReplicaFolder, { block }: StoredBlock): Promise<void> {
  const { segment, offsetBytes } = placeOf(block)
  const path = folder.extentsPath(segment)
  const content = await folder.read(path, offsetBytes, BLOCK_BYTES)
  await folder.write(path, offsetBytes + WITHIN_BLOCK, Uint8Array.of(content[WITHIN_BLOCK]! ^ 0xff))
}

export const corruptLog = defineAction({
  name: 'corrupt_log',
  group: 'fault',
  summary:
    'Flip bits in the log of one replica, in an entry that its next start has to read; its server must be down',
  parameters: { volume: volumeName(), server: serverName('whose replica') },
  result: 'server, first_lsn and last_lsn of the group of entries that was hit, and groups that were there',
  isFault: true,
  async run(context, { volume, server }) {
    const daemon = await serverOf(context, server)
    if (daemon.isRunning)
      throw couldNot(`${daemon.name} runs; what it wrote to its log it does not read again`)
    const { id } = await volumeOf(context, volume)
    const folder = folderOf(context.world, daemon, id)
    const superblock = await folder.superblock()
    if (superblock.logBytes > LOG_BYTES_MAX) throw couldNot(`its log is larger than ${LOG_BYTES_MAX} bytes`)
    const log = await folder.read(folder.logPath, 0, superblock.logBytes)
    const groups = liveGroups(log, superblock)
    // not the last one, which may pass for a torn write
    const hit = groups[Math.floor((groups.length - 1) / 2)]
    if (hit === undefined)
      throw couldNot(`the log of ${volume} at ${daemon.name} holds nothing that is to be read`)
    damaged(context, daemon.name, `log of ${volume} at ${daemon.name} corrupted`)
    const at = hit.offsetBytes + hit.lengthBytes - 100
    await folder.write(folder.logPath, at, Uint8Array.of(log[at]! ^ 0xff))
    return { server: daemon.name, first_lsn: hit.firstLsn, last_lsn: hit.lastLsn, groups: groups.length }
  },
})
