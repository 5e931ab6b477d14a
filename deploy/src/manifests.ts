/** Everything that a deployment on Kubernetes consists of: a function of its options, and nothing else. */
import type { INamespace } from 'kubernetes-models/v1'
import { attributesClasses, groupSnapshotClass, snapshotClass, storageClasses } from './classes.ts'
import { controllerObjects } from './csi-controller.ts'
import { nodeObjects } from './csi-node.ts'
import { masterObjects } from './master.ts'
import type { ManifestFile } from './names.ts'
import { networkPolicies, serviceMonitor } from './network.ts'
import type { DeployOptions } from './options.ts'
import { rbacObjects } from './rbac.ts'
import { serverObjects } from './servers.ts'

/** The files of a deployment, in the order in which they are to be applied; those without objects are left out. */
export function manifests(options: DeployOptions): ManifestFile[] {
  const files: ManifestFile[] = [
    { name: '00-namespace', objects: [namespace(options)] },
    { name: '10-master', objects: masterObjects(options) },
    { name: '20-servers', objects: serverObjects(options) },
    { name: '30-csi-rbac', objects: rbacObjects(options) },
    { name: '40-csi-controller', objects: controllerObjects(options) },
    { name: '50-csi-node', objects: nodeObjects(options) },
    { name: '60-storage-classes', objects: storageClasses(options) },
    {
      name: '61-volume-attributes-classes',
      objects: options.volumeAttributesClasses ? attributesClasses(options) : [],
    },
    { name: '70-snapshot-class', objects: options.snapshots ? [snapshotClass(options)] : [] },
    { name: '71-group-snapshot-class', objects: options.groupSnapshots ? [groupSnapshotClass(options)] : [] },
    { name: '80-network-policies', objects: options.networkPolicy ? networkPolicies(options) : [] },
    { name: '81-service-monitor', objects: options.serviceMonitor ? [serviceMonitor(options)] : [] },
  ]
  return files.filter(({ objects }) => objects.length > 0)
}

/** Block servers use the nodes' network, and the CSI node is privileged: the namespace has to allow both. */
const namespace = ({ namespace: name }: DeployOptions): INamespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name,
    labels: {
      'pod-security.kubernetes.io/enforce': 'privileged',
      'pod-security.kubernetes.io/audit': 'privileged',
      'pod-security.kubernetes.io/warn': 'privileged',
    },
  },
})
