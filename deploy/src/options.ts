/**
 * What people change of a deployment, with its defaults: one schema, from which come the type, the check of an options
 * file, and the chart's `values.yaml` and `values.schema.json`.
 */
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { BlockError } from '../../src/base/errors.ts'

const object = <Properties extends Record<string, TSchema>>(properties: Properties) =>
  Type.Object(properties, { additionalProperties: false })
const text = (description: string) => Type.String({ description, minLength: 1 })
const amount = (description: string) =>
  Type.String({ description, pattern: '^[1-9][0-9]*(m|Ki|Mi|Gi|Ti|Pi)?$' })

const Resources = object({
  requests: object({ cpu: amount('processors'), memory: amount('memory') }),
  limits: object({ memory: amount('memory; no limit of processors: a throttled server loses its lease') }),
})
const NodeSelector = Type.Record(Type.String(), Type.String(), {
  description: 'labels that a node must have',
})
const Tolerations = Type.Array(
  object({
    key: Type.Optional(Type.String()),
    operator: Type.Optional(Type.Enum(['Exists', 'Equal'])),
    value: Type.Optional(Type.String()),
    effect: Type.Optional(Type.Enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])),
    tolerationSeconds: Type.Optional(Type.Integer({ minimum: 0 })),
  }),
  { description: 'taints of nodes that are no hindrance' },
)
const StorageClassName = Type.Union([Type.String(), Type.Null()], {
  description: "class of the volume claim; null: the Kubernetes cluster's default class",
})
const Replicas = (description: string) => Type.Integer({ description, minimum: 1, maximum: 100 })

export const DeployOptions = object({
  namespace: text('namespace of everything that has one'),
  image: text('image of master, block servers and CSI controller; to be built and pushed, see deploy/docker'),
  nodeImage: text('image of the CSI node: the same with the tools of hosts'),
  imagePullPolicy: Type.Enum(['IfNotPresent', 'Always', 'Never']),
  imagePullSecrets: Type.Array(object({ name: text('name of a Secret') }), {
    description: 'for a registry that asks who pulls',
  }),
  sidecarRegistry: text('where the images of the Kubernetes CSI sidecars come from'),
  driverName: text(
    'name of the CSI driver, in StorageClasses and PersistentVolumes; not to be changed later',
  ),
  kubeletDir: text("kubelet's directory on the nodes"),
  logLevel: Type.Enum(['debug', 'info', 'warn', 'error']),
  zones: Type.Boolean({
    description:
      'take zones from the label topology.kubernetes.io/zone of the nodes (Kubernetes 1.35 or newer)',
  }),
  snapshots: Type.Boolean({ description: 'volume snapshots; needs the CRDs and the snapshot controller' }),
  groupSnapshots: Type.Boolean({
    description: 'group snapshots; needs their CRDs too, or snapshots of single volumes stop as well',
  }),
  volumeAttributesClasses: Type.Boolean({
    description: 'examples of VolumeAttributesClass (Kubernetes 1.34)',
  }),
  networkPolicy: Type.Boolean({ description: 'who may reach the HTTP API of the master' }),
  serviceMonitor: Type.Boolean({ description: "a ServiceMonitor for Prometheus' operator; needs its CRDs" }),
  master: object({
    storage: amount('size of the registry volume'),
    storageClassName: StorageClassName,
    nodeSelector: NodeSelector,
    tolerations: Tolerations,
    resources: Resources,
  }),
  servers: object({
    replicas: Replicas('block servers, each on a node of its own'),
    storage: amount('size of the data volume of each server'),
    storageClassName: StorageClassName,
    localDisks: Type.Array(
      object({
        server: text('name of the pod, such as basalt-server-0'),
        node: text('label kubernetes.io/hostname of the node with the disk'),
        path: text('directory where the disk is mounted'),
      }),
      { description: 'disks of nodes for servers; storageClassName is then the name of their class' },
    ),
    diskType: Type.Enum(['ssd', 'hdd', 'nvme']),
    drainTimeout: Type.String({ pattern: '^[1-9][0-9]*s$', description: 'how long a stop may take' }),
    terminationGracePeriodSeconds: Type.Integer({ minimum: 1, description: 'more than drainTimeout' }),
    nodeSelector: NodeSelector,
    tolerations: Tolerations,
    resources: Resources,
  }),
  controller: object({
    replicas: Replicas('CSI controllers, one of which works at a time'),
    nodeSelector: NodeSelector,
    tolerations: Tolerations,
    resources: Resources,
  }),
  node: object({ nodeSelector: NodeSelector, tolerations: Tolerations, resources: Resources }),
})
export type DeployOptions = Static<typeof DeployOptions>

