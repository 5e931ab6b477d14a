/**
 * The node half of the CSI driver, on every node. It mounts for kubelet, so it has the node's rights and its network:
 *
 * - kubelet's directory with Bidirectional propagation: what is mounted here is mounted on the node, and stays when the pod goes;
 * - `/dev` and `/sys` of the node, for block devices;
 * - the node's root at `/host`: `iscsiadm`, `multipath`, `multipathd` and `modprobe` are the node's own, by way of chroot (the
 *   image has small programs of these names). iscsid and multipathd live on the node, once; their clients must be of the same
 *   version, and their databases are the node's, as are the kernel's modules. `nvme` and the tools of file systems are the
 *   image's: they speak to the kernel alone.
 */
import type { IDaemonSet } from 'kubernetes-models/apps/v1'
import type { ICSIDriver } from 'kubernetes-models/storage.k8s.io/v1'
import type { IServiceAccount, IVolume, IVolumeMount } from 'kubernetes-models/v1'
import { fromField, type KubernetesObject, metaOf, NODE, selectorOf, TMP, zoneVariable } from './names.ts'
import type { DeployOptions } from './options.ts'
import { livenessSidecar, registrarSidecar, SOCKET, SOCKET_MOUNT } from './sidecars.ts'

/** On the node's loopback, where kubelet asks. */
const HEALTH = { host: '127.0.0.1', port: 29_652 }
const DRAIN_SECONDS = 30
const GRACE_SECONDS = 45
const STATE_DIR = '/var/lib/basalt-csi'

export function nodeObjects(options: DeployOptions): KubernetesObject[] {
  const driver: ICSIDriver = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSIDriver',
    metadata: { name: options.driverName, labels: selectorOf('csi-node') },
    spec: {
      // a publication is what lets a node in, and what fences it
      attachRequired: true,
      podInfoOnMount: false,
      fsGroupPolicy: 'File',
      storageCapacity: true,
      // labels are given file by file: a mount with a context was not tried
      seLinuxMount: false,
      volumeLifecycleModes: ['Persistent'],
    },
  }
  const account: IServiceAccount = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: metaOf(options, NODE, 'csi-node'),
    automountServiceAccountToken: false,
  }
  return [driver, account, daemonSet(options)]
}

const hostPath = (name: string, path: string, type: 'Directory' | 'DirectoryOrCreate'): IVolume => ({
  name,
  hostPath: { path, type },
})

function daemonSet(options: DeployOptions): IDaemonSet {
  const { node, kubeletDir } = options
  const mounts: IVolumeMount[] = [
    SOCKET_MOUNT,
    { name: 'kubelet', mountPath: kubeletDir, mountPropagation: 'Bidirectional' },
    { name: 'state', mountPath: STATE_DIR },
    { name: 'dev', mountPath: '/dev', mountPropagation: 'HostToContainer' },
    { name: 'sys', mountPath: '/sys', mountPropagation: 'HostToContainer' },
    { name: 'host', mountPath: '/host', mountPropagation: 'HostToContainer' },
    TMP.mount,
  ]
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: metaOf(options, NODE, 'csi-node'),
    spec: {
      selector: { matchLabels: selectorOf('csi-node') },
      // volumes that are mounted do not need the driver
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '10%' } },
      template: {
        metadata: { labels: selectorOf('csi-node') },
        spec: {
          serviceAccountName: NODE,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          hostNetwork: true,
          dnsPolicy: 'ClusterFirstWithHostNet',
          priorityClassName: 'system-node-critical',
          // sockets and directories of kubelet are root's; the sidecars have no other right of root
          securityContext: { runAsUser: 0, runAsGroup: 0 },
          // a call that is under way ends by itself, or when the driver's drain-timeout is over
          terminationGracePeriodSeconds: GRACE_SECONDS,
          imagePullSecrets: options.imagePullSecrets,
          nodeSelector: node.nodeSelector,
          tolerations: node.tolerations,
          containers: [
            {
              name: 'driver',
              image: options.nodeImage,
              imagePullPolicy: options.imagePullPolicy,
              args: [
                'csi',
                '--mode=node',
                `--endpoint=unix://${SOCKET}`,
                `--driver-name=${options.driverName}`,
                '--node-id=$(NODE_NAME)',
                `--state-dir=${STATE_DIR}`,
                `--drain-timeout=${DRAIN_SECONDS}s`,
                `--log-level=${options.logLevel}`,
              ],
              env: [fromField('NODE_NAME', 'spec.nodeName'), ...zoneVariable(options)],
              livenessProbe: {
                httpGet: { host: HEALTH.host, path: '/healthz', port: HEALTH.port },
                initialDelaySeconds: 10,
                periodSeconds: 20,
                timeoutSeconds: 15,
                failureThreshold: 5,
              },
              resources: node.resources,
              securityContext: { privileged: true },
              volumeMounts: mounts,
            },
            registrarSidecar(options),
            livenessSidecar(options, `${HEALTH.host}:${HEALTH.port}`),
          ],
          volumes: [
            hostPath('socket', `${kubeletDir}/plugins/${options.driverName}`, 'DirectoryOrCreate'),
            hostPath('registration', `${kubeletDir}/plugins_registry`, 'Directory'),
            hostPath('kubelet', kubeletDir, 'Directory'),
            hostPath('state', STATE_DIR, 'DirectoryOrCreate'),
            hostPath('dev', '/dev', 'Directory'),
            hostPath('sys', '/sys', 'Directory'),
            hostPath('host', '/', 'Directory'),
            TMP.volume,
          ],
        },
      },
    },
  }
}
