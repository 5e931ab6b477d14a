/**
 * While a new epoch is sealed: members are asked until enough have answered, and the winner is recorded. An answer counts
 * for this epoch and for the opening that gave it; what beats say never counts, but a beat of another opening shows that
 * an answer is worth nothing any more.
 */
import { epochNumber } from '../../base/units.ts'
import { compareLast, type Opening, serverId } from '../../v2engine/identity.ts'
import { isSound } from '../../v2engine/marks.ts'
import type { SealAnswer } from '../../v2engine/messages.ts'
import { isSetLargeEnough } from '../../v2engine/policy.ts'
import { decidePromotion } from '../../v2engine/rules/promotion.ts'
import { assign } from './assign.ts'
import type { Draft } from './draft.ts'
import {
  beginSealing,
  type Force,
  type LeadState,
  NO_ANSWERS,
  type Phase,
  type SealReason,
} from './lead-state.ts'

/** Members that did not answer are asked again after so long; later on more slowly. */
const ASK_AGAIN_MS = 100
const ASK_SLOWLY_MS = 1000
const SLOWLY_AFTER_MS = 20_000
/** Those that did are asked again as well: they may be another opening by now. */
const CONFIRM_MS = 500
/** In `best_effort`: who has not answered by now is not waited for. */
export const BEST_EFFORT_WAIT_MS = 5000
/** A forced promotion waits for so long after nobody is bound any more. */
export const FORCE_WAIT_MS = 2000
/** So many epochs in a row may come to nothing before the next one waits, twice as long each time. */
const BURNT_FREELY = 3
const BURNT_WAIT_MS_MAX = 10_000

type Sealing = Extract<Phase, { kind: 'sealing' }>

/** The next epoch. `hasStopped`: whoever led serves no more, for certain. */
export function seal(draft: Draft, why: SealReason, hasStopped: boolean): void {
  const { record, state, facts } = draft
  const { nowMs, spareEpochId } = facts
  const epoch = { number: epochNumber(record.epoch.number + 1), id: spareEpochId }
  draft.change({ epoch: { number: epoch.number, id: spareEpochId.toString() }, state: 'sealing' })
  const burnt = state.burnt + 1
  const waitMs = burnt <= BURNT_FREELY ? 0 : Math.min(BURNT_WAIT_MS_MAX, 125 * 2 ** (burnt - BURNT_FREELY))
  draft.set({
    epoch,
    phase: { ...beginSealing(nowMs), notBeforeMs: nowMs + waitMs },
    answers: NO_ANSWERS,
    hasStopped,
    isDrained: false,
    burnt,
  })
  draft.notes.push({ kind: 'sealing', epoch: epoch.number, why })
  ask(draft)
}

/** A beat of a member: it can be reached now. */
export function askMember(draft: Draft, server: string, of: Opening): void {
  const { record, state } = draft
  const { phase, answers, epoch } = state
  if (phase.kind !== 'sealing' || !isAsked(draft, phase, server)) return
  const answer = answers.get(server)
  if (answer !== undefined && answer.opening >= of) return
  if (answer !== undefined) {
    const kept = new Map(answers)
    kept.delete(server)
    // an opening that is over serves nobody
    const hasStopped = state.hasStopped || server === record.primary
    draft.set({ answers: kept, hasStopped })
  }
  draft.send(server, { kind: 'seal', epoch })
}

export function onAnswer(draft: Draft, answer: SealAnswer): void {
  const { record, state, facts } = draft
  const { server } = answer
  if (record.state !== 'sealing' || facts.may === 'hold') return
  const before = state.answers.get(server)
  if (before === undefined || before.opening <= answer.opening) {
    draft.set({ answers: new Map(state.answers).set(server, answer) })
  }
  // it obeys this epoch: it serves no other one
  if (server === record.primary) draft.set({ hasStopped: true })
  decide(draft)
}

/** `isUrgent`: members are asked at once. */
export function onSealingTick(draft: Draft, isUrgent = false): void {
  decide(draft)
  const { phase } = draft.state
  const { nowMs } = draft.facts
  if (phase.kind === 'sealing' && (isUrgent || nowMs >= askDueMs(phase, nowMs))) ask(draft)
}

/** When a tick is due. */
export function nextAskMs(state: LeadState, nowMs: number): number {
  const { phase, grantOverMs } = state
  if (phase.kind !== 'sealing') return Number.POSITIVE_INFINITY
  const soon = [phase.notBeforeMs, grantOverMs].filter((at) => at > nowMs)
  // one that is overdue is still due: beats that come before it is carried out must not put it off
  return Math.min(Math.max(askDueMs(phase, nowMs), nowMs), ...soon, nowMs + ASK_SLOWLY_MS)
}

