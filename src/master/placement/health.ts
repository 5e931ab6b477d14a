/**
 * How a volume is, from the registry and from what servers said last:
 *
 *   unsafe      somebody has to act, or hosts wait: nobody serves it, writes wait for members, or one copy is left
 *   rebuilding  safe for now, and on its way to all its replicas
 *   degraded    safe for now, and not on its way: a replica is away, cut off or in doubt
 *   healthy     every replica that it should have is in sync
 *
 * The worst reason decides; all of them are told. What is no longer heard counts as not there: the hosts may know
 * better. That an earlier failover may have lost writes is in the events and makes no volume unhealthy for ever.
 */
import { isSound } from '../../v2engine/marks.ts'
import { membersToAcknowledge } from '../../v2engine/policy.ts'
import type { LiveCluster } from '../core/live.ts'
import type { PeerBeat, ReplicaBeat } from '../links.ts'
import type { Health } from '../master-api.ts'
import type { ReplicaRecord, VolumeRecord } from '../records.ts'

/** Stable; docs/placement.md lists them. */
type HealthCode =
  | 'sealing'
  | 'primary_unheard'
  | 'primary_not_serving'
  | 'too_few_members'
  | 'last_copy'
  | 'allocating'
  | 'resyncing'
  | 'catching_up'
  | 'being_made'
  | 'too_few_replicas'
  | 'replica_away'
  | 'replica_missing'
  | 'replica_not_open'
  | 'replica_cut_off'
  | 'replica_in_doubt'
  | 'replica_outage'

const SEVERITY = {
  sealing: 'unsafe',
  primary_unheard: 'unsafe',
  primary_not_serving: 'unsafe',
  too_few_members: 'unsafe',
  last_copy: 'unsafe',
  allocating: 'rebuilding',
  resyncing: 'rebuilding',
  catching_up: 'rebuilding',
  being_made: 'degraded',
  too_few_replicas: 'degraded',
  replica_away: 'degraded',
  replica_missing: 'degraded',
  replica_not_open: 'degraded',
  replica_cut_off: 'degraded',
  replica_in_doubt: 'degraded',
  replica_outage: 'degraded',
} as const satisfies Record<HealthCode, Health>

const WORST_FIRST: readonly Health[] = ['unsafe', 'rebuilding', 'degraded', 'healthy']

interface HealthReason {
  readonly code: HealthCode
  /** Id of the server that it is about. */
  readonly server: string | null
  readonly message: string
}

export interface VolumeHealth {
  readonly health: Health
  readonly reasons: readonly HealthReason[]
}

/** `nameOf`: a server's name for people, by id. */
export function healthOf(
  volume: VolumeRecord,
  live: LiveCluster,
  nameOf: (server: string) => string = (server) => server,
): VolumeHealth {
  const reasons = [...reasonsOf(volume, live, nameOf)]
  const found = new Set<Health>(reasons.map(({ code }) => SEVERITY[code]))
  return { health: WORST_FIRST.find((health) => found.has(health)) ?? 'healthy', reasons }
}

/** Whether hosts are served, as far as the master hears: its primary says so, and that it leads the registry's epoch. */
export function isServing(volume: VolumeRecord, live: LiveCluster): boolean {
  const { epoch, state, primary } = volume.lead
  if (state !== 'serving') return false
  const open = heardOf(volume.uuid, primary, live)?.open
  const leads = open?.leads
  if (leads == null || open?.isServing !== true) return false
  return leads.number === epoch.number && leads.id.toString() === epoch.id
}

/** What a server that is connected says of its replica. */
function heardOf(volume: string, server: string, live: LiveCluster): ReplicaBeat | undefined {
  return live.server(server)?.isConnected === true ? live.replica(volume, server) : undefined
}

