/** Servers and the cluster as people see them. */

import type { LeadWait } from '../failover/waits.ts'
import { isOver } from '../jobs/turns.ts'
import type { ClusterView, Health, Refusal, ServerView, Wait } from '../master-api.ts'
import { healthOf } from '../placement/health.ts'
import { footprintBytes } from '../placement/servers.ts'
import type { ServerRecord, VolumeRecord } from '../records.ts'
import type { LeadStatus } from './cluster.ts'
import type { LeadRefusal } from './lead-refusals.ts'
import type { LiveCluster } from './live.ts'
import type { RecordStore, RecordsView } from './records-view.ts'

interface Load {
  allocatedBytes: number
  replicas: number
  primaries: number
}

/** What is on each server, from one pass over the volumes. */
export function loadsOf(volumes: readonly VolumeRecord[]): ReadonlyMap<string, Readonly<Load>> {
  const loads = new Map<string, Load>()
  for (const volume of volumes) {
    const bytes = footprintBytes(volume)
    for (const { server } of volume.replicas) {
      const load = loads.get(server) ?? { allocatedBytes: 0, replicas: 0, primaries: 0 }
      load.allocatedBytes += bytes
      load.replicas += 1
      load.primaries += Number(volume.lead.primary === server)
      loads.set(server, load)
    }
  }
  return loads
}

export function serverView(
  record: ServerRecord,
  loads: ReadonlyMap<string, Readonly<Load>>,
  live: LiveCluster,
  bootMs: number,
): ServerView {
  const heard = live.server(record.id)
  const { allocatedBytes, replicas, primaries } = loads.get(record.id) ?? {
    allocatedBytes: 0,
    replicas: 0,
    primaries: 0,
  }
  return {
    record,
    connection: heard === undefined ? 'never' : heard.isConnected ? 'connected' : 'lost',
    silentMs: heard === undefined ? null : Math.max(0, bootMs - heard.heardMs),
    freeBytes: heard?.beat?.freeBytes ?? null,
    allocatedBytes,
    replicas,
    primaries,
  }
}

/** Since this master runs. */
export interface Counters {
  promotionsTotal: number
  failoversTotal: number
  rebuildsTotal: number
}

export function clusterView(
  store: RecordStore,
  live: LiveCluster,
  status: (volume: string) => LeadStatus,
  counters: Readonly<Counters>,
  nowMs: number,
): ClusterView {
  const { view } = store
  const { clusterId, lock } = view.cluster
  const servers = view.servers()
  const sum = (of: (server: ServerRecord) => number): number =>
    servers.reduce((total, server) => total + of(server), 0)
  const loads = loadsOf(view.volumes())
  return {
    clusterId,
    registryId: store.registryId,
    registrySeq: store.seq,
    lock: lock === null ? null : { reason: lock.reason, detail: lock.detail },
    volumes: countsOf(view, live),
    servers: {
      total: servers.length,
      connected: servers.filter(({ id }) => live.server(id)?.isConnected === true).length,
      cordoned: servers.filter(({ isCordoned }) => isCordoned).length,
    },
    capacityBytes: sum(({ id, capacityBytes }) => live.server(id)?.beat?.capacityBytes ?? capacityBytes),
    freeBytes: sum(({ id }) => live.server(id)?.beat?.freeBytes ?? 0),
    allocatedBytes: sum(({ id }) => loads.get(id)?.allocatedBytes ?? 0),
    ...counters,
    runningJobs: view.jobs().filter((job) => !isOver(job)).length,
    ...leadsView(view, status, nowMs),
  }
}

function leadsView(
  view: RecordsView,
  status: (volume: string) => LeadStatus,
  nowMs: number,
): Pick<ClusterView, 'pending' | 'refused'> {
  const pending: ClusterView['pending'][number][] = []
  const refused: ClusterView['refused'][number][] = []
  for (const { uuid, name, state } of view.volumes()) {
    const { phase, why, waits, isOperatorNeeded, refusal } = status(uuid)
    if (refusal !== null) refused.push({ volume: name, ...refusalView(refusal, nowMs) })
    if (phase === 'serving' || state !== 'active') continue
    const [wait] = waits.map((one) => waitView(one, nowMs))
    pending.push({ volume: name, why: why ?? phase, wait: wait ?? null, isOperatorNeeded })
  }
  return { pending, refused }
}

export const waitView = ({ untilMs, ...same }: LeadWait, nowMs: number): Wait => ({
  ...same,
  forMs: untilMs === null ? null : Math.max(0, Math.round(untilMs - nowMs)),
})

export const refusalView = ({ atMs, ...same }: LeadRefusal, nowMs: number): Refusal => ({
  ...same,
  agoMs: Math.max(0, Math.round(nowMs - atMs)),
})

function countsOf(view: RecordsView, live: LiveCluster): Readonly<Record<Health | 'total', number>> {
  const counts = { healthy: 0, degraded: 0, rebuilding: 0, unsafe: 0, total: 0 }
  for (const volume of view.volumes()) {
    counts[healthOf(volume, live).health] += 1
    counts.total += 1
  }
  return counts
}