/** When members are to be asked: now and then, and when one is not bound any more. */
const askDueMs = (phase: Sealing, nowMs: number): number =>
  Math.min(
    phase.askedAtMs + (nowMs - phase.sinceMs > SLOWLY_AFTER_MS ? ASK_SLOWLY_MS : ASK_AGAIN_MS),
    ...[...phase.later.values()].filter((at) => at > phase.askedAtMs),
  )

/** Members, and of a forced promotion everybody who has a replica. */
function asked({ record, facts }: Draft, phase: Sealing): readonly string[] {
  const { members } = record.set
  if (phase.force === null) return members
  return [...new Set([...members, ...facts.replicas.map(({ server }) => server)])]
}

const isAsked = (draft: Draft, phase: Sealing, server: string): boolean =>
  asked(draft, phase).includes(server)

function ask(draft: Draft): void {
  const { phase, answers, epoch } = draft.state
  if (phase.kind !== 'sealing') return
  const { nowMs } = draft.facts
  const isConfirming = Math.floor(nowMs / CONFIRM_MS) !== Math.floor(phase.askedAtMs / CONFIRM_MS)
  for (const server of asked(draft, phase)) {
    const isBound = (phase.later.get(server) ?? 0) > nowMs
    if ((answers.has(server) || isBound) && !isConfirming) continue
    draft.send(server, { kind: 'seal', epoch })
  }
  draft.set({ phase: { ...phase, askedAtMs: nowMs } })
}

function decide(draft: Draft): void {
  const { record, state, facts } = draft
  const { phase, preferred } = state
  if (phase.kind !== 'sealing' || facts.may !== 'lead' || facts.nowMs < phase.notBeforeMs) return
  const answers = [...state.answers.values()]
  const isGrantOver = state.hasStopped || facts.nowMs >= state.grantOverMs
  const verdict = decidePromotion({
    policy: facts.policy,
    set: record.set.members.map(serverId),
    answers,
    isGrantOver,
    isWaitOver: facts.nowMs - phase.sinceMs > BEST_EFFORT_WAIT_MS,
    preferred: preferred === null ? null : serverId(preferred.server),
  })
  if (verdict.kind === 'sealAgain') {
    seal(draft, 'used_up', state.hasStopped)
    carryForce(draft, phase.force)
    return
  }
  const wished = phase.force?.server ?? null
  const isForceNeeded = verdict.kind !== 'promote' || (wished !== null && wished !== verdict.server)
  if (phase.force !== null && isForceNeeded) {
    if (isGrantOver) decideForced(draft, phase, phase.force)
    return
  }
  if (verdict.kind === 'promote') {
    if (isWaitingForPreferred(draft, phase)) return
    const answer = state.answers.get(verdict.server)
    if (answer !== undefined) promote(draft, answer, { mayHaveLost: verdict.mayHaveLost, unreached: null })
    return
  }
  const isOperatorNeeded = verdict.kind === 'operator'
  if (isOperatorNeeded === phase.isOperatorNeeded) return
  const now = draft.state.phase
  if (now.kind === 'sealing') draft.set({ phase: { ...now, isOperatorNeeded } })
  if (isOperatorNeeded) draft.notes.push({ kind: 'operatorNeeded', epoch: record.epoch.number })
}

function carryForce(draft: Draft, force: Force | null): void {
  const { phase } = draft.state
  if (force !== null && phase.kind === 'sealing') draft.set({ phase: { ...phase, force } })
}

function isWaitingForPreferred({ record, state, facts }: Draft, phase: Sealing): boolean {
  const { preferred, answers } = state
  const untilMs = preferredUntilMs(state, phase)
  if (preferred === null || untilMs === null || answers.has(preferred.server)) return false
  return record.set.members.includes(preferred.server) && facts.nowMs < untilMs
}

/** How long the answer of who is preferred is waited for; null when nobody is. */
export const preferredUntilMs = ({ preferred }: LeadState, phase: Sealing): number | null =>
  preferred === null ? null : Math.max(phase.sinceMs, preferred.sinceMs) + preferred.waitMs

