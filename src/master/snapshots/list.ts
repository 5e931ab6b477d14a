/** Snapshots of all volumes as one list, oldest first. Pure. */
import { findVolume } from '../core/lookup.ts'
import type { RecordsView } from '../core/records-view.ts'
import type { SnapshotRecord } from '../records.ts'

/** Of one length as long as times have 13 digits: texts sort as the snapshots do. */
export const listKey = ({ createdAt, volume, id }: SnapshotRecord): string =>
  `${String(createdAt).padStart(16, '0')} ${volume} ${id}`

export interface ListFilter {
  /** Name or UUID; of all without it. */
  readonly volume?: string
  /** Name or id of the group that they were made with. */
  readonly group?: string
  /** Theirs: each volume has at most one. */
  readonly name?: string
}

/** Those that fit all that is given. NOT_FOUND: the volume. */
export function listed(records: RecordsView, { volume, group, name }: ListFilter): readonly SnapshotRecord[] {
  const volumes = volume === undefined ? records.snapshotVolumes() : [findVolume(records, volume).uuid]
  const isWanted = (one: SnapshotRecord): boolean =>
    (name === undefined || one.name === name) &&
    (group === undefined || (one.group !== null && (one.group === group || one.name === group)))
  return volumes
    .flatMap((uuid) => records.snapshotsOf(uuid).filter(isWanted))
    .map((record) => ({ record, key: listKey(record) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ record }) => record)
}