function* reasonsOf(
  volume: VolumeRecord,
  live: LiveCluster,
  nameOf: (server: string) => string,
): Generator<HealthReason> {
  const { lead, policy, replicas, uuid, state } = volume
  if (state === 'deleting') return
  if (state === 'creating') {
    yield { code: 'being_made', server: null, message: 'it is being made, and no primary was appointed yet' }
    return
  }
  yield* primaryReasons(volume, live, nameOf)
  const { members } = lead.set
  const needed = membersToAcknowledge(policy)
  if (members.length < needed) {
    const message = `writes wait: ${members.length} replicas are in sync, and ${needed} must be`
    yield { code: 'too_few_members', server: null, message }
  }
  const present = members.filter((server) => isPresent(heardOf(uuid, server, live)))
  if (policy.replicaFactor > 1 && present.length === 1) {
    const server = present[0]!
    const message = `the only copy in sync that is heard of is that of ${nameOf(server)}: its loss loses data`
    yield { code: 'last_copy', server, message }
  }
  const staying = replicas.filter((replica) => replica.state !== 'leaving')
  if (staying.length < policy.replicaFactor) {
    const message = `it has ${staying.length} replicas of ${policy.replicaFactor}`
    yield { code: 'too_few_replicas', server: null, message }
  }
  const peers = heardOf(uuid, lead.primary, live)?.open?.peers ?? []
  for (const replica of staying) {
    const found = replicaReason(volume, replica, { live, name: nameOf(replica.server), peers })
    if (found !== undefined) yield { code: found[0], server: replica.server, message: found[1] }
  }
}

const isPresent = (beat: ReplicaBeat | undefined): boolean =>
  beat?.open != null && isSound(beat.open.standing)

function* primaryReasons(
  volume: VolumeRecord,
  live: LiveCluster,
  nameOf: (server: string) => string,
): Generator<HealthReason> {
  const { primary: server, epoch, state } = volume.lead
  const name = nameOf(server)
  if (state === 'sealing') {
    const message = `hosts wait: epoch ${epoch.number} is being sealed, and a primary is chosen from the answers`
    yield { code: 'sealing', server: null, message }
  } else if (live.server(server)?.isConnected !== true) {
    const message = `nothing is heard of ${name}, which leads it; hosts may be served or not`
    yield { code: 'primary_unheard', server, message }
  } else if (!isServing(volume, live)) {
    const message = `${name} is to lead epoch ${epoch.number} and does not say that it serves hosts`
    yield { code: 'primary_not_serving', server, message }
  }
}

/** The first thing that is wrong with one replica. Of the primary, only what its disk says. */
function replicaReason(
  { uuid, lead }: VolumeRecord,
  { server, state }: ReplicaRecord,
  { live, name, peers }: { live: LiveCluster; name: string; peers: readonly PeerBeat[] },
): [HealthCode, string] | undefined {
  const isPrimary = server === lead.primary
  const heard = live.server(server)
  if (heard?.isConnected !== true) {
    return isPrimary ? undefined : ['replica_away', `nothing is heard of ${name}, which has a replica`]
  }
  if (state === 'allocating') return ['allocating', `${name} is being asked to make a replica`]
  const beat = live.replica(uuid, server)
  if (beat === undefined) {
    return heard.isComplete
      ? ['replica_missing', `${name} has no replica of it any more; move it elsewhere`]
      : ['replica_not_open', `${name} has not said yet how its replica is`]
  }
  if (beat.open === null) {
    return ['replica_not_open', `the replica of ${name} is ${beat.state}${because(beat.outage)}`]
  }
  const { standing } = beat.open
  const peer = peers.find((one) => one.server === server)
  if (standing.isResyncing || peer?.resync != null) {
    return ['resyncing', `the replica of ${name} is being resynced`]
  }
  if (standing.isDamaged)
    return ['replica_in_doubt', `the replica of ${name} is damaged and has to be repaired`]
  if (!lead.set.members.includes(server)) {
    return peer?.isConnected === true
      ? ['catching_up', `the replica of ${name} is catching up`]
      : ['replica_cut_off', `the replica of ${name} is not in sync, and the primary does not reach it`]
  }
  if (standing.isDoubtful) {
    return [
      'replica_in_doubt',
      `the replica of ${name} lost its page cache and counts for nothing until it is checked`,
    ]
  }
  return beat.outage === null ? undefined : ['replica_outage', `the replica of ${name}: ${beat.outage}`]
}

const because = (outage: string | null): string => (outage === null ? '' : `: ${outage}`)
