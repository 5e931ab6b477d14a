/** Names, labels, ports and paths that several objects of a deployment agree on. */
import type { IContainer, IEnvVar, IVolume, IVolumeMount } from 'kubernetes-models/v1'
import type { DeployOptions } from './options.ts'

/** Objects of Kubernetes as they are written down. */
export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata?: { readonly name?: string; readonly namespace?: string }
}

/** Objects of one file, in the order in which they are to be made. */
export interface ManifestFile {
  /** Without directory and extension. */
  readonly name: string
  readonly objects: readonly KubernetesObject[]
}

export const MASTER = 'basalt-master'
export const SERVER = 'basalt-server'
export const CONTROLLER = 'basalt-csi-controller'
export const NODE = 'basalt-csi-node'
/** Secret with token and authority of the CSI controller. */
export const CSI_SECRET = 'basalt-csi'

/** As everywhere in the product. */
export const PORTS = {
  iscsi: 3260,
  nvme: 4420,
  replication: 7460,
  serverGrpc: 7461,
  serverHttp: 7462,
  masterHttp: 7470,
  masterGrpc: 7471,
} as const

/** User and group of everything but the CSI node; the image has the same (deploy/docker/Dockerfile). */
export const USER_ID = 64_260

/** Where the Secret of a node of the cluster is mounted: the folder that `basalt cluster init` made for it. */
export const KEYS_DIR = '/etc/basalt'
export const DATA_DIR = '/var/lib/basalt'

export type Component = 'master' | 'server' | 'csi-controller' | 'csi-node'

/** Labels by which selectors find a component; never to be changed on what runs. */
export const selectorOf = (component: Component) => ({
  'app.kubernetes.io/name': 'basalt',
  'app.kubernetes.io/component': component,
})

export const metaOf = (options: DeployOptions, name: string, component: Component) => ({
  name,
  namespace: options.namespace,
  labels: selectorOf(component),
})

/** Of a container that needs no rights at all. */
export const RESTRICTED = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
} satisfies IContainer['securityContext']

/** Of pods that need no rights at all. */
export const UNPRIVILEGED = {
  runAsNonRoot: true,
  runAsUser: USER_ID,
  runAsGroup: USER_ID,
  fsGroup: USER_ID,
  fsGroupChangePolicy: 'OnRootMismatch' as const,
  seccompProfile: { type: 'RuntimeDefault' as const },
}

/** A temporary directory beside a root file system that cannot be written. */
export const TMP: { readonly volume: IVolume; readonly mount: IVolumeMount } = {
  volume: { name: 'tmp', emptyDir: {} },
  mount: { name: 'tmp', mountPath: '/tmp' },
}

export const fromField = (name: string, fieldPath: string): IEnvVar => ({
  name,
  valueFrom: { fieldRef: { fieldPath } },
})

/** Addresses of pod and node, of whichever family: settings take both in brackets. */
export const POD_IP = fromField('POD_IP', 'status.podIP')
export const HOST_IP = fromField('HOST_IP', 'status.hostIP')
export const addressAt = ({ name }: IEnvVar, port: number): string => `[$(${name})]:${port}`

/** The zone of the node that a pod runs on; empty, which counts as not given, where the node or Kubernetes says none. */
export const zoneVariable = ({ zones }: DeployOptions): IEnvVar[] =>
  zones ? [fromField('BASALT_ZONE', "metadata.labels['topology.kubernetes.io/zone']")] : []

/** The master's API as pods reach it; its certificate has this name when `cluster init` was given it. */
export const masterHost = ({ namespace }: DeployOptions): string => `${MASTER}.${namespace}.svc`
