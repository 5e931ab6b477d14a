/**
 * A state that is durable before the checkpoint reaches it: a deletion takes its snapshot away at once, while the log still has
 * a restore that goes back to it. The replica dies at each call of the disk; what it knows afterwards has to be enough for
 * others to be filled from it, also when it is the only one that is left.
 */
import { expect, it } from 'vitest'
import { DATA_DIRECTORY, emptyStorage, type SimProcess, startProcess } from '../../../test/sim/machine.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import { type Epoch, epochNumber, KIB, lsn, MIB } from '../../base/units.ts'
import { ENTRY_KIND, type EntryKind } from '../format/log-group.ts'
import { encodeCreate, encodeDelete, encodeRestore } from '../format/snapshot-entries.ts'
import { PageSet } from '../resync/page-set.ts'
import { encodeEpochStart } from '../state-keeper.ts'
import { Volume } from '../volume.ts'
import type { ReplicaEntry } from './entry-stream.ts'
import { ReplicaVolume } from './replica-volume.ts'

const DIRECTORY = `${DATA_DIRECTORY}/replica`
const EPOCH: Epoch = { number: epochNumber(1), id: 1n }
const BLOCK = { block: 0, blocks: 1, argument: 0 }
const NONE = { block: 0, blocks: 0, argument: 0 }

const told = (at: number, kind: EntryKind, data: Uint8Array): ReplicaEntry => ({
  ...NONE,
  lsn: at,
  kind,
  data,
})
const written = (at: number): ReplicaEntry => ({
  ...{ ...BLOCK, lsn: at, kind: ENTRY_KIND.write },
  data: new Uint8Array(4096).fill(at),
})
const restored = { id: 7n, lsn: 3, sizeBytes: MIB }
const ENTRIES: readonly ReplicaEntry[] = [
  told(1, ENTRY_KIND.epochStart, encodeEpochStart(EPOCH)),
  written(2),
  told(3, ENTRY_KIND.snapshotCreate, encodeCreate({ id: 7n, createdWallMs: 1, name: 'before' })),
  written(4),
  told(5, ENTRY_KIND.restore, encodeRestore(restored)),
  told(6, ENTRY_KIND.snapshotDelete, encodeDelete(7n)),
  written(7),
]

function open(process: SimProcess): Promise<ReplicaVolume> {
  return ReplicaVolume.open(process, {
    directory: DIRECTORY,
    tuning: { scrubIntervalMs: 0, idleFlushMs: 1e6 },
    resyncPhase: () => undefined,
    events: {
      progress: () => undefined,
      flushAsked: () => undefined,
      poisoned: () => undefined,
      pinsLost: () => undefined,
    },
  })
}

async function make(process: SimProcess): Promise<void> {
  const uuid = new Uint8Array(16).fill(3)
  const sizes = { sizeBytes: MIB, logicalBlockBytes: 512, logBytes: 128 * KIB } as const
  await Volume.create(process, { ...{ directory: DIRECTORY, uuid, name: 'replica' }, ...sizes })
}

async function fillAndFlush(process: SimProcess): Promise<void> {
  const replica = await open(process)
  await new Promise<void>((resolve) => replica.append(EPOCH, ENTRIES, resolve))
  await replica.settle(lsn(ENTRIES.length))
  await replica.flushLog(lsn(ENTRIES.length))
  await replica.close()
}

async function found(process: SimProcess): Promise<{ readonly isAhead: boolean }> {
  const replica = await open(process)
  const { local, savedCommitLsn } = replica
  expect(savedCommitLsn).toBeGreaterThanOrEqual(local.checkpoint)
  expect(savedCommitLsn).toBeLessThanOrEqual(local.appended)
  const source = replica.resyncSource({ base: 0, target: savedCommitLsn, unknown: PageSet.NONE })
  expect(source, `a source, checkpoint ${local.checkpoint}`).toBeDefined()
  await replica.close()
  return { isAhead: savedCommitLsn > local.checkpoint }
}

/** Opens what a death at the `dieAt`th call leaves. */
async function diedAt(dieAt: number): Promise<{ readonly hasEnded: boolean; readonly isAhead: boolean }> {
  const scheduler = new Scheduler(3)
  const limit = { what: `a death at call ${dieAt}`, limitMs: 60_000 }
  const storage = emptyStorage()
  let calls = Number.NEGATIVE_INFINITY
  const process: SimProcess = startProcess({
    ...{ storage, scheduler, seed: 5 },
    onCall: () => {
      if (++calls === dieAt) process.life.end()
    },
  })
  await scheduler.until(make(process), limit)
  calls = 0
  const died = new Promise<boolean>((resolve) => process.life.onEnd(() => resolve(false)))
  const ended = fillAndFlush(process).then(() => true)
  const hasEnded = await scheduler.until(Promise.race([ended, died]), limit)
  process.life.end()
  process.disk.settleInFlight(new SeededRandom(dieAt))
  const next = startProcess({ storage: storage.afterPowerLoss(() => 'all'), scheduler, seed: 6 })
  return { hasEnded, ...(await scheduler.until(found(next), limit)) }
}

it('is a source for others after a death at any call', async () => {
  let ahead = 0
  for (let dieAt = 1; ; dieAt++) {
    const { hasEnded, isAhead } = await diedAt(dieAt)
    if (isAhead) ahead++
    if (hasEnded) break
  }
  expect(ahead).toBeGreaterThan(0)
})
