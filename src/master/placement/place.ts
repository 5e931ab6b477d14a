/**
 * Where the replicas of a volume go: filters, then the best of what is left, one after the other, for each changes the
 * spread of the next. The same function plans, makes volumes, replaces replicas and empties servers; the same facts give
 * the same answer, with ties decided by the servers' ids.
 *
 * Taking the best first finds a placement whenever there is one: a spread that is required asks for one server in each
 * of so many zones (racks), and which of a zone's servers it is makes no difference to the other zones.
 */
import { defaultLogBytes } from '../../base/volume-limits.ts'
import type { Policy } from '../../v2engine/policy.ts'
import type { Finding, PlacementPlan, Rejection } from '../master-api.ts'
import type { PlacementWish, PresetName } from '../records.ts'
import { type Holders, type Need, rejectionOf } from './filters.ts'
import { scaleOf, scoreOf } from './scores.ts'
import { footprintBytes, type PlacementServer } from './servers.ts'
import type { PlacementSettings } from './settings.ts'

/** What of a volume matters here: of `ResolvedPolicy.policy`, or of its record. */
export interface PlacedVolume {
  readonly preset: PresetName
  readonly policy: Policy
  readonly placement: PlacementWish
  readonly sizeBytes: number
  readonly logBytes: number | null
  /** What a replica of it has on its disk now; a new volume has nothing. */
  readonly usedBytes?: number
}

export interface Placement {
  /** `replicas` are the servers that take a new one; of a new volume the primary is the first. */
  readonly plan: PlacementPlan
  /** `no_viable_primary`, `rf_not_satisfiable`. */
  readonly errors: readonly Finding[]
  readonly warnings: readonly Finding[]
}

/** For a new volume. `servers` in any order. */
export function place(
  volume: PlacedVolume,
  servers: readonly PlacementServer[],
  settings: PlacementSettings,
): Placement {
  const { replicaFactor, mode } = volume.policy
  const { chosen, ...explained } = choose(
    volume,
    servers,
    { count: replicaFactor, holding: [], leaving: [] },
    settings,
  )
  const primary = primaryOf(chosen)
  const plan: PlacementPlan = {
    primary: primary?.id ?? null,
    replicas: [primary, ...chosen.filter((server) => server !== primary)].flatMap(
      (server) => server?.id ?? [],
    ),
    ...explained,
  }
  if (chosen.length === replicaFactor) return { plan, errors: [], warnings: [] }
  const why = reasonsIn(plan.rejections)
  if (primary === undefined) {
    const message = `no server can take this volume (${why})`
    return { plan, errors: [{ code: 'no_viable_primary', message }], warnings: [] }
  }
  const finding = {
    code: 'rf_not_satisfiable',
    message: `${replicaFactor} replicas are asked for, and ${chosen.length} can be placed (${why})`,
  }
  return mode.kind === 'best_effort'
    ? { plan, errors: [], warnings: [finding] }
    : { plan, errors: [finding], warnings: [] }
}

/**
 * A place for one more replica of a volume that has replicas on the servers `holding`. Of these, `leaving` are to lose
 * theirs: they are no place for the new one, and do not count for spread. `plan.primary` is null; with nowhere to go
 * there is the error `rf_not_satisfiable`.
 */
export function placeOneMore(
  volume: PlacedVolume,
  servers: readonly PlacementServer[],
  { holding, leaving }: { readonly holding: readonly string[]; readonly leaving: readonly string[] },
  settings: PlacementSettings,
): Placement & { readonly server: string | null } {
  const { chosen, ...explained } = choose(volume, servers, { count: 1, holding, leaving }, settings)
  const plan: PlacementPlan = { primary: null, replicas: chosen.map(({ id }) => id), ...explained }
  const server = chosen[0]?.id ?? null
  const message = `no server can take one more replica (${reasonsIn(plan.rejections)})`
  const errors = server === null ? [{ code: 'rf_not_satisfiable', message }] : []
  return { plan, errors, warnings: [], server }
}

function choose(
  volume: PlacedVolume,
  servers: readonly PlacementServer[],
  {
    count,
    holding,
    leaving,
  }: {
    readonly count: number
    readonly holding: readonly string[]
    readonly leaving: readonly string[]
  },
  settings: PlacementSettings,
): Pick<PlacementPlan, 'candidates' | 'rejections'> & { readonly chosen: readonly PlacementServer[] } {
  const need = needOf(volume)
  const leavers = new Set(leaving)
  const all = new Set([...holding, ...leaving])
  const staying = servers.filter(({ id }) => holding.includes(id) && !leavers.has(id))
  const rejections = new Map<string, Rejection>()
  const scale = scaleOf(servers)
  /** Those that may, best first; the others are noted. */
  const candidatesFor = (holders: Holders): Scored[] =>
    servers
      .filter((server) => {
        const rejection = rejectionOf(server, need, holders, settings)
        if (rejection !== undefined && !rejections.has(server.id)) rejections.set(server.id, rejection)
        return rejection === undefined
      })
      .map((server) => ({
        server,
        score: scoreOf(server, { need, preset: volume.preset, staying: holders.staying, scale }, settings),
      }))
      .sort(byScore)
  const first = candidatesFor({ all, staying })
  const chosen: PlacementServer[] = []
  for (let next = first; next.length > 0 && chosen.length < count; ) {
    chosen.push(next[0]!.server)
    const taken = new Set([...all, ...chosen.map(({ id }) => id)])
    next = candidatesFor({ all: taken, staying: [...staying, ...chosen] })
  }
  for (const { id } of chosen) rejections.delete(id)
  return {
    chosen,
    candidates: first.map(({ server, score }) => ({ server: server.id, serverName: server.name, score })),
    rejections: [...rejections.values()].sort((a, b) => (a.server < b.server ? -1 : 1)),
  }
}

interface Scored {
  readonly server: PlacementServer
  readonly score: number
}

const byScore = (a: Scored, b: Scored): number => b.score - a.score || (a.server.id < b.server.id ? -1 : 1)

export const needOf = (volume: PlacedVolume): Need => ({
  placement: volume.placement,
  footprintBytes: footprintBytes(volume),
  atOnceBytes: Math.max(volume.logBytes ?? defaultLogBytes(volume.sizeBytes), volume.usedBytes ?? 0),
})

/** The one with the fewest primaries; among equals the best. */
function primaryOf(chosen: readonly PlacementServer[]): PlacementServer | undefined {
  const fewest = Math.min(...chosen.map(({ primaries }) => primaries))
  return chosen.find(({ primaries }) => primaries === fewest)
}

/** `3 not_connected, 1 cordoned`. */
function reasonsIn(rejections: readonly Rejection[]): string {
  const counts = new Map<string, number>()
  for (const { reason } of rejections) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  if (counts.size === 0) return 'there is no other server'
  return [...counts].map(([reason, count]) => `${count} ${reason}`).join(', ')
}
