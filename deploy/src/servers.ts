/**
 * Block servers: one pod on each of several nodes, in the nodes' own network. Hosts keep the addresses of portals for as long
 * as they are logged in, and a kernel takes no part in the cluster's services; so the addresses must outlive a restart of the
 * pod. The disk binds a server to its node, the node's address is then as stable as the node.
 *
 * Each pod sees only its own keys: a Secret for every server, all in one projected volume (those of servers that there are not
 * yet are optional), of which the pod mounts the folder of its name.
 *
 * The update strategy is OnDelete: Kubernetes knows that a pod is ready, and not that its replicas have caught up. The next
 * server may stop only then (docs/kubernetes.md).
 */
import type { IStatefulSet } from 'kubernetes-models/apps/v1'
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1'
import type { IPersistentVolume, IProbe, IService } from 'kubernetes-models/v1'
import {
  addressAt,
  DATA_DIR,
  fromField,
  HOST_IP,
  KEYS_DIR,
  type KubernetesObject,
  metaOf,
  PORTS,
  RESTRICTED,
  SERVER,
  selectorOf,
  TMP,
  UNPRIVILEGED,
  zoneVariable,
} from './names.ts'
import type { DeployOptions } from './options.ts'

/** Servers that may be added without a change of the pods' template, which would ask for a restart of all. */
export const SERVERS_MAX = 16

const atNode = (port: number): string => addressAt(HOST_IP, port)
/** The API of a server stays on the node's loopback, where kubelet's probes reach it. */
const probe = (path: string, rest: IProbe): IProbe => ({
  httpGet: { host: '127.0.0.1', path, port: PORTS.serverHttp },
  ...rest,
})

export function serverObjects(options: DeployOptions): KubernetesObject[] {
  const service: IService = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metaOf(options, SERVER, 'server'),
    spec: {
      clusterIP: 'None',
      selector: selectorOf('server'),
      publishNotReadyAddresses: true,
      ports: [
        { name: 'iscsi', port: PORTS.iscsi },
        { name: 'nvme', port: PORTS.nvme },
      ],
    },
  }
  const budget: IPodDisruptionBudget = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metaOf(options, SERVER, 'server'),
    spec: { maxUnavailable: 1, selector: { matchLabels: selectorOf('server') } },
  }
  return [
    ...options.servers.localDisks.map((disk) => localDisk(options, disk)),
    service,
    budget,
    statefulSet(options),
  ]
}

/** A disk of one node for one server, kept for it by name. The node is part of it: the pod can run nowhere else. */
function localDisk(
  options: DeployOptions,
  { server, node, path }: DeployOptions['servers']['localDisks'][number],
): IPersistentVolume {
  const { storage, storageClassName } = options.servers
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `basalt-data-${server}`, labels: selectorOf('server') },
    spec: {
      capacity: { storage },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      ...(storageClassName === null ? {} : { storageClassName }),
      claimRef: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        namespace: options.namespace,
        name: `data-${server}`,
      },
      local: { path },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] },
          ],
        },
      },
    },
  }
}

function statefulSet(options: DeployOptions): IStatefulSet {
  const { servers } = options
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metaOf(options, SERVER, 'server'),
    spec: {
      serviceName: SERVER,
      replicas: servers.replicas,
      selector: { matchLabels: selectorOf('server') },
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'OnDelete' },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
      template: {
        metadata: { labels: selectorOf('server') },
        spec: {
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          hostNetwork: true,
          dnsPolicy: 'ClusterFirstWithHostNet',
          priorityClassName: 'system-node-critical',
          terminationGracePeriodSeconds: servers.terminationGracePeriodSeconds,
          securityContext: UNPRIVILEGED,
          imagePullSecrets: options.imagePullSecrets,
          nodeSelector: servers.nodeSelector,
          tolerations: servers.tolerations,
          affinity: {
            podAntiAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                {
                  labelSelector: { matchLabels: selectorOf('server') },
                  topologyKey: 'kubernetes.io/hostname',
                },
              ],
            },
          },
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'topology.kubernetes.io/zone',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: selectorOf('server') },
            },
          ],
          containers: [
            {
              name: 'server',
              image: options.image,
              imagePullPolicy: options.imagePullPolicy,
              args: [
                'server',
                `--config=${KEYS_DIR}/server.yaml`,
                `--data=${DATA_DIR}`,
                '--name=$(POD_NAME)',
                `--disk-type=${servers.diskType}`,
                `--grpc=${atNode(PORTS.serverGrpc)}`,
                `--replication=${atNode(PORTS.replication)}`,
                `--iscsi=${atNode(PORTS.iscsi)}`,
                `--nvme=${atNode(PORTS.nvme)}`,
                `--http=127.0.0.1:${PORTS.serverHttp}`,
                `--drain-timeout=${servers.drainTimeout}`,
                `--log-level=${options.logLevel}`,
              ],
              env: [fromField('POD_NAME', 'metadata.name'), HOST_IP, ...zoneVariable(options)],
              ports: [
                { name: 'iscsi', containerPort: PORTS.iscsi, hostPort: PORTS.iscsi },
                { name: 'nvme', containerPort: PORTS.nvme, hostPort: PORTS.nvme },
                { name: 'replication', containerPort: PORTS.replication, hostPort: PORTS.replication },
                { name: 'grpc', containerPort: PORTS.serverGrpc, hostPort: PORTS.serverGrpc },
                { name: 'http', containerPort: PORTS.serverHttp, hostPort: PORTS.serverHttp },
              ],
              // opening many volumes after a crash takes as long as it takes
              startupProbe: probe('/metrics', {
                periodSeconds: 10,
                timeoutSeconds: 10,
                failureThreshold: 360,
              }),
              readinessProbe: probe('/healthz', { periodSeconds: 5, timeoutSeconds: 5 }),
              // of the process, not of volumes: a restart mends no disk, and takes healthy volumes away
              livenessProbe: probe('/metrics', {
                periodSeconds: 10,
                timeoutSeconds: 10,
                failureThreshold: 6,
              }),
              resources: servers.resources,
              securityContext: RESTRICTED,
              volumeMounts: [
                { name: 'data', mountPath: DATA_DIR },
                { name: 'keys', mountPath: KEYS_DIR, subPathExpr: '$(POD_NAME)', readOnly: true },
                TMP.mount,
              ],
            },
          ],
          volumes: [{ name: 'keys', projected: { defaultMode: 0o440, sources: keySources() } }, TMP.volume],
        },
      },
      volumeClaimTemplates: [
        {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { name: 'data' },
          spec: {
            accessModes: ['ReadWriteOnce'],
            ...(servers.storageClassName === null ? {} : { storageClassName: servers.storageClassName }),
            resources: { requests: { storage: servers.storage } },
          },
        },
      ],
    },
  }
}

/** Of a server's Secret: exactly what its folder of `basalt cluster init` holds. */
export const SERVER_FILES = [
  'server.yaml',
  'ca.crt',
  'node.crt',
  'node.key',
  'cluster.key',
  'join.token',
] as const

const keySources = () =>
  Array.from({ length: SERVERS_MAX }, (_, index) => `${SERVER}-${index}`).map((name) => ({
    secret: {
      name,
      optional: true,
      items: SERVER_FILES.map((file) => ({ key: file, path: `${name}/${file}` })),
    },
  }))
