/**
 * The hard fails: rules that hold in every scenario, whatever its steps say (docs/scenario-gates.md). `watchGates` when the
 * cluster is there, `afterScenario` before it is stopped.
 */
import type { Clock, Timer } from '../../../src/base/ports/clock.ts'
import { type Failure, StepFailure } from '../../model/failure.ts'
import type { Value } from '../../model/value.ts'
import type { World } from '../action.ts'
import { damageOf, forgetKilled } from '../faults/damage.ts'
import { type Look, lookAt } from './look.ts'
import { lastWordsIn, wasAskedToEnd } from './panic.ts'
import { illIn, LAG_ENTRIES, lagsIn, newRules, type Rule } from './rules.ts'

const LOOK_EVERY_MS = 2000
/** What is still under way at the end gets so long to be done. */
const DRAIN_MS = 15_000
const DRAIN_LOOK_MS = 500

const KEY = 'gates'

interface Watch {
  readonly rules: readonly Rule[]
  look(): Promise<Look>
  stop(): Promise<void>
}

/** Looks at the cluster from now on. Looks never overlap. */
export function watchGates(world: World, clock: Clock): void {
  const rules = newRules()
  let timer: Timer | undefined
  let isOver = false
  let underWay: Promise<unknown> = Promise.resolve()
  const look = async (): Promise<Look> => {
    const seen = await lookAt(world, clock)
    for (const rule of rules) rule.see(seen)
    for (const { name, isRunning } of seen.daemons) if (isRunning) forgetKilled(world, name)
    return seen
  }
  const again = (): void => {
    if (isOver) return
    timer = clock.after(LOOK_EVERY_MS, () => {
      underWay = look().then(again, again)
    })
  }
  const stop = async (): Promise<void> => {
    isOver = true
    timer?.cancel()
    await underWay
  }
  const watch: Watch = { rules, look, stop }
  world.shared.set(KEY, watch)
  world.atEnd('rules that hold in every scenario are watched', stop)
  again()
}

/** The first rule that was broken, if one was. Never rejects for what it finds; waits up to 15 s for what is under way. */
export async function afterScenario(world: World, clock: Clock): Promise<Failure | null> {
  if (!world.shared.has(KEY)) watchGates(world, clock)
  const watch = world.shared.get(KEY) as Watch
  await watch.stop()
  return mismatch(world) ?? (await panic(world)) ?? (await lastLook(world, clock, watch)) ?? null
}

const hardFail = (rule: string, message: string, evidence: Value = null): Failure => ({
  code: 'HARD_FAIL',
  message: `${rule}: ${message}`,
  evidence,
})

function mismatch({ oracle }: World): Failure | undefined {
  try {
    oracle.check()
    return undefined
  } catch (error) {
    if (!(error instanceof StepFailure)) throw error
    return { code: error.code, message: `data_mismatch: ${error.message}`, evidence: error.evidence }
  }
}

async function panic(world: World): Promise<Failure | undefined> {
  for (const daemon of world.cluster.daemons.values()) {
    const log = await daemon.log()
    const words = lastWordsIn(log)
    if (words !== undefined)
      return hardFail(
        'promotion_panic',
        `${daemon.name} ended because of a fault of its own`,
        words.slice(0, 4000),
      )
    const isExpected = daemon.isRunning || damageOf(world, 'killed').has(daemon.name)
    if (!isExpected && wasAskedToEnd(log) === false)
      return hardFail('promotion_panic', `${daemon.name} ended, and nobody ended it`, log.slice(-4000))
  }
  return undefined
}

async function lastLook(world: World, clock: Clock, { rules, look }: Watch): Promise<Failure | undefined> {
  const endMs = clock.monotonicMs() + DRAIN_MS
  let seen = await look()
  const broken = rules.find((rule) => rule.broken !== null)
  if (broken !== undefined) return hardFail(broken.name, broken.broken ?? '')
  while (unsettled(world, seen) !== undefined && clock.monotonicMs() < endMs) {
    await clock.sleep(DRAIN_LOOK_MS)
    seen = await look()
  }
  return unsettled(world, seen)
}

/** What must not be so at the end, when no harm is on. */
function unsettled({ harm }: World, look: Look): Failure | undefined {
  if (look.isDisturbed) return undefined
  const late = [...lagsIn(look)].find(([, entries]) => entries >= LAG_ENTRIES)
  if (late !== undefined)
    return hardFail('barrier_lag_lsn_unbounded', `${late[0]} is ${late[1]} entries behind at the end`)
  const [ill] = harm.wasOn ? [] : illIn(look)
  return ill === undefined
    ? undefined
    : hardFail('health_zero_without_fault', `${ill} at the end, and no fault was there`)
}
