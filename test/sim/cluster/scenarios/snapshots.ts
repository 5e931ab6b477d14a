/** Snapshots of a volume with replicas: all have them, whoever fails and whoever is filled. */
import { KIB } from '../../../../src/base/units.ts'
import { type Stage, SYNC_ALL, SYNC_QUORUM, scenario, syncAllOf } from './stage.ts'

const BLOCKS = 12

async function writeAll(stage: Stage, path: Parameters<Stage['write']>[0], blocks = BLOCKS): Promise<void> {
  for (let block = 0; block < blocks; block++) {
    const outcome = await stage.write(path, block)
    stage.expect(outcome === 'ok', `a write ends with ${outcome}`)
  }
}

async function made(stage: Stage, path: Parameters<Stage['write']>[0], id: number): Promise<void> {
  const outcome = await stage.snapshot(path, id)
  stage.expect(outcome === 'ok', `a snapshot ends with ${outcome}`)
}

/** A replica with an empty disk gets what snapshots see, and not only the newest; then it leads. */
export const filledWithVersions = scenario(
  { policy: syncAllOf(2), isChaos: true, logBytes: 64 * KIB },
  async (stage) => {
    const path = await stage.begin('a')
    const [a, b] = [stage.server('a'), stage.server('b')]
    await writeAll(stage, path)
    await made(stage, path, 1)
    await writeAll(stage, path, 8)
    await stage.checkpoint(path)
    await made(stage, path, 2)
    await stage.trim(path, 0, 4)
    await stage.checkpoint(path)
    b.loseDisk()
    // so much that the log has nothing of it any more
    for (let round = 0; round < 8; round++) await stage.write(path, 20, { blocks: 2 })
    await stage.checkpoint(path)
    await stage.until('the removal of b', () => stage.sim.authority.registry.set.members.length === 1, 60_000)
    b.start()
    await stage.well()
    a.kill()
    const next = await stage.served('b', 60_000)
    for (const id of [1, 2]) {
      const outcome = await stage.readSnapshot(next, id)
      stage.expect(outcome === 'ok', `a read of a snapshot ends with ${outcome}`)
    }
    a.start()
  },
)

/** As before, while entries come: what they replace at the replica that is filled is preserved there too. */
export const filledUnderWrites = scenario(
  { policy: SYNC_ALL, logBytes: 128 * KIB, tuning: { idleFlushMs: 20 } },
  async (stage) => {
    const path = await stage.begin('a')
    const b = stage.server('b')
    await writeAll(stage, path, 40)
    await made(stage, path, 1)
    b.loseDisk()
    await writeAll(stage, path, 20)
    await stage.checkpoint(path)
    b.start()
    stage.sim.network.slow('a', 'b', 4_000, 100)
    for (let block = 0; block < 40; block++) {
      await stage.write(path, block)
      await stage.wait(20)
      if (block === 20) await made(stage, path, 2)
    }
    await stage.well()
  },
)

/** A snapshot that was acknowledged is there after a failover, and what came after it is not in it. */
export const acknowledgedSnapshotsStay = scenario({ policy: SYNC_QUORUM }, async (stage) => {
  const path = await stage.begin('a')
  const a = stage.server('a')
  await writeAll(stage, path)
  await made(stage, path, 1)
  a.losePowerWhole()
  const next = await stage.served(undefined, 60_000)
  await stage.write(next, 0)
  stage.expect((await stage.readSnapshot(next, 1)) === 'ok', 'the snapshot can be read')
  a.start()
})

/** A snapshot that no quorum has is asked for again elsewhere, with the same id. */
export const unansweredSnapshotsAreAskedForAgain = scenario({ policy: SYNC_QUORUM }, async (stage) => {
  const path = await stage.begin('a')
  const a = stage.server('a')
  await writeAll(stage, path)
  stage.isolate('a')
  const late = stage.snapshot(path, 1)
  await stage.wait(100)
  a.kill()
  stage.expect((await late) !== 'ok', 'nobody else has the snapshot')
  const next = await stage.served(undefined, 60_000)
  await stage.write(next, 3)
  await made(stage, next, 1)
  await stage.write(next, 3)
  stage.expect((await stage.readSnapshot(next, 1)) === 'ok', 'the snapshot can be read')
  stage.rejoin('a')
  a.start()
})

/** The volume goes back while a replica is away, and it follows from its log; later by its base. */
export const restoredWhileOneIsAway = scenario({ policy: SYNC_ALL }, async (stage) => {
  const path = await stage.begin('a')
  const [b, c] = [stage.server('b'), stage.server('c')]
  await writeAll(stage, path)
  await made(stage, path, 1)
  await writeAll(stage, path, 6)
  await stage.trim(path, 8, 2)
  await made(stage, path, 2)
  b.kill()
  c.loseDisk()
  const restored = await stage.snapshots(path).restore(1n)
  stage.expect(restored === 'ok', `a return to a snapshot ends with ${restored}`)
  await stage.write(path, 2)
  await stage.checkpoint(path)
  await stage.write(path, 3)
  b.start()
  c.start()
  await stage.well()
  stage.server('a').kill()
  const next = await stage.served(undefined, 60_000)
  for (const id of [1, 2]) stage.expect((await stage.readSnapshot(next, id)) === 'ok', 'it can be read')
  stage.server('a').start()
})

