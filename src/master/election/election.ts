/**
 * Who of several masters leads: a reducer over one leader record and its beat, kept in the registry that all of them share.
 * Pure: no clock, no randomness, no I/O.
 *
 *     waiting ──nobody, or unchanged for lease + margin──▶ taking ──committed──▶ leading ──renewed──▶ leading
 *        ▲                                                   │ refused, unknown      │ refused: another term; lost
 *        └───────────────────────────────────────────────────┴───────────────────────┘
 *
 * Always true: terms only rise, and a term has one leader; only it writes the beat, because each renewal checks the leader
 * record; what is certain of a leadership is counted from before the renewal was sent, so it is over, at its holder, before
 * anybody who saw that renewal or a later one has waited long enough to take over. Times are of the own boot clock: a
 * machine that slept has not led meanwhile.
 *
 * A renewal that comes late, after the lease, still holds if nobody took over: then nothing of the leader's memory is wrong,
 * and it goes on. In between it acts on nothing (`leadershipMs` is 0).
 */
import { LEADER_BEAT_KEY, LEADER_KEY } from '../core/record-keys.ts'
import { type LeaderRecord, RECORD_KINDS } from '../core/record-schemas.ts'
import type { StoredRecord, Transaction } from '../registry/registry.ts'

export interface ElectionBounds {
  /** How long a renewal holds, ms. */
  readonly leaseMs: number
  /** For clocks that drift: taken off by who leads, and added by who waits. */
  readonly marginMs: number
  /** Between two renewals, and between two looks of who waits. */
  readonly beatMs: number
}

/** With these a healthy leader is never below 3 s, which is what a volume's lease takes. */
export const DEFAULT_ELECTION: ElectionBounds = { leaseMs: 4000, marginMs: 500, beatMs: 500 }

/** What every transaction of a term checks: the leader record is still the one that began it. */
export interface TermGuard {
  readonly key: string
  readonly revision: number
}

/** What a read found. Revision 0: there is no such record. */
export interface Found {
  readonly leader: LeaderRecord | null
  readonly leaderRevision: number
  readonly beatRevision: number
}

export type ElectionState =
  /** `seen` stands unchanged since `sinceMs`, when it was first seen; null: nothing was read yet. */
  | { readonly kind: 'waiting'; readonly seen: Found | null; readonly sinceMs: number }
  | { readonly kind: 'taking'; readonly term: number; readonly sentMs: number }
  | {
      readonly kind: 'leading'
      readonly term: number
      /** Of the leader record. */
      readonly revision: number
      readonly beat: number
      /** The leadership is certain until then. */
      readonly untilMs: number
      /** When the last renewal was sent. */
      readonly sentMs: number
    }

export type ElectionEvent =
  | { readonly kind: 'tick' }
  | { readonly kind: 'found'; readonly found: Found }
  | { readonly kind: 'committed'; readonly seq: number }
  /** The records are not as they were checked. */
  | { readonly kind: 'refused' }
  /** The registry failed, or did not say whether it was done. */
  | { readonly kind: 'unknown' }
  /** What acts in this term cannot record anything any more. */
  | { readonly kind: 'lost'; readonly why: string }

export type ElectionCall =
  | { readonly kind: 'read' }
  | { readonly kind: 'commit'; readonly transaction: Transaction }

export interface ElectionStep {
  readonly state: ElectionState
  /** Why what acts in the term that was is stopped, at once and BEFORE anything else here; null: nothing is. */
  readonly stop: string | null
  /** Whatever acts in the term of `state` begins. */
  readonly isBeginning: boolean
  readonly call: ElectionCall | null
  /** A `tick` is due by then; Infinity while a call is under way. */
  readonly wakeAtMs: number
}

export interface ElectionFacts {
  readonly nowMs: number
  /** Of this process alone: another life has another id. */
  readonly self: Pick<LeaderRecord, 'id' | 'grpc' | 'http'>
  readonly bounds: ElectionBounds
  /** An earlier call has not been answered. */
  readonly isCalling: boolean
}

export const WAITING: ElectionState = { kind: 'waiting', seen: null, sinceMs: 0 }

/** How long this process leads for certain, ms; 0: not at all. */
export const leadershipLeftMs = (state: ElectionState, nowMs: number): number =>
  state.kind === 'leading' ? Math.max(0, state.untilMs - nowMs) : 0

export const guardOf = ({ revision }: Extract<ElectionState, { kind: 'leading' }>): TermGuard => ({
  key: LEADER_KEY,
  revision,
})

/** CORRUPT, naming the key. */
export function foundIn(records: readonly StoredRecord[]): Found {
  const leader = records.find(({ key }) => key === LEADER_KEY)
  const beat = records.find(({ key }) => key === LEADER_BEAT_KEY)
  return {
    leader: leader === undefined ? null : RECORD_KINDS.leader.parse(leader.key, leader.value),
    leaderRevision: leader?.revision ?? 0,
    beatRevision: beat?.revision ?? 0,
  }
}

export function electionStep(state: ElectionState, event: ElectionEvent, facts: ElectionFacts): ElectionStep {
  switch (state.kind) {
    case 'waiting':
      return event.kind === 'found' ? onFound(state, event.found, facts) : look(state, event, facts)
    case 'taking':
      return onTaken(state, event, facts)
    case 'leading':
      return onLeading(state, event, facts)
  }
}

