/** Changes of the in-sync set, and what a promotion from the registry's set must find. */
import type { ToAuthority } from '../../../../src/v2engine/messages.ts'
import { SYNC_ALL, SYNC_QUORUM, scenario, syncAllOf } from './stage.ts'

/** The registry has a new member; the primary has not heard of that and acknowledges nothing without it. */
export const additionCountsFirst = scenario({ policy: syncAllOf(2) }, async (stage) => {
  const path = await stage.begin('a')
  await stage.write(path, 0)
  const { registry } = stage.sim.authority
  const [a, b] = [stage.server('a'), stage.server('b')]
  b.kill()
  await stage.write(path, 1)
  await stage.until('the removal of b', () => registry.set.members.length === 1)
  await stage.wait(1200)
  b.start()
  await stage.until('a session with b', () => a.replica?.status().view.peers[0]?.session !== null)
  stage.cutOneWay('master', 'a')
  await stage.until('the addition of b', () => registry.set.members.length === 2)
  stage.cut('a', 'b')
  const written = stage.write(path, 2)
  await stage.wait(200)
  a.kill()
  await written
  stage.join('master', 'a')
  await stage.served('b')
  stage.join('a', 'b')
  a.start()
})

/** The primary asks a member out; before the registry's word it acknowledges nothing without it. */
export const removalWaitsForTheRegistry = scenario({ policy: syncAllOf(2) }, async (stage) => {
  const path = await stage.begin('a')
  await stage.write(path, 0)
  const a = stage.server('a')
  stage.cut('a', 'b')
  stage.cutOneWay('a', 'master')
  const written = stage.write(path, 1)
  await stage.wait(2600)
  a.kill()
  await written
  stage.join('a', 'master')
  stage.join('a', 'b')
  await stage.served('b')
  a.start()
})

/** A quorum lets go only of a member without which the others hold all that is committed. */
export const removalLeavesTheCommitHeld = scenario({ policy: SYNC_QUORUM }, async (stage) => {
  const path = await stage.begin('a')
  const { registry } = stage.sim.authority
  const [a, b, c] = [stage.server('a'), stage.server('b'), stage.server('c')]
  b.kill()
  await stage.write(path, 0)
  await stage.until('the removal of b', () => registry.set.members.length === 2)
  await stage.wait(1200)
  b.start()
  await stage.well()
  stage.expect(
    registry.set.members.join('') === 'acb',
    `the set is in order, not ${registry.set.members.join('')}`,
  )
  stage.cut('a', 'b')
  await stage.write(path, 1)
  stage.cut('a', 'c')
  const late = stage.write(path, 2)
  const { version } = registry.set
  await stage.until('a removal', () => registry.set.version > version || !stage.isServedAt('a'), 6000)
  a.kill()
  await late
  stage.cut('b', 'c', 0)
  await stage.served(undefined, 60_000)
  stage.join('a', 'b')
  stage.join('a', 'c')
  a.start()
  void c
})

/** A request for a set that was made for an earlier version of it comes again. */
export const versionsAreCompared = scenario({ policy: SYNC_ALL }, async (stage) => {
  const path = await stage.begin('a')
  await stage.write(path, 0)
  const { authority, scheduler } = stage.sim
  const { registry } = authority
  const [a, b, c] = [stage.server('a'), stage.server('b'), stage.server('c')]
  const { version } = registry.set
  const request: ToAuthority = {
    kind: 'changeSet',
    epoch: registry.epoch,
    version,
    members: [...registry.set.members],
  }
  c.kill()
  await stage.write(path, 1)
  await stage.until('the removal of c', () => registry.set.members.length === 2)
  stage.expect((await stage.write(path, 2)) === 'ok', 'the set goes on without c')
  stage.cutMaster('a')
  stage.cutMaster('b')
  authority.onMessage(a.server, request, scheduler.nowMs)
  stage.expect((await stage.write(path, 3)) === 'ok', 'the primary has not heard of it')
  a.kill()
  b.kill()
  c.start()
  await stage.wait(15_000)
  stage.join('a', 'master')
  stage.join('b', 'master')
  a.start()
  b.start()
})

/** A new primary does not know what was committed before it: it lets nobody go before its own start is. */
export const inheritanceIsHeld = scenario({ policy: SYNC_QUORUM }, async (stage) => {
  const path = await stage.begin('a')
  const [a, b, c] = [stage.server('a'), stage.server('b'), stage.server('c')]
  const { registry } = stage.sim.authority
  await stage.well()
  stage.cut('a', 'b')
  await stage.write(path, 1)
  await stage.flush(path)
  stage.cut('b', 'c')
  a.kill()
  c.kill()
  c.start()
  const { version } = registry.set
  await stage.until('c to lead', () => c.replica?.status().view.role === 'starting', 60_000)
  await stage.until('a removal', () => registry.set.version > version, 4000).catch(() => undefined)
  c.kill()
  stage.join('a', 'b')
  await stage.wait(15_000)
  a.start()
  await stage.served(undefined, 60_000)
  stage.join('b', 'c')
  c.start()
  void b
})