/** Two snapshots, one goes: what the other sees stays, on every replica. */
export const deletedBesideAnother = scenario({ policy: SYNC_ALL }, async (stage) => {
  const path = await stage.begin('a')
  await writeAll(stage, path)
  await made(stage, path, 1)
  await writeAll(stage, path, 4)
  await stage.checkpoint(path)
  await made(stage, path, 2)
  await writeAll(stage, path, 6)
  await stage.checkpoint(path)
  const deleted = await stage.snapshots(path).delete(1n)
  stage.expect(deleted === 'ok', `a deletion ends with ${deleted}`)
  await stage.checkpoint(path)
  await stage.wait(2000)
  stage.expect((await stage.readSnapshot(path, 2)) === 'ok', 'the other can be read')
})

/** A replica with a base comes back after its log is gone: what its map has, and a snapshot sees, gives way to newer blocks. */
export const baseKeepsWhatSnapshotsSee = scenario(
  { policy: syncAllOf(2), isChaos: true, logBytes: 64 * KIB, tuning: { idleFlushMs: 20 } },
  async (stage) => {
    const path = await stage.begin('a')
    const [a, b] = [stage.server('a'), stage.server('b')]
    await writeAll(stage, path)
    await made(stage, path, 1)
    await stage.wait(1000)
    b.kill()
    for (let round = 0; round < 6; round++) await writeAll(stage, path)
    await stage.checkpoint(path)
    b.start()
    await stage.well()
    a.kill()
    const next = await stage.served('b', 60_000)
    stage.expect((await stage.readSnapshot(next, 1)) === 'ok', 'the snapshot can be read')
    a.start()
  },
)

/** A replica is filled while a restore is in the log only. */
export const filledUnderARestore = scenario(
  { policy: syncAllOf(2), isChaos: true, logBytes: 64 * KIB },
  async (stage) => {
    const path = await stage.begin('a')
    const b = stage.server('b')
    await writeAll(stage, path)
    await made(stage, path, 1)
    await writeAll(stage, path, 8)
    await stage.checkpoint(path)
    // so much that the log has nothing of it any more
    for (let round = 0; round < 8; round++) await stage.write(path, 20, { blocks: 2 })
    await stage.checkpoint(path)
    b.loseDisk()
    const restored = await stage.snapshots(path).restore(1n)
    stage.expect(restored === 'ok', `a return to a snapshot ends with ${restored}`)
    await stage.write(path, 3)
    b.start()
    await stage.well()
  },
)

/**
 * A primary dies while it flushes a restore: its extents have what came of it, its map what was before, and its next opening
 * does not know that the restore is committed before others are filled from it.
 */
export const filledFromAnInterruptedRestore = scenario(
  { policy: SYNC_QUORUM, isChaos: true, logBytes: 64 * KIB },
  async (stage) => {
    const path = await stage.begin('a')
    const [a, c] = [stage.server('a'), stage.server('c')]
    stage.isolate('b')
    await writeAll(stage, path)
    await made(stage, path, 1)
    await writeAll(stage, path, 8)
    // so much that the log has nothing of it any more
    for (let round = 0; round < 8; round++) await stage.write(path, 20, { blocks: 2 })
    await stage.checkpoint(path)
    const restored = await stage.snapshots(path).restore(1n)
    stage.expect(restored === 'ok', `a return to a snapshot ends with ${restored}`)
    a.faults.arm('hang', '/000000.map')
    const flush = stage.checkpoint(path).catch(() => undefined)
    await stage.until('the map to be written', () => a.faults.counts.hang > 0)
    a.kill()
    await flush
    c.loseDisk()
    stage.rejoin('b')
    a.start()
    c.start()
    await stage.well()
    const next = await stage.served(undefined, 60_000)
    stage.expect((await stage.readSnapshot(next, 1)) === 'ok', 'the snapshot can be read')
  },
)

/** A snapshot that is not committed may be lost, and nobody is shown it before. */
export const snapshotsAreReadWhenCommitted = scenario({ policy: SYNC_QUORUM }, async (stage) => {
  const path = await stage.begin('a')
  const a = stage.server('a')
  await writeAll(stage, path)
  await stage.well()
  stage.isolate('a')
  const late = stage.snapshot(path, 1)
  await stage.wait(50)
  const read = stage.readSnapshot(path, 1)
  await stage.wait(500)
  a.kill()
  await Promise.all([late, read])
  await stage.served(undefined, 60_000)
  stage.rejoin('a')
  a.start()
})