/** Reads, at the next beat after a failure. */
function look(state: ElectionState, event: ElectionEvent, facts: ElectionFacts): ElectionStep {
  if (facts.isCalling) return step(state)
  if (event.kind === 'unknown') return step(state, { wakeAtMs: facts.nowMs + facts.bounds.beatMs })
  return step(state, { call: { kind: 'read' } })
}

function onFound(
  state: Extract<ElectionState, { kind: 'waiting' }>,
  found: Found,
  facts: ElectionFacts,
): ElectionStep {
  const { nowMs, self, bounds } = facts
  const { leader } = found
  if (leader === null) return take(found, 1, facts)
  if (leader.id === self.id) {
    // taken by a call whose answer was lost, or by a term that was given up: it is this process's all the same
    const untilMs = Number.NEGATIVE_INFINITY
    const { term } = leader
    const own = { kind: 'leading', term, revision: found.leaderRevision, beat: 0, untilMs } as const
    return renew({ ...own, sentMs: nowMs }, facts, true)
  }
  if (state.seen === null || !isSame(state.seen, found)) {
    // it may have been written at this very moment
    const seen: ElectionState = { kind: 'waiting', seen: found, sinceMs: nowMs }
    return step(seen, { wakeAtMs: nowMs + bounds.beatMs })
  }
  const dueMs = state.sinceMs + bounds.leaseMs + bounds.marginMs
  if (nowMs >= dueMs) return take(found, leader.term + 1, facts)
  return step(state, { wakeAtMs: Math.min(dueMs, nowMs + bounds.beatMs) })
}

const isSame = (a: Found, b: Found): boolean =>
  a.leaderRevision === b.leaderRevision && a.beatRevision === b.beatRevision

function take(found: Found, term: number, { nowMs, self }: ElectionFacts): ElectionStep {
  const { id, grpc, http } = self
  const transaction: Transaction = {
    checks: [
      { key: LEADER_KEY, revision: found.leaderRevision },
      { key: LEADER_BEAT_KEY, revision: found.beatRevision },
    ],
    writes: [
      { key: LEADER_KEY, value: RECORD_KINDS.leader.encode({ id, term, grpc, http }) },
      { key: LEADER_BEAT_KEY, value: RECORD_KINDS.leaderBeat.encode({ term, beat: 0 }) },
    ],
  }
  return step({ kind: 'taking', term, sentMs: nowMs }, { call: { kind: 'commit', transaction } })
}

function onTaken(
  state: Extract<ElectionState, { kind: 'taking' }>,
  event: ElectionEvent,
  facts: ElectionFacts,
): ElectionStep {
  const { nowMs, bounds } = facts
  switch (event.kind) {
    case 'committed': {
      const { term, sentMs } = state
      const leading: ElectionState = {
        kind: 'leading',
        term,
        revision: event.seq,
        beat: 0,
        untilMs: certainMs(sentMs, bounds),
        sentMs,
      }
      return step(leading, { isBeginning: true, wakeAtMs: sentMs + bounds.beatMs })
    }
    case 'refused':
      return step(WAITING, { call: { kind: 'read' } })
    case 'unknown':
      // if it was carried out, or still is, the next look finds it
      return step(WAITING, { wakeAtMs: nowMs + bounds.beatMs })
    case 'tick':
    case 'found':
    case 'lost':
      return step(state)
  }
}

function onLeading(
  state: Extract<ElectionState, { kind: 'leading' }>,
  event: ElectionEvent,
  facts: ElectionFacts,
): ElectionStep {
  const { nowMs, bounds, isCalling } = facts
  switch (event.kind) {
    case 'tick':
      return isCalling ? step(state) : renew(state, facts)
    case 'committed': {
      const untilMs = Math.max(state.untilMs, certainMs(state.sentMs, bounds))
      return step({ ...state, untilMs }, { wakeAtMs: state.sentMs + bounds.beatMs })
    }
    case 'unknown':
      return step(state, { wakeAtMs: nowMs + bounds.beatMs / 2 })
    case 'refused':
      return step(WAITING, { stop: 'another master leads', call: { kind: 'read' } })
    case 'lost':
      return step(WAITING, { stop: event.why, call: isCalling ? null : { kind: 'read' } })
    case 'found':
      return step(state)
  }
}

/** From before it was sent: who sees it cannot have seen it earlier. */
const certainMs = (sentMs: number, { leaseMs, marginMs }: ElectionBounds): number =>
  sentMs + leaseMs - marginMs

function renew(
  state: Extract<ElectionState, { kind: 'leading' }>,
  { nowMs }: ElectionFacts,
  isBeginning = false,
): ElectionStep {
  const { term } = state
  const beat = state.beat + 1
  const transaction: Transaction = {
    checks: [guardOf(state)],
    writes: [{ key: LEADER_BEAT_KEY, value: RECORD_KINDS.leaderBeat.encode({ term, beat }) }],
  }
  return step({ ...state, beat, sentMs: nowMs }, { isBeginning, call: { kind: 'commit', transaction } })
}

const step = (state: ElectionState, more: Partial<ElectionStep> = {}): ElectionStep => ({
  state,
  stop: null,
  isBeginning: false,
  call: null,
  wakeAtMs: Number.POSITIVE_INFINITY,
  ...more,
})