/** What can be had: an operator takes the loss. A replica that is resyncing has blocks of several moments and never leads. */
function decideForced(draft: Draft, phase: Sealing, force: Force): void {
  const { state, facts } = draft
  const everybody = asked(draft, phase)
  const answers = [...state.answers.values()]
  const unreached = everybody.filter((server) => !state.answers.has(server))
  const sinceMs = Math.max(phase.sinceMs, ...phase.later.values(), state.hasStopped ? 0 : state.grantOverMs)
  if (unreached.length > 0 && facts.nowMs < sinceMs + FORCE_WAIT_MS) return
  const able = answers.filter(({ standing }) => !standing.isResyncing)
  const whole = able.filter(({ standing }) => !standing.isDamaged)
  const [greatest] = (whole.length > 0 ? whole : able).toSorted((a, b) => compareLast(b.last, a.last))
  const winner = able.find(({ server }) => server === force.server) ?? greatest
  if (winner === undefined) {
    if (phase.isOperatorNeeded) return
    draft.set({ phase: { ...phase, isOperatorNeeded: true } })
    draft.notes.push({ kind: 'operatorNeeded', epoch: state.epoch.number })
    return
  }
  const members = forcedSet(draft, winner, answers, everybody)
  if (members === null) {
    if (phase.isOperatorNeeded) return
    draft.set({ phase: { ...phase, isOperatorNeeded: true } })
    draft.notes.push({ kind: 'operatorNeeded', epoch: state.epoch.number })
    return
  }
  const { set, epoch } = draft.record
  draft.change({ set: { epoch: epoch.number, version: set.version + 1, members } })
  promote(draft, winner, {
    mayHaveLost: true,
    unreached: set.members.filter((one) => unreached.includes(one)),
  })
}

/**
 * The set after a forced promotion: the winner, members that can follow it, and others that lack nothing of what it has. One
 * that was out of the set and has less would lead next, if the winner went away before it had the rest, and nobody would
 * have agreed to lose that. A quorum mode needs a majority of its replica factor to commit anything, and each of its members
 * may lack what the others committed: there all members stay, so that the next promotion needs answers of enough of them,
 * and others are named that the winner has to bring up first; null when even those are too few.
 */
function forcedSet(
  { record, facts }: Draft,
  winner: SealAnswer,
  answers: readonly SealAnswer[],
  everybody: readonly string[],
): readonly string[] | null {
  const named = facts.replicas.map(({ server }) => server as string)
  const before = record.set.members
  const whole = answers
    .filter(({ standing }) => !standing.isResyncing && !standing.isDamaged)
    .filter(({ server, last }) => before.includes(server) || compareLast(last, winner.last) >= 0)
    .map(({ server }) => server as string)
  const staying = facts.policy.mode.kind === 'sync_quorum' ? before : []
  const follow = [...whole, ...staying].filter((server) => named.includes(server))
  const members = [...new Set([winner.server as string, ...follow])]
  const answered = answers.map(({ server }) => server as string)
  for (const server of [...answered, ...everybody]) {
    if (isSetLargeEnough(facts.policy, members.length)) return members
    if (named.includes(server) && !members.includes(server)) members.push(server)
  }
  return isSetLargeEnough(facts.policy, members.length) ? members : null
}

function promote(
  draft: Draft,
  winner: SealAnswer,
  how: {
    readonly mayHaveLost: boolean
    /** Of a forced one. */
    readonly unreached: readonly string[] | null
  },
): void {
  const { record, state, facts } = draft
  const { bounds, nowMs } = facts
  const { preferred, heardLsn } = state
  const { unreached } = how
  // of a volume that nobody led there is nothing to lose; a primary that drained left nothing behind
  const isAllThere = !record.hasServed || (state.isDrained && isSound(winner.standing))
  const mayHaveLost = how.mayHaveLost && !isAllThere
  const isMoved = preferred?.isMove === true && preferred.server === winner.server
  const others = [...state.answers.values()].map(({ last }) => last.lsn)
  const firstLsn = winner.last.lsn + 1
  draft.notes.push({
    kind: 'promoted',
    epoch: record.epoch.number,
    server: winner.server,
    before: record.primary,
    how: howOf(record.hasServed, unreached !== null, winner.server === record.primary, isMoved),
    lsn: winner.last.lsn,
    loss: mayHaveLost ? { firstLsn, lastLsn: Math.max(winner.last.lsn, heardLsn, ...others) } : null,
    unreached: unreached ?? [],
  })
  draft.change({
    state: 'serving',
    primary: winner.server,
    opening: winner.opening,
    mayHaveLost,
    hasServed: true,
  })
  draft.set({
    phase: { kind: 'assigned', sinceMs: nowMs, toldMs: nowMs },
    // it has so long to ask for its first grant
    grantOverMs: nowMs + bounds.leaseMs + bounds.marginMs,
    hasStopped: false,
    preferred: null,
  })
  assign(draft)
}

function howOf(
  hasServed: boolean,
  isForced: boolean,
  isSame: boolean,
  isMove: boolean,
): 'first' | 'again' | 'moved' | 'failover' | 'forced' {
  if (isForced) return 'forced'
  if (!hasServed) return 'first'
  if (isMove) return 'moved'
  return isSame ? 'again' : 'failover'
}
