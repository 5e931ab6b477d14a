/** Volumes of the cluster, as the master's API shows and takes them. */
import { type Static, Type } from 'typebox'
import type { ApiClient } from '../http/api-client.ts'
import { Count, fetchAll, Nullable, pathOf } from './common.ts'

const Replica = Type.Object({
  server: Type.String(),
  server_name: Type.String(),
  role: Type.String(),
  state: Type.String(),
  in_sync: Type.Boolean(),
  connected: Type.Boolean(),
  standing: Type.String(),
  wal_lag: Nullable(Count),
  wal_lag_bytes: Nullable(Count),
  resync_ratio: Nullable(Type.Number()),
})
export type Replica = Static<typeof Replica>

const Path = Type.Object({
  server_name: Type.String(),
  slot: Count,
  role: Type.String(),
  iscsi_addrs: Type.Array(Type.String()),
  nvme_addrs: Type.Array(Type.String()),
})
export type Path = Static<typeof Path>

const Qos = Type.Object({ iops: Count, iops_burst: Count, bytes_per_second: Count, bytes_burst: Count })
export type Qos = Static<typeof Qos>

export const Access = Type.Object({
  initiators: Nullable(Type.Array(Type.String())),
  chap: Nullable(Type.Object({ user: Type.String(), mutual_user: Nullable(Type.String()) })),
  hosts: Nullable(Type.Array(Type.String())),
  dhchap: Type.Array(Type.Object({ host: Type.String(), controller: Type.Boolean() })),
})
export type Access = Static<typeof Access>

/** That a node uses the volume: it is let in by these names until it is taken back. */
export const Publication = Type.Object({
  node: Type.String(),
  /** IQN, and NQN, that it logs in with; null: not over that protocol. */
  initiator: Nullable(Type.String()),
  host: Nullable(Type.String()),
  /** It proves itself over NVMe, and the controller to it; null: it is let in by its NQN alone. */
  dhchap: Nullable(Type.Object({ controller: Type.Boolean() })),
  read_only: Type.Boolean(),
  /** Others that are shared, too, may stand beside it. */
  shared: Type.Boolean(),
  since: Type.String(),
})
export type Publication = Static<typeof Publication>

export const ClusterVolume = Type.Object({
  name: Type.String(),
  id: Type.String(),
  size_bytes: Count,
  used_bytes: Count,
  logical_block_bytes: Count,
  preset: Type.String(),
  durability_mode: Type.String(),
  replica_factor: Count,
  status: Type.String(),
  health_state: Type.String(),
  health_reasons: Type.Array(Type.String()),
  serving: Type.Boolean(),
  epoch: Count,
  iqn: Nullable(Type.String()),
  iscsi_addrs: Type.Array(Type.String()),
  nqn: Type.String(),
  nvme_addrs: Type.Array(Type.String()),
  multipath: Type.Boolean(),
  paths: Type.Array(Path),
  replicas: Type.Array(Replica),
  qos: Qos,
  snapshots_count: Count,
  snapshot_bytes: Nullable(Count),
  clone: Nullable(Type.Object({ source: Type.String(), ratio: Type.Number() })),
  scrub: Nullable(Type.Object({ last_at: Type.String(), errors: Count, repaired: Count })),
  access: Access,
  publications: Type.Array(Publication),
  jobs: Type.Array(Type.String()),
  created_at: Type.String(),
})
export type ClusterVolume = Static<typeof ClusterVolume>

const VolumePage = Type.Object({ volumes: Type.Array(ClusterVolume), next_cursor: Nullable(Type.String()) })

/** In bytes, counts and milliseconds; what is absent is as the preset has it. */
export interface PolicyWish {
  readonly preset?: string
  readonly replica_factor?: number
  readonly durability_mode?: string
  readonly min_in_sync?: number
  readonly max_lag_entries?: number
  readonly max_lag_ms?: number
  readonly log_bytes?: number
  readonly disk_type?: string
  readonly zones?: readonly string[]
  readonly zone_spread?: string
  readonly rack_spread?: string
  readonly multipath?: boolean
  readonly qos?: QosChange
}
/** Of a snapshot or a backup, whose blocks it has, and whose size unless told. */
export interface DerivedWish extends PolicyWish {
  readonly size_bytes?: number
}
export interface VolumeWish extends PolicyWish {
  readonly name: string
  readonly logical_block_bytes?: number
  readonly size_bytes: number
}
export interface QosChange {
  readonly iops?: number
  readonly iops_burst?: number
  readonly bytes_per_second?: number
  readonly bytes_burst?: number
}

export const Created = Type.Object({ ...ClusterVolume.properties, job: Nullable(Type.String()) })

export const Promoted = Type.Object({ epoch: Count, volume: ClusterVolume })
export type Promoted = Static<typeof Promoted>

const Finding = Type.Object({ code: Type.String(), message: Type.String() })

