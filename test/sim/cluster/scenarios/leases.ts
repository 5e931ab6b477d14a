/** Who may still answer: grants, promises and seals, with hosts that read at the old primary as long as it answers. */
import type { AuthorityMessage } from '../../../../src/v2engine/messages.ts'
import { BEST_EFFORT, SYNC_ALL, SYNC_QUORUM, scenario } from './stage.ts'

/** The primary loses the master and goes on by promises; who promised must not seal. */
export const promisesBind = scenario({ policy: SYNC_ALL }, async (stage) => {
  const path = await stage.begin('a')
  await stage.write(path, 0)
  stage.cutMaster('a')
  await stage.readOn(path, 9000)
  stage.expect((await stage.read(path, 0)) === 'ok', 'hosts are served without the master')
  stage.join('a', 'master')
})

/** The same; then the members reopen and do not know what they promised, while the primary still relies on it. */
export const promisesOutliveOpenings = scenario({ policy: SYNC_ALL }, async (stage) => {
  const path = await stage.begin('a')
  await stage.write(path, 0)
  stage.cutMaster('a')
  await stage.readOn(path, 6000)
  for (const other of stage.others('a')) {
    stage.cut('a', other.name)
    other.kill()
    other.start()
  }
  await stage.readOn(path, 6000)
  stage.rejoin('a')
  stage.join('a', 'master')
})

/** The promise of one member of three is not enough: the other may seal. */
export const allPromisesCount = scenario({ policy: SYNC_ALL }, async (stage) => {
  const path = await stage.begin('a')
  await stage.write(path, 0)
  stage.cutMaster('a')
  stage.cut('a', 'c')
  stage.cut('b', 'c')
  await stage.readOn(path, 20_000)
  stage.join('a', 'c')
  stage.join('b', 'c')
  stage.join('a', 'master')
})

/** Clocks drift by a twentieth: only the margin keeps a member from sealing while the primary still counts on it. */
export const marginCoversDrift = scenario(
  { policy: SYNC_QUORUM, rates: [0.93, 1.07, 1.07] },
  async (stage) => {
    const path = await stage.begin('a')
    await stage.write(path, 0)
    stage.cutMaster('a')
    await stage.readOn(path, 6000)
    stage.isolate('a')
    await stage.readOn(path, 5000)
    stage.rejoin('a')
    stage.join('a', 'master')
  },
)

/** A grant that comes late, or again, is worth no more than when it was asked for. */
export const grantsCountFromAsking = scenario({ policy: BEST_EFFORT }, async (stage) => {
  const path = await stage.begin('a')
  await stage.write(path, 0)
  const { authority, scheduler } = stage.sim
  const server = stage.server('a')
  const { epoch, opening } = authority.registry
  stage.expect(opening !== null, 'somebody leads')
  const askedAtMs = Math.floor(server.bootMs)
  authority.onHeartbeat(server.server, { opening: opening!, askedAtMs, leads: epoch }, scheduler.nowMs)
  stage.cutMaster('a')
  stage.isolate('a')
  const grant: AuthorityMessage = { kind: 'grant', epoch, opening: opening!, askedAtMs, leaseMs: 3000 }
  for (let i = 0; i < 14; i++) {
    server.fromAuthority(grant)
    await stage.readOn(path, 1000)
  }
  stage.rejoin('a')
  stage.join('a', 'master')
})

/** A master that restarts does not know whom the one before it granted what. */
export const newMasterWaits = scenario({ policy: SYNC_QUORUM }, async (stage) => {
  const path = await stage.begin('a')
  await stage.write(path, 0)
  stage.isolate('a')
  await stage.readOn(path, 5000)
  stage.cutMaster('a')
  stage.sim.authority.restart(stage.sim.scheduler.nowMs)
  await stage.readOn(path, 6000)
  stage.rejoin('a')
  stage.join('a', 'master')
})

/** A member that sealed an epoch and crashed does not obey the primary of the one before. */
export const sealsAreDurable = scenario({ policy: SYNC_QUORUM }, async (stage) => {
  const old = await stage.begin('a')
  await stage.write(old, 0)
  // so that c is granted before its first pulse, which would make b's marks durable
  await stage.wait(300)
  stage.cutMaster('a')
  stage.isolate('a')
  stage.sim.authority.preferred = stage.server('c').server
  const path = await stage.served('c')
  await stage.write(path, 0)
  const b = stage.server('b')
  stage.cut('b', 'c')
  stage.cutMaster('b')
  b.kill()
  b.start()
  stage.join('a', 'b')
  await stage.readOn(old, 15_000)
  for (const other of ['a', 'b'])
    for (const end of ['a', 'b', 'c', 'master']) if (end !== other) stage.join(other, end)
})

/** A member of a later epoch does not obey the primary of an earlier one. */
export const lowerEpochsAreRefused = scenario({ policy: SYNC_QUORUM }, async (stage) => {
  const old = await stage.begin('a')
  await stage.write(old, 0)
  stage.cutMaster('a')
  stage.isolate('a')
  stage.sim.authority.preferred = stage.server('c').server
  const path = await stage.served('c')
  await stage.write(path, 0)
  stage.expect((await stage.write(path, 1)) === 'ok', 'b and c have the write')
  stage.cut('b', 'c')
  stage.cutMaster('b')
  stage.join('a', 'b')
  await stage.readOn(old, 15_000)
  stage.server('c').kill()
  for (const end of ['b', 'c', 'master']) stage.join('a', end)
  for (const end of ['c', 'master']) stage.join('b', end)
  await stage.served(undefined, 60_000)
  stage.server('c').start()
})

/** A machine sleeps through its lease; what it is asked when it wakes up comes before any timer that would tell it. */
export const leasesAreCompared = scenario({ policy: SYNC_ALL }, async (stage) => {
  const path = await stage.begin('a')
  await stage.write(path, 0)
  const a = stage.server('a')
  stage.isolate('a')
  stage.cutMaster('a')
  a.stop(20_000, true)
  const next = await stage.served('b')
  stage.expect((await stage.write(next, 0)) === 'ok', 'the next primary acknowledges')
  const late = stage.read(path, 0)
  stage.expect((await late) !== 'ok', 'the old one answers nothing any more')
  stage.rejoin('a')
  stage.join('a', 'master')
})
