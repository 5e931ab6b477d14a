/** Volumes and snapshots as answers show them. */
import type { Snapshot } from '../../gen/csi/v1/Snapshot.ts'
import type { Volume } from '../../gen/csi/v1/Volume.ts'
import { conditionOf } from '../core/conditions.ts'
import { encodeVolumeContext, encodeVolumeNames } from '../core/contexts.ts'
import { formatSnapshotId } from '../core/ids.ts'
import type { VolumeParameters } from '../core/parameters.ts'
import { accessibleFrom } from '../core/topology.ts'
import type { SnapshotInfo, VolumeInfo } from './master-port.ts'

/** Of lists: what the cluster knows of it. With which transport and file system it was asked for the orchestrator knows. */
export const volumeAnswer = (volume: VolumeInfo): Volume => ({
  volumeId: volume.id,
  capacityBytes: volume.sizeBytes,
  accessibleTopology: accessibleFrom(volume.zones),
  volumeContext: encodeVolumeNames(volume),
})

/** Of a volume that was just made. */
export const madeAnswer = (
  volume: VolumeInfo,
  { transport, fsType }: Pick<VolumeParameters, 'transport' | 'fsType'>,
  contentSource: Volume['contentSource'],
): Volume => ({
  ...volumeAnswer(volume),
  volumeContext: encodeVolumeContext({ ...volume, transport, fsType }),
  ...(contentSource == null ? {} : { contentSource }),
})

export interface StatusAnswer {
  publishedNodeIds: string[]
  volumeCondition: { abnormal: boolean; message: string }
}

export const statusAnswer = (volume: VolumeInfo): StatusAnswer => ({
  publishedNodeIds: volume.publications.map(({ node }) => node),
  volumeCondition: conditionOf(volume),
})

export const snapshotAnswer = (snapshot: SnapshotInfo): Snapshot => ({
  snapshotId: formatSnapshotId(snapshot.id),
  sourceVolumeId: snapshot.id.volume,
  sizeBytes: snapshot.sizeBytes,
  creationTime: timestampOf(snapshot.createdAtMs),
  readyToUse: snapshot.state === 'ready',
  // its name is the id of its group
  groupSnapshotId: snapshot.isOfGroup ? snapshot.name : '',
})

export const timestampOf = (wallMs: number): { seconds: number; nanos: number } => ({
  seconds: Math.floor(wallMs / 1000),
  nanos: Math.round((wallMs - Math.floor(wallMs / 1000) * 1000) * 1_000_000),
})
