/**
 * Two masters of which one leads, and the other takes over while the first does not know: what it said before must be over,
 * and what it says later must come to nothing. And what an operator's force may not skip.
 */
import type { Path } from '../hosts.ts'
import type { MasterMachine } from '../master/master-machine.ts'
import { VOLUME_ID } from '../master/names.ts'
import { type Stage, SYNC_ALL, SYNC_QUORUM, scenario } from './stage.ts'

/** A seal is decided on at once, also while the primary serves. */
const FORCED = { server: null, force: true, actor: 'operator' } as const

interface Apart {
  readonly path: Path
  readonly leader: MasterMachine
  readonly other: MasterMachine
}

/** The primary and the leader have only each other; all other servers have the other master. */
async function apart(stage: Stage): Promise<Apart> {
  const path = await stage.beginAnywhere()
  await stage.write(path, 0)
  const leader = stage.leader()
  const other = stage.masters.machines.find((one) => one !== leader)!
  stage.isolate(path.server)
  stage.cut(path.server, other.name)
  for (const server of stage.others(path.server)) stage.cut(server.name, leader.name)
  return { path, leader, other }
}

/** Another primary takes writes; the old one must not answer from before them. */
async function outlived(stage: Stage, { path }: Apart): Promise<void> {
  const next = await stage.servedElsewhere(path.server)
  stage.expect((await stage.write(next, 0)) === 'ok', 'the next primary acknowledges')
  stage.expect((await stage.read(path, 0)) !== 'ok', 'the old one answers nothing any more')
  await stage.readOn(path, 3000)
}

function rejoined(stage: Stage, { path, leader, other }: Apart): void {
  stage.rejoin(path.server)
  for (const master of [leader, other]) {
    for (const server of stage.others()) stage.join(server.name, master.name)
  }
}

/** A leader that does not reach the registry goes on granting only as long as its leadership is certain. */
export const oldLeadersGrantNothing = scenario({ policy: SYNC_ALL, masters: 2 }, async (stage) => {
  const here = await apart(stage)
  here.leader.cutRegistry(60_000)
  await outlived(stage, here)
  rejoined(stage, here)
})

/** The machine of a leader sleeps; what came meanwhile it hears when it wakes up, before any timer of its own. */
export const sleepersDoNotLead = scenario({ policy: SYNC_ALL, masters: 2 }, async (stage) => {
  const here = await apart(stage)
  here.leader.pause(20_000, true)
  await stage.until('another leader', () => here.other.isActing)
  await outlived(stage, here)
  // until it is awake, and for some time after that
  await stage.readOn(here.path, 12_000)
  rejoined(stage, here)
})

/** The answer to a renewal comes late: the lease was counted by the others from when it was seen. */
export const leadershipCountsFromAsking = scenario({ policy: SYNC_ALL, masters: 2 }, async (stage) => {
  for (let round = 0; round < 3; round++) {
    const here = await apart(stage)
    const { leader, other } = here
    const before = renewals(stage)
    await stage.until('a renewal', () => renewals(stage) !== before)
    // it is carried out, and its answer on the way
    leader.cutRegistry(2990)
    await stage.wait(2985)
    leader.link?.cut(60_000)
    await stage.until('another leader', () => other.isActing)
    await outlived(stage, here)
    leader.link?.cut(0)
    rejoined(stage, here)
    await stage.well()
  }
})

const renewals = (stage: Stage): number => stage.masters.storage.read('leaderBeat')[0]?.revision ?? 0

/** A leader stops in the middle of things, and decides on when another leads. */
export const oldLeadersRecordNothing = scenario({ policy: SYNC_ALL, masters: 2 }, async (stage) => {
  const here = await apart(stage)
  here.leader.pause(15_000, false)
  await stage.until('another leader', () => here.other.isActing)
  const next = await stage.servedElsewhere(here.path.server)
  rejoined(stage, here)
  await stage.wait(10_000)
  stage.expect((await stage.write(next, 1)) === 'ok', 'nobody has ended that epoch')
})

/**
 * The decision to seal an epoch is kept back on its way to the registry, longer than the leader waits for an answer: it comes
 * when the leader has gone on without it, and must not make the registry say what the leader does not know. With this seed
 * what is kept back is carried out.
 */
export const lateSealsComeToNothing = scenario(
  { policy: SYNC_QUORUM, masters: 2, seed: 4 },
  async (stage) => {
    const path = await stage.beginAnywhere()
    const { registry } = stage.masters
    // nothing else is recorded any more
    await stage.wait(3000)
    const leader = stage.leader()
    const { number } = registry.epoch
    leader.cutRegistry(10_000)
    const asked = leader.life?.runtime?.leads.promote(VOLUME_ID, FORCED)
    stage.expect(asked !== undefined, 'a promotion is asked for')
    asked?.catch(() => undefined)
    await stage.wait(100)
    leader.link?.cut(0)
    await stage.wait(15_000)
    stage.expect(stage.leader() === leader, 'the leader leads on')
    await stage.well()
    stage.expect(registry.epoch.number === number, 'the epoch goes on')
    stage.expect((await stage.write(path, 0)) === 'ok', 'hosts are served in it')
    stage.expect(stage.sim.log.counts.has('late commits, conflict'), 'the seal came, late')
  },
)

/** A primary that nobody reaches any more may answer until its last grant is over. */
const unreached = (isForced: boolean) =>
  scenario({ policy: SYNC_QUORUM, masters: 1, isChaos: isForced }, async (stage) => {
    const path = await stage.beginAnywhere()
    await stage.write(path, 0)
    stage.isolate(path.server)
    await stage.readOn(path, 5000)
    stage.cutMaster(path.server)
    if (isForced) {
      const leads = stage.masters.life?.runtime?.leads
      await leads?.promote(VOLUME_ID, FORCED)
    }
    const next = await stage.servedElsewhere(path.server)
    stage.expect((await stage.write(next, 0)) === 'ok', 'the next primary acknowledges')
    stage.expect((await stage.read(path, 0)) !== 'ok', 'the old one answers nothing any more')
    stage.rejoin(path.server)
    stage.join(path.server, 'master')
  })
export const promotionsWaitForTheLease = unreached(false)
/** Force skips neither the seal nor the wait. */
export const forceWaitsForTheLease = unreached(true)
