/** Crashes around snapshots: what they see is preserved before it changes, and the volume goes back to them whole. */
import { KIB, MIB } from '../../src/base/units.ts'
import type { Shape, Workload } from './workload.ts'

const SMALL: Shape = { sizeBytes: MIB, logBytes: 256 * KIB, logicalBlockBytes: 512 }

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
]