const resources = (cpu: string, memory: string, limit: string) => ({
  requests: { cpu, memory },
  limits: { memory: limit },
})

/** As the manifests in the repository are made. `version`: of the images. */
export const defaultOptions = (version: string): DeployOptions => ({
  namespace: 'basalt',
  image: `ghcr.io/basalt-storage/basalt:${version}`,
  nodeImage: `ghcr.io/basalt-storage/basalt-node:${version}`,
  imagePullPolicy: 'IfNotPresent',
  imagePullSecrets: [],
  sidecarRegistry: 'registry.k8s.io/sig-storage',
  driverName: 'csi.basalt.io',
  kubeletDir: '/var/lib/kubelet',
  logLevel: 'info',
  zones: true,
  snapshots: true,
  groupSnapshots: false,
  volumeAttributesClasses: true,
  networkPolicy: true,
  serviceMonitor: false,
  master: {
    storage: '10Gi',
    storageClassName: null,
    nodeSelector: {},
    tolerations: [],
    resources: resources('250m', '512Mi', '2Gi'),
  },
  servers: {
    replicas: 3,
    storage: '100Gi',
    storageClassName: null,
    localDisks: [],
    diskType: 'ssd',
    drainTimeout: '60s',
    terminationGracePeriodSeconds: 90,
    nodeSelector: {},
    tolerations: [],
    resources: resources('1', '2Gi', '8Gi'),
  },
  controller: {
    replicas: 2,
    nodeSelector: {},
    tolerations: [],
    resources: resources('50m', '128Mi', '512Mi'),
  },
  node: {
    nodeSelector: {},
    // volumes are used on every node, also on those that keep other pods away
    tolerations: [{ operator: 'Exists' }],
    resources: resources('50m', '128Mi', '512Mi'),
  },
})

/**
 * `defaults` with what `overrides` (an object as an options file has it) says otherwise; lists are replaced as a whole.
 * INVALID_ARGUMENT names what is wrong.
 */
export function resolveOptions(defaults: DeployOptions, overrides: unknown): DeployOptions {
  if (!isPlain(overrides ?? {})) throw wrong('they must be keys with values')
  const options = merge(defaults, overrides ?? {})
  if (!Value.Check(DeployOptions, options)) {
    const error = Value.Errors(DeployOptions, options)[0]
    const path = (error?.instancePath ?? '').split('/').slice(1)
    throw wrong(
      unknownKey(path) ?? `${path.join('.') || 'they'} ${error?.message ?? 'are not as they must be'}`,
    )
  }
  refuseContradictions(options)
  return options
}

const wrong = (what: string): BlockError => new BlockError('INVALID_ARGUMENT', `options: ${what}`)

/** Says which keys there are where `path` (of names and indexes) leads to none; undefined when it leads to one. */
function unknownKey(path: readonly string[]): string | undefined {
  let schema: unknown = DeployOptions
  for (const [depth, key] of path.entries()) {
    if (!isPlain(schema)) return undefined
    if (isPlain(schema.properties) && !Object.hasOwn(schema.properties, key)) {
      const place = path.slice(0, depth)
      const keys = Object.keys(schema.properties).join(', ')
      return `there is no ${[...place, key].join('.')}; ${place.length === 0 ? 'there are' : `${place.join('.')} has`} ${keys}`
    }
    schema = isPlain(schema.properties) ? schema.properties[key] : schema.items
  }
  return undefined
}

function refuseContradictions({ groupSnapshots, snapshots, servers }: DeployOptions): void {
  if (groupSnapshots && !snapshots) throw wrong('groupSnapshots need snapshots')
  if (Number.parseInt(servers.drainTimeout, 10) >= servers.terminationGracePeriodSeconds) {
    throw wrong('servers.terminationGracePeriodSeconds must be more than servers.drainTimeout')
  }
  if (servers.localDisks.length > 0 && servers.storageClassName === null) {
    throw wrong('servers.localDisks need a servers.storageClassName, such as basalt-local')
  }
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function merge(base: unknown, over: unknown): unknown {
  if (!isPlain(base) || !isPlain(over)) return over
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) merged[key] = merge(base[key], value)
  return merged
}
