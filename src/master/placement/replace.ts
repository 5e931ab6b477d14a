/**
 * Which replicas are lost for good, and where the new ones go. A server that is away may come back with its data, and
 * then a catch-up is far cheaper than a new copy: it is waited for. When many servers are away at once it is the network
 * or the master itself, and copying everything onto the rest would bring those down too: then nothing is replaced.
 *
 * - Away: not connected, and not in maintenance. One that said goodbye is away like the others.
 * - Lost: away for the grace period; or removed from the registry by an operator, at once and whatever else is away.
 * - A volume that has fewer replicas than it should have gets one more.
 * - One at a time for each volume, and so many at once in the cluster; the volumes with the fewest copies go first.
 * - Nowhere to go is a reason that is told, and no job that tries again and again: the next look may find a place.
 */
import type { LiveCluster } from '../core/live.ts'
import type { RecordsView } from '../core/records-view.ts'
import type { ServerRecord, VolumeRecord } from '../records.ts'
import { placeOneMore } from './place.ts'
import { footprintBytes, type PlacementServer, placementServers } from './servers.ts'
import type { PlacementSettings } from './settings.ts'

export interface ReplacementServer extends PlacementServer {
  readonly state: ServerRecord['state']
  /** For how long it is away; null: it is not. */
  readonly awayMs: number | null
}

export interface ReplacementFacts {
  readonly volumes: readonly VolumeRecord[]
  readonly servers: readonly ReplacementServer[]
  /** Volumes with a job that changes their replicas. */
  readonly busy: ReadonlySet<string>
  /** Replacements under way. */
  readonly running: number
  /** A new replica is filled by the primary. */
  readonly isServing: (volume: VolumeRecord) => boolean
  /** What a replica of it has on its disk. */
  readonly usedBytes: (volume: VolumeRecord) => number
}

interface Replacement {
  readonly volume: string
  /** The server whose replica is lost; null: one is missing. */
  readonly lost: string | null
  readonly to: string
}

/** Stable; documented in docs/placement.md. */
type WaitReason =
  | 'grace_period'
  | 'too_many_away'
  | 'job_running'
  | 'no_primary'
  | 'replacements_full'
  | 'rf_not_satisfiable'

interface WaitingReplacement {
  readonly volume: string
  readonly lost: string | null
  readonly reason: WaitReason
  readonly message: string
}

export interface ReplacementPlan {
  readonly replacements: readonly Replacement[]
  readonly waiting: readonly WaitingReplacement[]
}

/** `nowMs` and `startedMs`, when this master began to listen, are of the boot clock. */
export function replacementServers(
  records: RecordsView,
  live: LiveCluster,
  { nowMs, startedMs }: { readonly nowMs: number; readonly startedMs: number },
): ReplacementServer[] {
  return placementServers(records, live).map((server) => {
    const { state } = records.server(server.id)!
    const heard = live.server(server.id)
    const isAway = heard?.isConnected !== true && state !== 'maintenance'
    const sinceMs = Math.max(heard?.lostSinceMs ?? startedMs, startedMs)
    return { ...server, state, awayMs: isAway ? Math.max(0, nowMs - sinceMs) : null }
  })
}

export function planReplacements(facts: ReplacementFacts, settings: PlacementSettings): ReplacementPlan {
  const servers = new Map(facts.servers.map((server) => [server.id, server]))
  const replacements: Replacement[] = []
  const waiting: WaitingReplacement[] = []
  for (const { volume, lost } of wantedOf(facts, servers)) {
    const wait = (reason: WaitReason, message: string): void => {
      waiting.push({ volume: volume.uuid, lost, reason, message })
    }
    const held = lost === null ? undefined : holdOf(servers.get(lost), facts.servers, settings)
    if (held !== undefined) wait(...held)
    else if (isBusy(volume, facts)) wait('job_running', 'another job changes its replicas')
    else if (!facts.isServing(volume)) wait('no_primary', 'it has no primary that could fill a new replica')
    else if (facts.running + replacements.length >= settings.replacementsMax) {
      wait('replacements_full', `${settings.replacementsMax} replacements are under way`)
    } else {
      const { holding, leaving } = holdersOf(volume, lost)
      const placed = { ...volume, usedBytes: facts.usedBytes(volume) }
      const { server, errors } = placeOneMore(placed, [...servers.values()], { holding, leaving }, settings)
      if (server === null) wait('rf_not_satisfiable', errors[0]!.message)
      else {
        replacements.push({ volume: volume.uuid, lost, to: server })
        servers.set(server, loaded(servers.get(server)!, placed))
      }
    }
  }
  return { replacements, waiting }
}

