/** What is measured: one volume for each way of replicating, all on the same servers, each led by the first of them. */
import type { Policy } from '../../src/v2engine/policy.ts'
import type { Cluster, ClusterVolume } from '../../test/e2e/replication/fixture/cluster.ts'

export interface MeasuredVolume {
  readonly name: string
  readonly volume: ClusterVolume
  readonly url: string
  readonly pid: number
}

const MODES: readonly { readonly name: string; readonly label: string; readonly policy: Policy }[] = [
  { name: 'rf1', label: 'RF 1', policy: { replicaFactor: 1, mode: { kind: 'sync_all', minInSync: 1 } } },
  {
    name: 'rf2-sync-all',
    label: 'RF 2 sync_all',
    policy: { replicaFactor: 2, mode: { kind: 'sync_all', minInSync: 1 } },
  },
  {
    name: 'rf2-best-effort',
    label: 'RF 2 best_effort',
    policy: { replicaFactor: 2, mode: { kind: 'best_effort', maxLagEntries: 100_000, maxLagMs: 5000 } },
  },
  {
    name: 'rf3-quorum',
    label: 'RF 3 sync_quorum',
    policy: { replicaFactor: 3, mode: { kind: 'sync_quorum' } },
  },
]

const MOVES_MAX = 8
const MOVE_MS = 5000

/** Makes the volumes, all led by the first server. */
export async function makeVolumes(
  cluster: Cluster,
  options: { sizeBytes: number; logBytes: number },
): Promise<MeasuredVolume[]> {
  const made: MeasuredVolume[] = []
  for (const { name, label, policy } of MODES) {
    const servers = cluster.servers.slice(0, policy.replicaFactor)
    const volume = await cluster.makeVolume({ name, ...options, policy, servers, isDirect: true })
    made.push(await measured(label, volume))
  }
  return made
}

/** The volume, once the first of its servers leads it. */
export async function measured(name: string, volume: ClusterVolume): Promise<MeasuredVolume> {
  const first = volume.servers[0]!
  // a stop that cannot be drained in time is given up, and asked for again
  for (let attempt = 0; (await volume.serving()) !== first; attempt++) {
    if (attempt === MOVES_MAX) throw new Error(`${name} does not go to ${first.name}`)
    await volume.inSync()
    const { registry } = await volume.registry()
    await volume.move(first)
    await volume.serving(MOVE_MS, registry.epoch.number + 1).catch(() => undefined)
  }
  await volume.inSync()
  return { name, volume, url: `iscsi://${first.ready.iscsi}/${volume.iqn}/0`, pid: first.ready.pid }
}
