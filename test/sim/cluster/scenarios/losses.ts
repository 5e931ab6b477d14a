/** What survives what: reopened members, lost power, lost disks, histories that lost. */
import { KIB } from '../../../../src/base/units.ts'
import type { AuthorityMessage } from '../../../../src/v2engine/messages.ts'
import { BEST_EFFORT, SYNC_ALL, SYNC_QUORUM, scenario, syncAllOf } from './stage.ts'

/** A best_effort primary flushed what no other has; another leads on; then the first comes back. */
export const lostHistoryIsGivenUp = scenario({ policy: BEST_EFFORT }, async (stage) => {
  const path = await stage.begin('a')
  await stage.write(path, 0)
  await stage.well()
  const a = stage.server('a')
  stage.isolate('a')
  for (let block = 1; block < 6; block++) await stage.write(path, block)
  await path.device.checkpoint()
  a.kill()
  stage.sim.authority.preferred = stage.server('b').server
  const next = await stage.served('b', 60_000)
  await stage.write(next, 9)
  stage.rejoin('a')
  a.start()
})

/** A member that lost power may lack what it acknowledged, also after it was reopened once more. */
const doubt = (reopenings: number) =>
  scenario({ policy: syncAllOf(2) }, async (stage) => {
    const path = await stage.begin('a')
    await stage.well()
    stage.expect((await stage.write(path, 0)) === 'ok', 'both have the write')
    const [a, b] = [stage.server('a'), stage.server('b')]
    b.losePowerWhole()
    a.kill()
    b.start()
    for (let i = 1; i < reopenings; i++) {
      await stage.until('b to open', () => b.replica !== undefined)
      b.kill()
      b.start()
    }
    await stage.wait(15_000)
    a.start()
  })
export const doubtfulMembersWait = doubt(1)
export const doubtIsDurable = doubt(2)

/** A member that lost its disk is not whole. */
export const lostDisksAreNotWhole = scenario({ policy: syncAllOf(2) }, async (stage) => {
  const path = await stage.begin('a')
  await stage.well()
  await stage.write(path, 0)
  const [a, b] = [stage.server('a'), stage.server('b')]
  a.kill()
  b.loseDisk()
  b.start()
  await stage.wait(15_000)
  a.start()
})

/**
 * A member's clock was ahead while it was opened, and is right again when its disk is replaced: the openings of the new
 * directory are numbered below those that its primary knows.
 */
export const replacedDisksMayBeNumberedLower = scenario({ policy: SYNC_ALL }, async (stage) => {
  const path = await stage.begin('a')
  const b = stage.server('b')
  await stage.write(path, 0)
  b.jumpWall(3_600_000)
  b.kill()
  b.start()
  await stage.until('b to open', () => b.replica !== undefined)
  const ahead = b.replica?.status().view.opening ?? 0
  await stage.well()
  // with its machine goes the clock that was ahead
  b.loseDisk()
  await stage.write(path, 1)
  b.start()
  await stage.until('b to open', () => b.replica !== undefined)
  stage.expect((b.replica?.status().view.opening ?? 0) < ahead, 'the new directory is numbered lower')
  await stage.well()
})

/** A log that lost is longer than the one that holds what was acknowledged. */
export const latestEpochWins = scenario({ policy: SYNC_QUORUM }, async (stage) => {
  const path = await stage.begin('a')
  await stage.write(path, 0)
  await stage.well()
  const [a, b] = [stage.server('a'), stage.server('b')]
  stage.isolate('a')
  const late = Array.from({ length: 12 }, (_, block) => stage.write(path, 10 + block))
  stage.cutMaster('a')
  stage.sim.authority.preferred = b.server
  const next = await stage.served('b')
  stage.expect((await stage.write(next, 1)) === 'ok', 'b and c have the write')
  b.kill()
  await Promise.all(late)
  for (const end of ['b', 'c', 'master']) stage.join('a', end)
  await stage.served(undefined, 60_000)
  b.start()
  void a
})

/** All that were flushed to are damaged: what is left is not promoted without an operator. */
export const damagedAreNotOutvoted = scenario({ policy: SYNC_QUORUM, isChaos: true }, async (stage) => {
  const path = await stage.begin('a')
  await stage.well()
  stage.cut('a', 'b')
  stage.expect((await stage.write(path, 0)) === 'ok', 'a and c have the write')
  stage.expect((await stage.flush(path)) === 'ok', 'a and c have it durable')
  for (const name of ['a', 'c']) stage.server(name).loseDisk()
  for (const name of ['a', 'c']) stage.server(name).start()
  stage.join('a', 'b')
  await stage.wait(10_000)
})

/** A flush is answered when every member has synced: one that loses its power has what was flushed. */
export const flushedIsDurableEverywhere = scenario({ policy: syncAllOf(2), isChaos: true }, async (stage) => {
  const path = await stage.begin('a')
  await stage.well()
  const [a, b] = [stage.server('a'), stage.server('b')]
  // its next sync takes seconds
  b.faults.arm('hang', '/log', 1)
  await stage.write(path, 0)
  await Promise.race([stage.flush(path), stage.wait(1000)])
  a.loseDisk()
  b.losePowerWhole()
  a.start()
  b.start()
  await stage.served(undefined, 60_000)
})

/**
 * What is acknowledged is in every member's log: a process that dies has what it was counted for. With this seed the write
 * that hangs is lost with its process.
 */
export const acknowledgedIsAppended = scenario({ policy: syncAllOf(2), seed: 4 }, async (stage) => {
  const path = await stage.begin('a')
  await stage.well()
  const [a, b] = [stage.server('a'), stage.server('b')]
  // the log is at rest: the next that is asked of it is the write
  await stage.wait(1000)
  b.faults.arm('hang', '/log')
  await Promise.race([stage.write(path, 0), stage.wait(1000)])
  a.kill()
  b.kill()
  b.start()
  await stage.wait(15_000)
  a.start()
})

