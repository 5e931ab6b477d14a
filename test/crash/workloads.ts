/** The workloads: each is one way in which crashes have broken block stores. */
import { BLOCK_BYTES, KIB, MIB } from '../../src/base/units.ts'
import { fillSectors } from '../sim/content.ts'
import { SNAPSHOT_WORKLOADS } from './snapshot-workloads.ts'
import { blocksRange, type Shape, VOLUME_DIRECTORY, type Workload } from './workload.ts'

const SMALL: Shape = { sizeBytes: MIB, logBytes: 256 * KIB, logicalBlockBytes: 512 }
/** A log of 16 pages: it takes two blocks an entry and wraps after a few writes. */
const TINY_LOG: Shape = { ...SMALL, logBytes: 64 * KIB }
/** More than one grain of the maxima. */
const THREE_GRAINS: Shape = { ...SMALL, sizeBytes: 3 * MIB }

export const WORKLOADS: readonly Workload[] = [
  {
    name: 'overwrite',
    about: 'a block in the log and one in its extent are overwritten at once, then flushed',
    shape: SMALL,
    seeds: 2,
    async setUp(context) {
      await context.writeBlocks(1, 2)
      await context.checkpoint()
      await context.writeBlocks(3)
      await context.flush()
    },
    async run(context) {
      await Promise.all([context.writeBlocks(1), context.writeBlocks(3)])
      await context.flush()
    },
  },
  {
    name: 'sub-block-writes',
    about: 'overlapping writes of sectors inside one block and across two',
    shape: SMALL,
    seeds: 2,
    async setUp(context) {
      await context.writeBlocks(2)
      await context.checkpoint()
    },
    async run(context) {
      await Promise.all([
        context.writeSectors({ firstSector: 17, sectors: 2 }),
        context.writeSectors({ firstSector: 18, sectors: 3 }),
        context.writeSectors({ firstSector: 22, sectors: 4 }),
      ])
    },
  },
  {
    name: 'trim',
    about: 'a trim of blocks in the log and in extents, then a checkpoint that punches them',
    shape: SMALL,
    seeds: 2,
    async setUp(context) {
      await context.writeBlocks(4, 4)
      await context.checkpoint()
      await context.writeBlocks(8)
    },
    async run(context) {
      await context.trimBlocks(5, 4)
      await context.checkpoint()
    },
  },
  {
    name: 'trim-over-grains',
    about: 'a trim that begins and ends inside blocks and covers a grain that was never touched',
    shape: THREE_GRAINS,
    seeds: 1,
    async setUp(context) {
      await context.writeBlocks(250, 3)
      await context.writeBlocks(520, 2)
      await context.checkpoint()
    },
    async run(context) {
      await context.client.trim({ firstSector: 251 * 8 + 3, sectors: 270 * 8 })
      await context.checkpoint()
    },
  },
  {
    name: 'zeroes-then-write',
    about: 'zeros over a block, and data over the zeros, in one checkpoint',
    shape: SMALL,
    seeds: 1,
    async setUp(context) {
      await context.writeBlocks(1, 3)
      await context.checkpoint()
    },
    async run(context) {
      await context.zeroBlocks(1, 3)
      await context.writeBlocks(2)
      await context.checkpoint()
    },
  },
  {
    name: 'write-then-trim',
    about: 'the first write of a block and a trim of it, in one checkpoint',
    shape: SMALL,
    seeds: 1,
    async setUp(context) {
      await context.writeBlocks(40)
      await context.checkpoint()
    },
    async run(context) {
      await context.writeBlocks(9, 2)
      await context.trimBlocks(9, 1)
      await context.checkpoint()
    },
  },
  {
    name: 'log-wrap',
    about: 'writes over the end of the ring while older entries wait to be flushed',
    shape: TINY_LOG,
    tuning: { flushWatermark: 0.9 },
    seeds: 2,
    async setUp(context) {
      for (const block of [1, 2, 3, 4]) await context.writeBlocks(block)
      await context.checkpoint()
      await context.writeBlocks(5)
    },
    async run(context) {
      await context.writeBlocks(6, 2)
      await context.writeBlocks(1, 2)
      await context.flush()
    },
  },
  {
    name: 'log-pad',
    about: 'entries that do not fit before the end of the ring',
    shape: TINY_LOG,
    tuning: { flushWatermark: 0.9 },
    seeds: 2,
    async setUp(context) {
      for (const block of [1, 3, 5, 7]) await context.writeBlocks(block)
      await context.checkpoint()
    },
    async run(context) {
      await context.writeBlocks(10, 4)
      await Promise.all([context.writeBlocks(20, 4), context.flush()])
    },
  },
  {
    name: 'log-full',
    about: 'a write that waits until the flusher has made room, and goes where freed entries stood',
    shape: { ...SMALL, logBytes: 128 * KIB },
    // nothing is flushed before a write finds no room
    tuning: { flushWatermark: 0.95 },
    seeds: 1,
    async setUp(context) {
      for (let i = 0; i < 9; i++) await context.writeBlocks(1, 2)
    },
    async run(context) {
      await context.writeBlocks(2, 14)
    },
  },
  {
    name: 'split-write',
    about: 'one write that is longer than an entry may be',
    shape: SMALL,
    seeds: 1,
    async setUp(context) {
      await context.writeBlocks(30, 2)
      await context.flush()
    },
    async run(context) {
      await context.writeBlocks(20, 20)
      await context.flush()
    },
  },
  {
    name: 'checkpoint-under-writes',
    about: 'a checkpoint of a block while that block and another are written',
    shape: SMALL,
    seeds: 3,
    async setUp(context) {
      await context.writeBlocks(1, 2)
      await context.trimBlocks(2, 1)
    },
    async run(context) {
      await Promise.all([context.checkpoint(), context.writeBlocks(1), context.writeBlocks(9)])
    },
  },
  {
    name: 'checkpoint-twice',
    about: 'two checkpoints with one write between, so that both slots of everything are written',
    shape: SMALL,
    seeds: 1,
    async setUp(context) {
      await context.writeBlocks(1)
    },
    async run(context) {
      await context.checkpoint()
      await context.writeBlocks(1, 2)
      await context.checkpoint()
    },
  },
  {
    name: 'reopen-twice',
    about: 'two restarts of the process in a row over a log that was never flushed',
    shape: SMALL,
    seeds: 1,
    async setUp(context) {
      await context.writeBlocks(1, 2)
      await context.checkpoint()
      await context.writeBlocks(1)
      await context.trimBlocks(2, 1)
    },
    async run(context) {
      await context.restart()
      await context.writeBlocks(3)
      await context.restart()
    },
  },
  {
    name: 'clean-close',
    about: 'a close with something to flush, and the next opening',
    shape: SMALL,
    seeds: 1,
    async setUp(context) {
      await context.writeBlocks(1, 2)
      await context.flush()
    },
    async run(context) {
      await context.writeBlocks(2, 2)
      await context.close()
      await context.open()
    },
  },
  {
    name: 'create',
    about: 'the making of a volume; made again after the crash',
    shape: SMALL,
    seeds: 1,
    makesVolume: true,
    setUp: () => Promise.resolve(),
    async run(context) {
      await context.create()
      await context.open()
      await context.writeBlocks(1, 1, true)
    },
  },
  {
    name: 'resize',
    about: 'the volume grows, and is written where it grew',
    shape: SMALL,
    seeds: 1,
    async setUp(context) {
      await context.writeBlocks(200)
    },
    async run(context) {
      await context.resize(2 * MIB)
      await context.writeBlocks(300)
      await context.checkpoint()
    },
  },
  {
    name: 'scrub-repair',
    about: 'a scrub puts back a block that rotted, while its neighbour is written',
    shape: SMALL,
    seeds: 2,
    repairSource: async ({ block }) => fillSectors(new Uint8Array(BLOCK_BYTES), block * 8, 1),
    async setUp(context) {
      await context.writeBlocks(1, 3)
      await context.checkpoint()
      context.flipBit(`${VOLUME_DIRECTORY}/extents/000000`, 2 * BLOCK_BYTES + 100)
    },
    async run(context) {
      await Promise.all([context.volume.scrub(), context.writeBlocks(3)])
      await context.checkpoint()
    },
  },
  {
    name: 'write-same',
    about: 'a pattern over blocks with and without content, ends inside blocks',
    shape: SMALL,
    seeds: 1,
    async setUp(context) {
      await context.writeBlocks(2)
      await context.checkpoint()
    },
    async run(context) {
      await context.client.writeSame({ firstSector: 12, sectors: 32 })
      await context.writeBlocks(3)
      await context.checkpoint()
    },
  },
  {
    name: 'fua-write',
    about: 'writes with and without FUA at once',
    shape: SMALL,
    seeds: 2,
    async setUp(context) {
      await context.writeBlocks(1)
    },
    async run(context) {
      await Promise.all([
        context.writeBlocks(1, 1, true),
        context.writeBlocks(2),
        context.writeSectors({ firstSector: 20, sectors: 1, fua: true }),
      ])
    },
  },
  {
    name: 'compare-and-write',
    about: 'two COMPARE AND WRITE of one block, of which one wins',
    shape: SMALL,
    seeds: 2,
    async setUp(context) {
      await context.writeBlocks(6)
      await context.flush()
    },
    async run(context) {
      const range = { ...blocksRange(6, 1), fua: true }
      await Promise.all([context.client.compareAndWrite(range), context.client.compareAndWrite(range)])
    },
  },
  {
    name: 'frontend-state',
    about: "the front ends' state, longer than a sector, changes twice around a checkpoint",
    shape: SMALL,
    seeds: 1,
    async setUp(context) {
      await context.setFrontendState('first'.repeat(300))
      await context.writeBlocks(1)
    },
    async run(context) {
      await context.setFrontendState('second'.repeat(300))
      await context.checkpoint()
      await context.setFrontendState('third'.repeat(300))
    },
  },
  ...SNAPSHOT_WORKLOADS,
]
