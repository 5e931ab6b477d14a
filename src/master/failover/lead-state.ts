/**
 * Who leads a volume: what is decided on, from what, and in which forms it leaves. The record is durable and is the truth;
 * the state is what this process heard since it began, and is made anew whenever the record's epoch is not the one that
 * it is about (a restart, a recovery, another master).
 *
 *   record   ┌────────────── sealing e ◀─────────────────────────────────────────────┐
 *            │                  │ enough answers, and the last grant is over          │ e + 1: lease over, reopened, refused,
 *            │                  ▼                                                     │ stopped, not taken, used up, asked
 *            └▶ serving e:   assigned ──leads──▶ leading ──move──▶ moving ──stopped───┤
 *                               │                   ▲                 │               │
 *                               └───────────────────│──not drained────┘───────────────┘
 */
import type { Epoch } from '../../base/units.ts'
import { epochNumber } from '../../base/units.ts'
import type { Opening } from '../../v2engine/identity.ts'
import type { SetRecord } from '../../v2engine/marks.ts'
import type { AuthorityMessage, Replica, SealAnswer, ToAuthority } from '../../v2engine/messages.ts'
import type { Bounds, Policy } from '../../v2engine/policy.ts'
import type { LeadRecord } from '../records.ts'

/** What a decision may know besides record and state. Times are of the master's boot clock. */
export interface LeadFacts {
  readonly nowMs: number
  readonly policy: Policy
  readonly bounds: Bounds
  /** Made, and to stay: named in assignments, with where their servers listen now. */
  readonly replicas: readonly Replica[]
  /** How long this master leads for certain: no grant is longer. Infinity for the only master. */
  readonly leadershipMs: number
  /**
   * `hold`: nothing is sealed, promoted, granted or changed (the cluster is locked, or the first replicas are being made).
   * `end`: the volume is being deleted: it is sealed, and nobody leads it any more.
   */
  readonly may: 'lead' | 'hold' | 'end'
  /** A random id that no epoch has: of the next one, if there is one. */
  readonly spareEpochId: bigint
}

/** What a beat says that matters here. */
export interface LeadBeat {
  readonly opening: Opening
  /** Of the server's clock. */
  readonly askedAtMs: number
  /** The epoch that it leads. */
  readonly leads: Epoch | null
  readonly isServing: boolean
  /** The epoch that it obeys; null when that is not told. */
  readonly sealed: Epoch | null
  /** The newest in-sync set that it heard of; null when that is not told. */
  readonly set: SetRecord | null
  /** Last LSN that it appended; 0 when that is not told. */
  readonly appended: number
}

export type LeadEvent =
  | { readonly kind: 'beat'; readonly server: string; readonly beat: LeadBeat }
  | { readonly kind: 'message'; readonly server: string; readonly message: ToAuthority }
  /** Time has passed. */
  | { readonly kind: 'tick' }
  /** Replicas came, went or moved: the primary is told. */
  | { readonly kind: 'replicas' }
  /** Who wins among equals at the next promotion; its answer is waited for so long. Null: nobody. */
  | { readonly kind: 'prefer'; readonly server: string | null; readonly waitMs: number }
  /** Planned: the primary drains, stops, and `to` takes over. */
  | { readonly kind: 'move'; readonly to: string }
  /** A new epoch is sealed; forced, what can be had is promoted. */
  | { readonly kind: 'promote'; readonly server: string | null; readonly isForced: boolean }

/** Reasons of a new epoch. Stable: they stand in events. */
export type SealReason =
  | 'lease_over'
  | 'reopened'
  | 'ended'
  | 'stopped'
  | 'refused'
  | 'not_taken'
  | 'used_up'
  | 'asked'
  | 'forced'
  | 'deleted'

export interface Force {
  readonly server: string | null
}

export type Phase =
  | {
      readonly kind: 'sealing'
      readonly sinceMs: number
      /** Nobody is promoted before: after several epochs that came to nothing. */
      readonly notBeforeMs: number
      /** When the members were asked last. */
      readonly askedAtMs: number
      /** Bound by promises until then, as they said. */
      readonly later: ReadonlyMap<string, number>
      readonly force: Force | null
      readonly isOperatorNeeded: boolean
    }
  /** The winner was told, and was not heard to lead. */
  | { readonly kind: 'assigned'; readonly sinceMs: number; readonly toldMs: number }
  /** `heardMs` is of the server's clock: the last beat that said so; Infinity before the first. */
  | { readonly kind: 'leading'; readonly heardMs: number; readonly isServing: boolean }
  | {
      readonly kind: 'moving'
      readonly heardMs: number
      readonly to: string
      readonly sinceMs: number
      readonly toldMs: number
    }

