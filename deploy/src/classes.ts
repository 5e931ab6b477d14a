/** The classes by which people ask for volumes and snapshots. They have no state: change them, or make others beside them. */
import type { IStorageClass, IVolumeAttributesClass } from 'kubernetes-models/storage.k8s.io/v1'
import type { KubernetesObject } from './names.ts'
import type { DeployOptions } from './options.ts'

/** Parameters by name of the class; docs/csi.md says what each means. */
const STORAGE_CLASSES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  basalt: { preset: 'general' },
  'basalt-database': { preset: 'database' },
  'basalt-nvme': { preset: 'general', transport: 'nvme' },
  'basalt-iscsi': { preset: 'general', transport: 'iscsi', multipath: 'true' },
}

export const storageClasses = ({ driverName }: DeployOptions): KubernetesObject[] =>
  Object.entries(STORAGE_CLASSES).map(
    ([name, parameters]): IStorageClass => ({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name },
      provisioner: driverName,
      parameters: { ...parameters, 'csi.storage.k8s.io/fstype': 'ext4' },
      reclaimPolicy: 'Delete',
      allowVolumeExpansion: true,
      volumeBindingMode: 'WaitForFirstConsumer',
    }),
  )

const ATTRIBUTES_CLASSES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'basalt-bronze': { iops: '1000', bandwidth: '50MiB' },
  'basalt-silver': { iops: '5000', bandwidth: '200MiB' },
  'basalt-database': { preset: 'database' },
}

export const attributesClasses = ({ driverName }: DeployOptions): KubernetesObject[] =>
  Object.entries(ATTRIBUTES_CLASSES).map(
    ([name, parameters]): IVolumeAttributesClass => ({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'VolumeAttributesClass',
      metadata: { name },
      driverName,
      parameters: { ...parameters },
    }),
  )

/** Kinds that the external-snapshotter's CRDs bring. */
export interface SnapshotClass extends KubernetesObject {
  readonly kind: 'VolumeSnapshotClass' | 'VolumeGroupSnapshotClass'
  readonly driver: string
  readonly deletionPolicy: 'Delete' | 'Retain'
}

export const snapshotClass = ({ driverName }: DeployOptions): SnapshotClass => ({
  apiVersion: 'snapshot.storage.k8s.io/v1',
  kind: 'VolumeSnapshotClass',
  metadata: { name: 'basalt' },
  driver: driverName,
  deletionPolicy: 'Delete',
})

export const groupSnapshotClass = ({ driverName }: DeployOptions): SnapshotClass => ({
  apiVersion: 'groupsnapshot.storage.k8s.io/v1',
  kind: 'VolumeGroupSnapshotClass',
  metadata: { name: 'basalt' },
  driver: driverName,
  deletionPolicy: 'Delete',
})
