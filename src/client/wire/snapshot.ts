/** Snapshots, as the master's API shows them. */
import { type Static, Type } from 'typebox'
import type { ApiClient } from '../http/api-client.ts'
import { Count, fetchAll, Nullable, pathOf } from './common.ts'

const Exposure = Type.Object({
  iqn: Type.String(),
  nqn: Type.String(),
  iscsi: Type.Array(Type.String()),
  nvme: Type.Array(Type.String()),
})

export const Snapshot = Type.Object({
  id: Type.String(),
  name: Type.String(),
  /** Its name. */
  volume: Type.String(),
  volume_id: Type.String(),
  state: Type.String(),
  lsn: Nullable(Count),
  size_bytes: Count,
  created_at: Type.String(),
  held_bytes: Nullable(Count),
  exclusive_bytes: Nullable(Count),
  exposed: Nullable(Exposure),
  schedule: Nullable(Type.String()),
  group: Nullable(Type.String()),
  /** It is the base of the next backup there. */
  repository: Nullable(Type.String()),
})
export type Snapshot = Static<typeof Snapshot>

const SnapshotPage = Type.Object({
  snapshots: Type.Array(Snapshot),
  next_cursor: Nullable(Type.String()),
})

export const SnapshotList = Type.Object({ snapshots: Type.Array(Snapshot) })

export const snapshotPath = (
  name: { readonly volume: string; readonly snapshot: string },
  ...more: readonly string[]
): string => pathOf('volume', name.volume, 'snapshots', name.snapshot, ...more)

/** Oldest first. */
export const fetchSnapshots = async (api: ApiClient, volume: string): Promise<Snapshot[]> =>
  (await api.get(pathOf('volume', volume, 'snapshots'), SnapshotList)).snapshots

/** Of all volumes, oldest first. */
export const fetchAllSnapshots = (api: ApiClient): Promise<Snapshot[]> =>
  fetchAll(api, '/block/snapshots', {
    schema: SnapshotPage,
    query: {},
    read: (page) => ({ items: page.snapshots, next: page.next_cursor }),
  })