/** Between the decision and the moment that it is heard of, the winner loses power, and what made it win. */
export const promotionsNameAnOpening = scenario({ policy: SYNC_QUORUM }, async (stage) => {
  const path = await stage.begin('a')
  const [a, b] = [stage.server('a'), stage.server('b')]
  const { authority } = stage.sim
  stage.cut('a', 'c')
  b.faults.arm('hang', '/log', 1)
  stage.expect((await stage.write(path, 0)) === 'ok', 'a and b have the write')
  a.kill()
  let won: AuthorityMessage | undefined
  stage.sim.atPromotion = ({ epoch, primary, opening, set }) => {
    if (won !== undefined || primary !== b.server || opening === null) return
    const { replicas } = authority
    won = { kind: 'assign', epoch, role: 'primary', primary, opening, replicas, set, policy: SYNC_QUORUM }
    b.losePowerWhole()
    b.start()
  }
  await stage.until('b to be promoted', () => won !== undefined)
  await stage.until('b to open', () => b.replica !== undefined)
  b.fromAuthority(won!)
  await stage.wait(10_000)
  stage.join('a', 'c')
  a.start()
})

/** An uncommitted write hides the version before it: who reads waits for one or the other. */
export const newestIsWaitedFor = scenario({ policy: SYNC_QUORUM }, async (stage) => {
  const path = await stage.begin('a')
  await stage.write(path, 0)
  await stage.well()
  const a = stage.server('a')
  stage.isolate('a')
  const late = stage.write(path, 0)
  await stage.wait(50)
  const read = stage.read(path, 0)
  await stage.wait(500)
  a.kill()
  await Promise.all([late, read])
  await stage.served(undefined, 60_000)
  stage.rejoin('a')
  a.start()
})

/** best_effort acknowledges no further ahead of a member than the bound. */
export const lagIsBounded = scenario({ policy: BEST_EFFORT }, async (stage) => {
  const path = await stage.begin('a')
  await stage.well()
  const a = stage.server('a')
  stage.isolate('a')
  stage.cutMaster('a')
  const writes = Array.from({ length: 60 }, (_, block) => stage.write(path, block))
  await stage.wait(1500)
  a.kill()
  await Promise.all(writes)
  await stage.served(undefined, 60_000)
  for (const end of ['b', 'c', 'master']) stage.join('a', end)
  a.start()
})

/**
 * While a replica is filled, a block has a newer version at the source that is not committed, and is lost with it: what the
 * replica shows then is the version before, not none.
 */
export const uncommittedHeadsMayBeLost = scenario(
  { policy: SYNC_ALL, logBytes: 64 * KIB, tuning: { idleFlushMs: 20 } },
  async (stage) => {
    const path = await stage.begin('a')
    const [a, b] = [stage.server('a'), stage.server('b')]
    b.loseDisk()
    for (let block = 0; block < 40; block++) await stage.write(path, block)
    await stage.until('the removal of b', () => stage.sim.authority.registry.set.members.length === 2)
    stage.cut('b', 'c')
    b.start()
    const session = (): string =>
      a.replica?.status().view.peers.find((peer) => peer.server === b.server)?.session ?? ''
    stage.sim.network.slow('a', 'b', 20_000, 250)
    stage.sim.network.slow('b', 'a', 20_000, 250)
    await stage.until('a resync of b', () => session().startsWith('resync'), 60_000)
    stage.cut('a', 'c')
    stage.cutOneWay('a', 'master')
    const late = stage.write(path, 5)
    await stage.until('b to be filled', () => session().endsWith('live') || !stage.isServedAt('a'), 20_000)
    await stage.wait(300)
    a.kill()
    await late
    stage.join('a', 'c')
    stage.join('a', 'master')
    stage.join('b', 'c')
    await stage.served('c', 60_000)
    await stage.until(
      'all in the set',
      () => stage.sim.authority.registry.set.members.includes(b.server),
      60_000,
    )
    a.start()
  },
)

/**
 * A replica was filled by one primary; the next one, which was opened again, does not know that all of it is committed, and
 * lets its log begin before that.
 */
export const theNextPrimaryKnowsLess = scenario(
  { policy: SYNC_QUORUM, logBytes: 128 * KIB },
  async (stage) => {
    const path = await stage.begin('a')
    const [a, b, c] = [stage.server('a'), stage.server('b'), stage.server('c')]
    const session = (server: string): string =>
      a.replica?.status().view.peers.find((peer) => peer.server === server)?.session ?? ''
    c.loseDisk()
    // more than the log holds: it is not enough for who begins with nothing
    for (let block = 1; block < 50; block++) await stage.write(path, block)
    await b.close()
    b.start()
    await stage.until('b to be in sync', () => session('b').endsWith('live'))
    // b has this in its log alone
    await stage.write(path, 0)
    await stage.snapshot(path, 1)
    await stage.write(path, 0)
    stage.cut('b', 'c')
    stage.sim.network.slow('a', 'c', 20_000, 100)
    stage.sim.network.slow('c', 'a', 20_000, 100)
    c.start()
    await stage.until('c to be sent its base', () => session('c') === 'resync streaming', 60_000)
    // all of that is on its way, and what would end the session is not
    await stage.wait(3)
    b.kill()
    a.kill()
    b.start()
    stage.join('b', 'c')
    const next = await stage.served('b', 60_000)
    a.start()
    await stage.well()
    // enough for c to flush what its log began with
    for (let block = 1; block < 30; block++) await stage.write(next, block)
  },
)