/** The volume, and the job that changes its replicas; null when there is nothing to change. */
export const PolicyChanged = Type.Object({
  ...ClusterVolume.properties,
  job: Nullable(Type.String()),
  warnings: Type.Array(Finding),
})
export type PolicyChanged = Static<typeof PolicyChanged>

const ResolvedVolume = Type.Object({
  name: Type.String(),
  size_bytes: Count,
  preset: Type.String(),
  durability_mode: Type.String(),
  replica_factor: Count,
  logical_block_bytes: Count,
  log_bytes: Nullable(Count),
  multipath: Type.Boolean(),
  qos: Qos,
})

export const Resolved = Type.Object({
  policy: Nullable(ResolvedVolume),
  overrides: Type.Array(Type.String()),
  warnings: Type.Array(Finding),
  errors: Type.Array(Finding),
})
export type Resolved = Static<typeof Resolved>

const Rejection = Type.Object({
  server: Type.String(),
  server_name: Type.String(),
  reason: Type.String(),
  message: Type.String(),
})

export const Plan = Type.Object({
  resolved_policy: Nullable(ResolvedVolume),
  overrides: Type.Array(Type.String()),
  warnings: Type.Array(Finding),
  errors: Type.Array(Finding),
  plan: Type.Object({
    primary: Nullable(Type.String()),
    replicas: Type.Array(Type.String()),
    candidates: Type.Array(
      Type.Object({ server: Type.String(), server_name: Type.String(), score: Type.Number() }),
    ),
    rejections: Type.Array(Rejection),
  }),
})
export type Plan = Static<typeof Plan>

/** What was asked of a lead and did not happen. */
export const Refusal = Type.Object({
  what: Type.String(),
  reason: Type.String(),
  message: Type.String(),
  ago_ms: Count,
})

export const Preflight = Type.Object({
  promotable: Type.Boolean(),
  reason: Type.String(),
  primary_server: Type.String(),
  primary_alive: Type.Boolean(),
  candidate_server: Nullable(Type.String()),
  rejections: Type.Array(
    Type.Object({ server: Type.String(), reason: Type.String(), message: Type.String() }),
  ),
  at_risk: Nullable(Type.Object({ first_lsn: Count, last_lsn: Count })),
  unreached: Type.Array(Type.String()),
  waits: Type.Array(
    Type.Object({ reason: Type.String(), message: Type.String(), for_ms: Nullable(Type.Number()) }),
  ),
  refusal: Nullable(Refusal),
})
export type Preflight = Static<typeof Preflight>

export const AttachInfo = Type.Object({
  name: Type.String(),
  sections: Type.Array(
    Type.Object({
      title: Type.String(),
      file: Nullable(Type.String()),
      lines: Type.Array(Type.String()),
    }),
  ),
  warnings: Type.Array(Finding),
})
export type AttachInfo = Static<typeof AttachInfo>

/** Replaces what was set before. Secrets go to the master and never come back. */
export interface AccessWish {
  readonly initiators: readonly string[] | null
  readonly chap: ChapWish | null
  readonly hosts: readonly string[] | null
  readonly dhchap: readonly DhchapWish[]
}
export interface DhchapWish {
  readonly host: string
  readonly secret: string
  readonly controller_secret: string | null
}
export interface ChapWish {
  readonly user: string
  readonly secret: string
  readonly mutual: { readonly user: string; readonly secret: string } | null
}

export const volumePath = (name: string, ...more: readonly string[]): string =>
  pathOf('volume', name, ...more)

export const fetchVolume = (api: ApiClient, name: string): Promise<ClusterVolume> =>
  api.get(volumePath(name), ClusterVolume)

export const fetchVolumes = (
  api: ApiClient,
  filter: {
    readonly server?: string | undefined
    readonly health_state?: string | undefined
    readonly limit?: number | undefined
  },
): Promise<ClusterVolume[]> =>
  fetchAll(api, '/block/volumes', {
    schema: VolumePage,
    query: { server: filter.server, health_state: filter.health_state },
    limit: filter.limit,
    read: (page) => ({ items: page.volumes, next: page.next_cursor }),
  })

export const setAccess = (api: ApiClient, name: string, access: AccessWish): Promise<ClusterVolume> =>
  api.call('PUT', volumePath(name, 'access'), ClusterVolume, access)

/**
 * Resolves when the node can do no more harm: its sessions are over, and no server lets it in any more. BUSY when that is
 * not certain yet: it is asked again. No error when it is not published there.
 */
export async function unpublishVolume(api: ApiClient, name: string, node: string): Promise<void> {
  await api.call('DELETE', volumePath(name, 'publications', node), Type.Unknown())
}

/** What the preset decides becomes the volume's: the number of its replicas, and its durability. */
export const setPolicy = (api: ApiClient, name: string, preset: string): Promise<PolicyChanged> =>
  api.call('PUT', volumePath(name, 'policy'), PolicyChanged, { preset })
