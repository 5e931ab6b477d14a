/**
 * The sidecars of Kubernetes' CSI project: versions that were released to go together (for Kubernetes 1.34 and newer), and
 * what each is told. They find the driver at its socket and do what the driver says that it can.
 */
import type { IContainer } from 'kubernetes-models/v1'
import { fromField, RESTRICTED } from './names.ts'
import type { DeployOptions } from './options.ts'

export const SIDECARS = {
  'csi-provisioner': 'v6.3.0',
  'csi-attacher': 'v4.11.0',
  'csi-resizer': 'v2.2.0',
  'csi-snapshotter': 'v8.6.0',
  'csi-node-driver-registrar': 'v2.17.0',
  livenessprobe: 'v2.19.0',
} as const
type Sidecar = keyof typeof SIDECARS

/** Where the driver listens within its pod. */
const SOCKET_DIR = '/csi'
export const SOCKET = `${SOCKET_DIR}/csi.sock`
export const SOCKET_MOUNT = { name: 'socket', mountPath: SOCKET_DIR }

const SMALL = { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '256Mi' } }

/** A sidecar in a pod that needs no rights. */
function sidecar(options: DeployOptions, name: Sidecar, args: readonly string[]): IContainer {
  return {
    name,
    image: `${options.sidecarRegistry}/${name}:${SIDECARS[name]}`,
    imagePullPolicy: 'IfNotPresent',
    args: [`--csi-address=${SOCKET}`, ...args],
    resources: SMALL,
    securityContext: RESTRICTED,
    volumeMounts: [SOCKET_MOUNT],
  }
}

/** Those beside the controller, each of which elects who of its kind works. */
export function controllerSidecars(options: DeployOptions): IContainer[] {
  return [
    {
      ...sidecar(options, 'csi-provisioner', [
        '--leader-election',
        '--timeout=120s',
        '--default-fstype=ext4',
        // a volume is reachable from every node: without a consumer no zone is asked for
        '--immediate-topology=false',
        '--enable-capacity',
        // pod, replica set, deployment: the last owns what is published of capacity
        '--capacity-ownerref-level=2',
      ]),
      env: [fromField('NAMESPACE', 'metadata.namespace'), fromField('POD_NAME', 'metadata.name')],
    },
    sidecar(options, 'csi-attacher', ['--leader-election', '--timeout=120s', '--default-fstype=ext4']),
    sidecar(options, 'csi-resizer', [
      '--leader-election',
      '--timeout=120s',
      // volumes grow while they are used: pods need not be watched
      '--handle-volume-inuse-error=false',
    ]),
    ...(options.snapshots
      ? [
          sidecar(options, 'csi-snapshotter', [
            '--leader-election',
            '--timeout=120s',
            ...(options.groupSnapshots ? ['--feature-gates=CSIVolumeGroupSnapshot=true'] : []),
          ]),
        ]
      : []),
  ]
}

/** Asks the driver whether it is ready, at `endpoint` (HOST:PORT) for kubelet. */
export const livenessSidecar = (options: DeployOptions, endpoint: string): IContainer =>
  sidecar(options, 'livenessprobe', [`--http-endpoint=${endpoint}`, '--probe-timeout=10s'])

/** Makes the driver known to kubelet. */
export const registrarSidecar = (options: DeployOptions): IContainer => ({
  ...sidecar(options, 'csi-node-driver-registrar', [
    `--kubelet-registration-path=${options.kubeletDir}/plugins/${options.driverName}/csi.sock`,
  ]),
  volumeMounts: [SOCKET_MOUNT, { name: 'registration', mountPath: '/registration' }],
})
