/** Crashes around snapshots: what they see is preserved before it changes, and the volume goes back to them whole. */
import type { OriginSource } from '../../src/base/ports/origin.ts'
import { BLOCK_BYTES, KIB, MIB } from '../../src/base/units.ts'
import { fillSectors } from '../sim/content.ts'
import type { Shape, Workload } from './workload.ts'

const SMALL: Shape = { sizeBytes: MIB, logBytes: 256 * KIB, logicalBlockBytes: 512 }

/** Blocks from 0 that the clones have from their origin: all of them as the workload's first operation would write them. */
const CLONE_BLOCKS = 6
const CLONE_ORIGIN: OriginSource = {
  async read(block, target) {
    for (let at = 0; at < target.byteLength; at += BLOCK_BYTES) {
      const one = target.subarray(at, at + BLOCK_BYTES)
      const sector = (block + at / BLOCK_BYTES) * 8
      if (sector < CLONE_BLOCKS * 8) fillSectors(one, sector, 1)
      else one.fill(0)
    }
  },
  async changed({ fromBlock }) {
    const all = Array.from({ length: CLONE_BLOCKS }, (_, block) => ({ block, lsn: 5, kind: 'data' as const }))
    return { blocks: all.filter(({ block }) => block >= fromBlock), nextBlock: null }
  },
}

export const SNAPSHOT_WORKLOADS: readonly Workload[] = [
  {
    name: 'snapshot-then-overwrite',
    about: 'what a snapshot sees in extents and in the log is overwritten and flushed',
    shape: SMALL,
    seeds: 1,
    async setUp(context) {
      await context.writeBlocks(1, 2)
      await context.checkpoint()
      await context.writeBlocks(3)
      await context.createSnapshot(1)
    },
    async run(context) {
      await Promise.all([context.writeBlocks(1), context.writeBlocks(3)])
      await context.checkpoint()
    },
  },
  {
    name: 'snapshot-under-writes',
    about: 'a snapshot between writes of the blocks that it sees, and another one at once',
    shape: SMALL,
    seeds: 1,
    async setUp(context) {
      await context.writeBlocks(1)
      await context.checkpoint()
    },
    async run(context) {
      await Promise.all([context.writeBlocks(1), context.createSnapshot(1), context.writeBlocks(1, 2)])
      await Promise.all([context.createSnapshot(2), context.writeBlocks(2)])
      await context.checkpoint()
    },
  },
  {
    name: 'snapshot-then-trim',
    about: 'what a snapshot sees is trimmed, and written again',
    shape: SMALL,
    seeds: 1,
    async setUp(context) {
      await context.writeBlocks(4, 3)
      await context.checkpoint()
      await context.createSnapshot(1)
    },
    async run(context) {
      await context.trimBlocks(5, 4)
      await context.checkpoint()
      await context.writeBlocks(5)
      await context.checkpoint()
    },
  },
  {
    name: 'snapshot-deleted',
    about: 'the older of two snapshots goes, and the space of what only it saw',
    shape: SMALL,
    seeds: 1,
    async setUp(context) {
      await context.writeBlocks(1, 2)
      await context.createSnapshot(1)
      await context.writeBlocks(1)
      await context.createSnapshot(2)
      await context.writeBlocks(1, 2)
      await context.checkpoint()
    },
    async run(context) {
      await context.deleteSnapshot(1)
      await context.checkpoint()
      await context.writeBlocks(1)
      await context.checkpoint()
    },
  },
  {
    name: 'snapshot-restored',
    about: 'the volume goes back over writes and a trim in the log, and is written at once',
    shape: SMALL,
    seeds: 1,
    async setUp(context) {
      await context.writeBlocks(1, 3)
      await context.checkpoint()
      await context.createSnapshot(1)
      await context.writeBlocks(1)
      await context.trimBlocks(2, 1)
      await context.writeBlocks(9)
    },
    async run(context) {
      await context.restoreSnapshot(1)
      await context.writeBlocks(3)
      await context.checkpoint()
    },
  },
  {
    name: 'snapshot-restored-between',
    about: 'the volume goes back over what is flushed, which a later snapshot sees',
    shape: SMALL,
    seeds: 1,
    async setUp(context) {
      await context.writeBlocks(1, 2)
      await context.createSnapshot(1)
      await context.writeBlocks(1)
      await context.writeBlocks(8)
      await context.checkpoint()
      await context.createSnapshot(2)
    },
    async run(context) {
      await context.restoreSnapshot(1)
      await context.checkpoint()
      await context.restoreSnapshot(2)
      await context.checkpoint()
    },
  },
  {
    name: 'snapshot-restored-then-deleted',
    about: 'the volume goes back to a snapshot that is deleted at once, before anything of it is flushed',
    shape: SMALL,
    seeds: 1,
    async setUp(context) {
      await context.writeBlocks(1, 2)
      await context.checkpoint()
      await context.createSnapshot(1)
      await context.writeBlocks(1)
      await context.createSnapshot(2)
      await context.writeBlocks(1, 2)
      await context.restoreSnapshot(1)
      await context.writeBlocks(2)
      await context.deleteSnapshot(1)
    },
    async run(context) {
      await context.deleteSnapshot(2)
      await context.checkpoint()
      await context.writeBlocks(1)
      await context.checkpoint()
    },
  },
  {
    name: 'snapshot-then-expand',
    about: 'the volume grows behind a snapshot, is written where it grew, and goes back',
    shape: SMALL,
    seeds: 1,
    async setUp(context) {
      await context.writeBlocks(200)
      await context.createSnapshot(1)
    },
    async run(context) {
      await context.resize(2 * MIB)
      await context.writeBlocks(300)
      await context.restoreSnapshot(1)
      await context.checkpoint()
    },
  },
  {
    name: 'clone-filled',
    about: 'a clone is written and trimmed over what it has from its origin, and filled',
    shape: SMALL,
    seeds: 1,
    origin: CLONE_ORIGIN,
    async setUp(context) {
      await context.becomeClone(CLONE_BLOCKS)
      await context.writeBlocks(2)
    },
    async run(context) {
      await Promise.all([context.trimBlocks(3, 2), context.hydrate(CLONE_BLOCKS)])
      await context.checkpoint()
      await context.finishClone()
      await context.createSnapshot(1)
    },
  },
  {
    name: 'clone-unfilled',
    about: 'parts of blocks of a clone are written and trimmed, and flushed, before it is filled',
    shape: SMALL,
    seeds: 1,
    origin: CLONE_ORIGIN,
    async setUp(context) {
      await context.becomeClone(CLONE_BLOCKS)
    },
    async run(context) {
      await context.writeSectors({ firstSector: 10, sectors: 3 })
      await context.client.trim({ firstSector: 20, sectors: 21 })
      await context.checkpoint()
    },
  },
]
