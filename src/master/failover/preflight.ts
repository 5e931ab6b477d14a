/**
 * What a promotion would find at this moment, from what servers said last. It explains and decides nothing: a promotion
 * rests on answers to a seal and on nothing else.
 */
import type { Standing } from '../../v2engine/marks.ts'
import { type Policy, votesNeeded } from '../../v2engine/policy.ts'
import type { LeadPreflight, PreflightReason } from '../core/cluster.ts'
import type { LeadRecord } from '../records.ts'

export interface MemberFacts {
  readonly server: string
  readonly name: string
  readonly isConnected: boolean
  readonly isLeaving: boolean
  readonly open: {
    readonly standing: Standing
    readonly appended: number
    readonly isServing: boolean
  } | null
}

export interface PreflightFacts {
  readonly lead: LeadRecord
  readonly policy: Policy
  /** Members of the set and all other replicas. */
  readonly members: readonly MemberFacts[]
  readonly blocked: 'locked' | 'being_deleted' | 'being_made' | null
  /** A grant of the primary may still be believed. */
  readonly isGrantRunning: boolean
  readonly heardLsn: number
}

type Rejection = LeadPreflight['rejections'][number]

export function preflight(facts: PreflightFacts): LeadPreflight {
  const { lead, members } = facts
  const primary = members.find(({ server }) => server === lead.primary)
  const isServing =
    lead.state === 'serving' && primary?.isConnected === true && primary.open?.isServing === true
  const rejections = members.flatMap((member) => rejectionOf(facts, member, isServing) ?? [])
  const free = members.filter(({ server }) => !rejections.some((rejection) => rejection.server === server))
  const reason = reasonOf(facts, isServing, free)
  const isPromotable = reason === 'serving' || reason === 'promotable' || reason === 'grant_running'
  const candidate = greatest(free) ?? greatest(members.filter(isReachable))
  return {
    isPromotable,
    reason,
    message: MESSAGES[reason],
    isPrimaryAlive: isServing,
    candidate: candidate?.server ?? null,
    rejections,
    atRisk: isPromotable || candidate === undefined ? null : atRisk(facts, candidate),
    unreached: lead.set.members.filter(
      (server) => !members.some((member) => member.server === server && member.isConnected),
    ),
  }
}

function reasonOf(facts: PreflightFacts, isServing: boolean, free: readonly MemberFacts[]): PreflightReason {
  const { lead, policy, blocked, members } = facts
  if (blocked !== null) return blocked
  if (isServing) return free.length > 0 ? 'serving' : 'alone'
  const { set } = lead
  const needed =
    policy.mode.kind === 'best_effort' ? 1 : set.members.length - votesNeeded(policy, set.members.length) + 1
  // the primary may answer as well: here it is a member like the others
  const able = members.filter((member) => isSoundMember(facts, member))
  if (able.length >= needed) return facts.isGrantRunning ? 'grant_running' : 'promotable'
  if (members.every((member) => !isReachable(member))) return 'nobody_answers'
  return free.length > 0 ? 'too_few_members' : 'no_sound_member'
}

const isReachable = ({ isConnected, open }: MemberFacts): boolean =>
  isConnected && open !== null && !open.standing.isResyncing

const isSoundMember = ({ lead }: PreflightFacts, { server, isConnected, open }: MemberFacts): boolean =>
  isConnected &&
  open !== null &&
  lead.set.members.includes(server) &&
  !open.standing.isResyncing &&
  !open.standing.isDamaged &&
  !open.standing.isDoubtful

function rejectionOf(facts: PreflightFacts, member: MemberFacts, isServing: boolean): Rejection | null {
  const { server, name, open } = member
  const { lead } = facts
  const because = (reason: Rejection['reason'], message: string): Rejection => ({ server, reason, message })
  if (server === lead.primary && isServing) return because('is_primary', `${name} leads already`)
  if (!member.isConnected) return because('not_connected', `${name} is not connected to the master`)
  if (open === null) return because('not_open', `the replica at ${name} is not open`)
  if (open.standing.isResyncing) return because('resyncing', `the replica at ${name} is being rebuilt`)
  if (open.standing.isDamaged)
    return because('damaged', `the replica at ${name} lacks what it had acknowledged`)
  if (!lead.set.members.includes(server)) {
    return because('not_in_set', `${name} is not in the in-sync set and may lack acknowledged writes`)
  }
  if (open.standing.isDoubtful) {
    return because('doubtful', `${name} lost power and may lack what it acknowledged and did not flush`)
  }
  if (member.isLeaving) return because('leaving', `the replica at ${name} is being removed`)
  return null
}

const greatest = (members: readonly MemberFacts[]): MemberFacts | undefined =>
  members.toSorted(
    (a, b) => (b.open?.appended ?? 0) - (a.open?.appended ?? 0) || (a.server < b.server ? -1 : 1),
  )[0]

function atRisk({ members, heardLsn }: PreflightFacts, candidate: MemberFacts): LeadPreflight['atRisk'] {
  const firstLsn = (candidate.open?.appended ?? 0) + 1
  const lastLsn = Math.max(heardLsn, ...members.map(({ open }) => open?.appended ?? 0))
  return lastLsn < firstLsn ? null : { firstLsn, lastLsn }
}

const MESSAGES: Readonly<Record<PreflightReason, string>> = {
  serving: 'the primary serves; another member can take over by a planned move',
  alone: 'the primary serves, and no other member of the in-sync set can take over',
  promotable: 'enough sound members of the in-sync set answer',
  grant_running:
    'enough sound members answer; the promotion waits until the last lease of the old primary has run out',
  too_few_members:
    'too few sound members of the in-sync set answer: an acknowledged write may be on the others only; bring one of them back, or force it and lose what they had',
  no_sound_member:
    'no sound member of the in-sync set answers; bring one back, or force it and lose what it had',
  nobody_answers: 'no server with a replica of it is connected',
  being_made: 'its first replicas are being made',
  being_deleted: 'it is being deleted',
  locked: 'the cluster is locked; see `basalt cluster status`, and `basalt cluster recover`',
}