export interface LeadState {
  /** The epoch that all of this is about. */
  readonly epoch: Epoch
  readonly phase: Phase
  /** The last answer of each server to the seal of this epoch. */
  readonly answers: ReadonlyMap<string, SealAnswer>
  /** When the last grant that named the volume has run out for certain. */
  readonly grantOverMs: number
  /** It is only supposed: this process granted nothing yet, and another one may have. */
  readonly isInherited: boolean
  /** Whoever held it said that it serves no more, or its opening is over. */
  readonly hasStopped: boolean
  /** It stopped when every member had everything. */
  readonly isDrained: boolean
  readonly preferred: {
    readonly server: string
    readonly sinceMs: number
    readonly waitMs: number
    readonly isMove: boolean
  } | null
  /** When the assignment was told last: it may have been lost, and what it says may have changed while nobody listened. */
  readonly assignedMs: number
  /** Epochs sealed since somebody led. */
  readonly burnt: number
  /** The greatest LSN that a primary was heard to have. */
  readonly heardLsn: number
}

export type LeadNote =
  | { readonly kind: 'sealing'; readonly epoch: number; readonly why: SealReason }
  | {
      readonly kind: 'promoted'
      readonly epoch: number
      readonly server: string
      readonly before: string
      readonly how: 'first' | 'again' | 'moved' | 'failover' | 'forced'
      /** Its last entry. */
      readonly lsn: number
      /** What acknowledged writes may be missing: from the first to the last known; null: none. */
      readonly loss: { readonly firstLsn: number; readonly lastLsn: number } | null
      /** Of a forced one: members that did not answer, and may still be serving. */
      readonly unreached: readonly string[]
    }
  | { readonly kind: 'serving'; readonly epoch: number; readonly server: string }
  /** Everybody answered and nobody can be promoted. */
  | { readonly kind: 'operatorNeeded'; readonly epoch: number }
  | { readonly kind: 'moveFailed'; readonly to: string; readonly why: 'not_drained' | 'no_answer' }
  | { readonly kind: 'setChanged'; readonly joined: readonly string[]; readonly left: readonly string[] }
  /** A server obeys an epoch that this registry never gave: it is older than what was decided. */
  | { readonly kind: 'epochAbove'; readonly server: string; readonly epoch: number }
  /** The same of an in-sync set. */
  | { readonly kind: 'setAbove'; readonly server: string; readonly version: number }

export interface Decision {
  /** Durable BEFORE anything else of this decision is carried out; null when nothing durable changed. */
  readonly record: LeadRecord | null
  /** Holds once the record is durable. */
  readonly state: LeadState
  readonly send: readonly { readonly to: string; readonly message: AuthorityMessage }[]
  readonly notes: readonly LeadNote[]
  /** A `tick` is due by then; Infinity: never. */
  readonly wakeAtMs: number
}

export const NO_ANSWERS: ReadonlyMap<string, SealAnswer> = new Map()

const epochOf = (record: LeadRecord): Epoch => ({
  number: epochNumber(record.epoch.number),
  id: BigInt(record.epoch.id),
})

export const isAbout = (state: LeadState, record: LeadRecord): boolean =>
  state.epoch.number === record.epoch.number && state.epoch.id.toString() === record.epoch.id

/**
 * What a process knows of a record that it did not write: nothing. Whoever decided it may have granted up to this very
 * moment, so nobody is promoted for a lease and its margin; except that nobody can hold a grant of a volume that nobody
 * ever led.
 */
export function freshState(record: LeadRecord, facts: Pick<LeadFacts, 'nowMs' | 'bounds'>): LeadState {
  const { nowMs, bounds } = facts
  return {
    epoch: epochOf(record),
    phase:
      record.state === 'sealing' ? beginSealing(nowMs) : { kind: 'assigned', sinceMs: nowMs, toldMs: nowMs },
    answers: NO_ANSWERS,
    grantOverMs: record.hasServed ? nowMs + bounds.leaseMs + bounds.marginMs : nowMs,
    isInherited: record.hasServed,
    hasStopped: !record.hasServed,
    isDrained: false,
    preferred: record.hasServed
      ? null
      : { server: record.primary, sinceMs: nowMs, waitMs: BEGIN_MS, isMove: false },
    assignedMs: Number.NEGATIVE_INFINITY,
    burnt: 0,
    heardLsn: 0,
  }
}

export const beginSealing = (nowMs: number): Extract<Phase, { kind: 'sealing' }> => ({
  kind: 'sealing',
  sinceMs: nowMs,
  notBeforeMs: nowMs,
  askedAtMs: Number.NEGATIVE_INFINITY,
  later: new Map(),
  force: null,
  isOperatorNeeded: false,
})

/** The record of a volume that is being made. `members` are its first replicas; the first of them is to lead. */
export function firstLead(members: readonly string[], epochId: bigint): LeadRecord {
  const [primary] = members
  if (primary === undefined) throw new RangeError('a volume has at least one replica')
  return {
    epoch: { number: 1, id: epochId.toString() },
    state: 'sealing',
    primary,
    opening: null,
    set: { epoch: 1, version: 1, members },
    mayHaveLost: false,
    hasServed: false,
  }
}

/** What the preferred first primary of a new volume may take to answer before another replica leads it. */
const BEGIN_MS = 10_000
