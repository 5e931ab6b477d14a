/**
 * What a volume that nobody serves waits for: the reducer's own conditions, each with a stable reason, until when it holds
 * and which servers it is about. It explains and decides nothing; what it says is what the next tick or answer looks at.
 */
import { serverId } from '../../v2engine/identity.ts'
import { decidePromotion } from '../../v2engine/rules/promotion.ts'
import type { LeadRecord } from '../records.ts'
import type { LeadFacts, LeadState, Phase } from './lead-state.ts'
import { MOVE_GIVE_UP_MS } from './leading.ts'
import { BEST_EFFORT_WAIT_MS, FORCE_WAIT_MS, preferredUntilMs } from './sealing.ts'
import { TAKE_MS } from './step.ts'

/** Stable; listed in docs/failover.md. */
type WaitReason =
  /** Several epochs came to nothing: the next one waits. */
  | 'sealing_slowed'
  /** This master decided nothing yet of the volume: an earlier one may have granted up to its start. */
  | 'first_lease'
  /** The last grant may still be believed by who holds it. */
  | 'grant_running'
  /** Members promised the primary to seal nothing yet. */
  | 'members_bound'
  /** Members that do not answer the seal. */
  | 'answers_missing'
  /** Who is preferred among equals has not answered. */
  | 'preferred_awaited'
  /** A forced promotion waits for those it cannot reach. */
  | 'force_wait'
  /** Everybody answered and nobody may lead. */
  | 'operator_needed'
  /** The winner was told and does not lead yet. */
  | 'not_taken'
  /** The primary is not heard; its lease runs out next. */
  | 'primary_silent'
  /** The primary was asked to stop, for a planned move. */
  | 'stopping'
  /** It leads, and hosts are not served yet. */
  | 'not_serving'
  /** As in preflight. */
  | 'locked'
  | 'being_deleted'
  | 'being_made'

export interface LeadWait {
  readonly reason: WaitReason
  readonly message: string
  /** Of the master's boot clock; null: until somebody does something. */
  readonly untilMs: number | null
  readonly servers: readonly string[]
}

export type WaitFacts = Pick<LeadFacts, 'nowMs' | 'policy'> & {
  readonly nameOf: (server: string) => string
  readonly isPrimaryConnected: boolean
}

/** Of a volume that is not blocked and not served: the main reason first; at least one. */
export function waitsOf(record: LeadRecord, state: LeadState, facts: WaitFacts): readonly LeadWait[] {
  const { phase } = state
  const { primary } = record
  const name = facts.nameOf(primary)
  const wait = (reason: WaitReason, message: string, untilMs: number | null): LeadWait[] => [
    { reason, message, untilMs, servers: [primary] },
  ]
  if (phase.kind !== 'sealing' && !facts.isPrimaryConnected) {
    const message = `${name}, the primary, is not connected; another member takes over when its lease has run out`
    return wait('primary_silent', message, state.grantOverMs)
  }
  switch (phase.kind) {
    case 'sealing':
      return sealingWaits(record, state, phase, facts)
    case 'assigned':
      return wait('not_taken', `${name} was told to lead and does not yet`, phase.sinceMs + TAKE_MS)
    case 'moving':
      return wait(
        'stopping',
        `${name} is to stop, so that ${facts.nameOf(phase.to)} takes over`,
        phase.sinceMs + MOVE_GIVE_UP_MS,
      )
    case 'leading':
      return wait('not_serving', `${name} leads and does not serve hosts yet`, null)
  }
}

type Sealing = Extract<Phase, { kind: 'sealing' }>

function sealingWaits(
  record: LeadRecord,
  state: LeadState,
  phase: Sealing,
  facts: WaitFacts,
): readonly LeadWait[] {
  const { nowMs, nameOf } = facts
  const waits: LeadWait[] = []
  const add = (
    reason: WaitReason,
    message: string,
    untilMs: number | null,
    servers: readonly string[] = [],
  ): void => void waits.push({ reason, message, untilMs, servers })
  const names = (servers: readonly string[]): string => servers.map(nameOf).join(', ')
  if (nowMs < phase.notBeforeMs) {
    add('sealing_slowed', 'several epochs in a row came to nothing; the next one waits', phase.notBeforeMs)
  }
  if (!state.hasStopped && nowMs < state.grantOverMs) {
    const holder = [record.primary]
    if (state.isInherited) {
      const message = `this master has just begun: an earlier one may have granted ${names(holder)} a lease that still runs`
      add('first_lease', message, state.grantOverMs, holder)
    } else {
      const message = `the last lease of ${names(holder)} has not run out`
      add('grant_running', message, state.grantOverMs, holder)
    }
  }
  const verdict = decidePromotion({
    policy: facts.policy,
    set: record.set.members.map(serverId),
    answers: [...state.answers.values()],
    isGrantOver: true,
    isWaitOver: nowMs - phase.sinceMs > BEST_EFFORT_WAIT_MS,
    preferred: null,
  })
  if (verdict.kind === 'wait') {
    const later = (server: string): number => phase.later.get(server) ?? 0
    const bound = verdict.missing.filter((server) => later(server) > nowMs)
    const silent = verdict.missing.filter((server) => !bound.includes(server))
    if (bound.length > 0) {
      const message = `${names(bound)} promised the primary to seal nothing yet`
      add('members_bound', message, Math.min(...bound.map(later)), bound)
    }
    if (silent.length > 0) {
      const isBestEffort = facts.policy.mode.kind === 'best_effort'
      const message = `${names(silent)} did not answer, and an acknowledged write may be there only`
      add('answers_missing', message, isBestEffort ? phase.sinceMs + BEST_EFFORT_WAIT_MS : null, silent)
    }
  }
  if (phase.force !== null && verdict.kind !== 'promote') {
    const sinceMs = Math.max(phase.sinceMs, ...phase.later.values(), state.hasStopped ? 0 : state.grantOverMs)
    add('force_wait', 'a forced promotion waits for who may still answer', sinceMs + FORCE_WAIT_MS)
  }
  if (verdict.kind === 'operator' || phase.isOperatorNeeded) {
    add('operator_needed', 'every member answered and none of them may lead', null)
  }
  const { preferred } = state
  const untilMs = preferredUntilMs(state, phase)
  if (preferred !== null && untilMs !== null && nowMs < untilMs) {
    const isAwaited = record.set.members.includes(preferred.server) && !state.answers.has(preferred.server)
    if (isAwaited) {
      add('preferred_awaited', `${nameOf(preferred.server)} is to lead and did not answer yet`, untilMs, [
        preferred.server,
      ])
    }
  }
  // enough have answered: the decision is on its way to the registry
  if (waits.length === 0) add('not_taken', 'a primary was found and is being recorded', null)
  return waits
}
