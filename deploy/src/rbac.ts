/**
 * What the sidecars of the controller may do, each by a role of its own; the driver itself asks nothing of Kubernetes. The
 * rules are those that the sidecars' releases ask for, without Secrets: who uses CHAP secrets in a StorageClass gives the
 * right to read just those (docs/kubernetes.md).
 */
import type {
  IClusterRole,
  IClusterRoleBinding,
  IPolicyRule,
  IRole,
  IRoleBinding,
} from 'kubernetes-models/rbac.authorization.k8s.io/v1'
import type { IServiceAccount } from 'kubernetes-models/v1'
import { CONTROLLER, type KubernetesObject, metaOf, selectorOf } from './names.ts'
import type { DeployOptions } from './options.ts'

const READ = ['get', 'list', 'watch']
const rule = (apiGroup: string, resource: string, verbs: readonly string[]): IPolicyRule => ({
  apiGroups: [apiGroup],
  resources: [resource],
  verbs: [...verbs],
})
const events = rule('', 'events', ['list', 'watch', 'create', 'update', 'patch'])
const storage = (resource: string, verbs: readonly string[]) => rule('storage.k8s.io', resource, verbs)
const snapshot = (resource: string, verbs: readonly string[]) =>
  rule('snapshot.storage.k8s.io', resource, verbs)
const group = (resource: string, verbs: readonly string[]) =>
  rule('groupsnapshot.storage.k8s.io', resource, verbs)

const PROVISIONER = [
  rule('', 'persistentvolumes', [...READ, 'create', 'patch', 'delete']),
  rule('', 'persistentvolumeclaims', [...READ, 'update']),
  rule('', 'nodes', READ),
  events,
  storage('storageclasses', READ),
  storage('csinodes', READ),
  storage('volumeattachments', READ),
  storage('volumeattributesclasses', READ),
]
/** A snapshot that a volume is made from is kept by a finalizer until it is. */
const PROVISIONER_SNAPSHOTS = [
  snapshot('volumesnapshots', [...READ, 'update']),
  snapshot('volumesnapshotcontents', ['get', 'list']),
]
const ATTACHER = [
  rule('', 'persistentvolumes', [...READ, 'patch']),
  storage('csinodes', READ),
  storage('volumeattachments', [...READ, 'patch']),
  storage('volumeattachments/status', ['patch']),
]
const RESIZER = [
  rule('', 'persistentvolumes', [...READ, 'patch']),
  rule('', 'persistentvolumeclaims', READ),
  rule('', 'persistentvolumeclaims/status', ['patch']),
  events,
  storage('volumeattributesclasses', READ),
]
const SNAPSHOTTER = [
  events,
  snapshot('volumesnapshotclasses', READ),
  snapshot('volumesnapshotcontents', [...READ, 'create', 'update', 'patch', 'delete']),
  snapshot('volumesnapshotcontents/status', ['update', 'patch']),
]
const GROUP_SNAPSHOTTER = [
  group('volumegroupsnapshotclasses', READ),
  group('volumegroupsnapshotcontents', [...READ, 'update', 'patch']),
  group('volumegroupsnapshotcontents/status', ['update', 'patch']),
]
/** In the namespace of the driver: leases by which sidecars elect, and what is published of capacity. */
const OWN_NAMESPACE = [
  rule('coordination.k8s.io', 'leases', [...READ, 'create', 'update', 'patch', 'delete']),
  storage('csistoragecapacities', [...READ, 'create', 'update', 'patch', 'delete']),
  rule('', 'pods', ['get']),
  rule('apps', 'replicasets', ['get']),
]

export function rbacObjects(options: DeployOptions): KubernetesObject[] {
  const account: IServiceAccount = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: metaOf(options, CONTROLLER, 'csi-controller'),
  }
  return [
    account,
    ...ofCluster(options, 'provisioner', PROVISIONER),
    ...ofCluster(options, 'attacher', ATTACHER),
    ...ofCluster(options, 'resizer', RESIZER),
    ...(options.snapshots
      ? [
          ...ofCluster(options, 'provisioner-snapshots', PROVISIONER_SNAPSHOTS),
          ...ofCluster(options, 'snapshotter', SNAPSHOTTER),
        ]
      : []),
    ...(options.groupSnapshots ? ofCluster(options, 'group-snapshotter', GROUP_SNAPSHOTTER) : []),
    ...ofNamespace(options),
  ]
}

const subject = ({ namespace }: DeployOptions) => ({ kind: 'ServiceAccount', name: CONTROLLER, namespace })
const apiVersion = 'rbac.authorization.k8s.io/v1'
const apiGroup = 'rbac.authorization.k8s.io'

function ofCluster(options: DeployOptions, what: string, rules: IPolicyRule[]): KubernetesObject[] {
  const metadata = { name: `basalt-csi-${what}`, labels: selectorOf('csi-controller') }
  const role: IClusterRole = { apiVersion, kind: 'ClusterRole', metadata, rules }
  const binding: IClusterRoleBinding = {
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata,
    roleRef: { apiGroup, kind: 'ClusterRole', name: metadata.name },
    subjects: [subject(options)],
  }
  return [role, binding]
}

function ofNamespace(options: DeployOptions): KubernetesObject[] {
  const metadata = metaOf(options, CONTROLLER, 'csi-controller')
  const role: IRole = { apiVersion, kind: 'Role', metadata, rules: OWN_NAMESPACE }
  const binding: IRoleBinding = {
    apiVersion,
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup, kind: 'Role', name: metadata.name },
    subjects: [subject(options)],
  }
  return [role, binding]
}