interface Wanted {
  readonly volume: VolumeRecord
  readonly lost: string | null
  readonly copies: number
}

/** At most one of each volume, those with the fewest copies first. */
function wantedOf(
  { volumes }: ReplacementFacts,
  servers: ReadonlyMap<string, ReplacementServer>,
): readonly Wanted[] {
  const wanted: Wanted[] = []
  for (const volume of volumes) {
    if (volume.state !== 'active') continue
    const staying = volume.replicas.filter(({ state }) => state !== 'leaving').map(({ server }) => server)
    const isHere = (id: string): boolean => servers.get(id)?.awayMs === null
    const copies = volume.lead.set.members.filter(isHere).length
    const away = staying.filter((id) => !isHere(id) && servers.get(id)?.state !== 'maintenance')
    if (away.length > 0) {
      const longest = away.toSorted(
        (a, b) => awayFor(servers.get(b)) - awayFor(servers.get(a)) || (a < b ? -1 : 1),
      )
      wanted.push({ volume, lost: longest[0]!, copies })
    } else if (staying.length < volume.policy.replicaFactor) wanted.push({ volume, lost: null, copies })
  }
  return wanted.sort((a, b) => a.copies - b.copies || (a.volume.uuid < b.volume.uuid ? -1 : 1))
}

/** Who is not in the registry any more has been away for ever. */
const awayFor = (server: ReplacementServer | undefined): number =>
  server === undefined ? Number.MAX_VALUE : (server.awayMs ?? 0)

/** Why a replica is not given up yet. */
function holdOf(
  server: ReplacementServer | undefined,
  all: readonly ReplacementServer[],
  { lostAfterMs, awayShareMax }: PlacementSettings,
): [WaitReason, string] | undefined {
  if (server === undefined) return undefined
  const awayMs = server.awayMs ?? 0
  const away = all.filter((one) => one.awayMs !== null).length
  if (away > all.length * awayShareMax) {
    return [
      'too_many_away',
      `${away} of ${all.length} servers are away: nothing is replaced; bring them back, or remove those that are gone for good`,
    ]
  }
  if (awayMs < lostAfterMs) {
    const seconds = Math.ceil((lostAfterMs - awayMs) / 1000)
    return ['grace_period', `${server.name} is away and is waited for: ${seconds} s more`]
  }
  return undefined
}

const isBusy = ({ uuid, replicas }: VolumeRecord, { busy }: ReplacementFacts): boolean =>
  busy.has(uuid) || replicas.some(({ state }) => state === 'allocating')

/** For `placeOneMore`, when the replica of `lost` goes too. */
function holdersOf(
  { replicas }: Pick<VolumeRecord, 'replicas'>,
  lost: string | null,
): { readonly holding: readonly string[]; readonly leaving: readonly string[] } {
  const leaving = replicas.filter(({ state, server }) => state === 'leaving' || server === lost)
  return {
    holding: replicas.map(({ server }) => server),
    leaving: leaving.map(({ server }) => server),
  }
}

/** As it is when the new replica is there. */
function loaded<Server extends PlacementServer>(
  server: Server,
  volume: Pick<VolumeRecord, 'sizeBytes' | 'logBytes'> & { readonly usedBytes: number },
): Server {
  return {
    ...server,
    allocatedBytes: server.allocatedBytes + footprintBytes(volume),
    freeBytes: server.freeBytes - volume.usedBytes,
    replicas: server.replicas + 1,
  }
}
