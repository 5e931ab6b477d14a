/**
 * The master: one pod with the registry on a volume of its own. Never two: the registry is a file that one process uses, a
 * StatefulSet makes no second pod before the first is known to be gone, and a lock on the registry refuses it besides.
 *
 * The Service also leads to a pod that is not ready, and no probe asks `/healthz`: a locked cluster (`basalt cluster recover`)
 * is unhealthy there, and must be reached to be recovered.
 */
import type { IStatefulSet } from 'kubernetes-models/apps/v1'
import type { IService } from 'kubernetes-models/v1'
import {
  addressAt,
  DATA_DIR,
  KEYS_DIR,
  type KubernetesObject,
  MASTER,
  metaOf,
  POD_IP,
  PORTS,
  RESTRICTED,
  selectorOf,
  TMP,
  UNPRIVILEGED,
} from './names.ts'
import type { DeployOptions } from './options.ts'

const DRAIN_SECONDS = 30
const GRACE_SECONDS = 45

export function masterObjects(options: DeployOptions): KubernetesObject[] {
  const service: IService = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metaOf(options, MASTER, 'master'),
    spec: {
      selector: selectorOf('master'),
      publishNotReadyAddresses: true,
      ports: [
        { name: 'https', port: PORTS.masterHttp, targetPort: 'https' },
        { name: 'grpc', port: PORTS.masterGrpc, targetPort: 'grpc' },
      ],
    },
  }
  return [service, statefulSet(options)]
}

function statefulSet(options: DeployOptions): IStatefulSet {
  const { master } = options
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metaOf(options, MASTER, 'master'),
    spec: {
      serviceName: MASTER,
      replicas: 1,
      selector: { matchLabels: selectorOf('master') },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
      template: {
        metadata: { labels: selectorOf('master') },
        spec: {
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          priorityClassName: 'system-cluster-critical',
          terminationGracePeriodSeconds: GRACE_SECONDS,
          securityContext: UNPRIVILEGED,
          imagePullSecrets: options.imagePullSecrets,
          nodeSelector: master.nodeSelector,
          tolerations: master.tolerations,
          containers: [
            {
              name: 'master',
              image: options.image,
              imagePullPolicy: options.imagePullPolicy,
              args: [
                'master',
                `--config=${KEYS_DIR}/master.yaml`,
                `--data=${DATA_DIR}`,
                `--grpc=${addressAt(POD_IP, PORTS.masterGrpc)}`,
                `--http=${addressAt(POD_IP, PORTS.masterHttp)}`,
                // the node's certificate has the name of the Service, and clients have the authority's
                `--http-tls-cert=${KEYS_DIR}/node.crt`,
                `--http-tls-key=${KEYS_DIR}/node.key`,
                `--drain-timeout=${DRAIN_SECONDS}s`,
                `--log-level=${options.logLevel}`,
              ],
              env: [POD_IP],
              ports: [
                { name: 'https', containerPort: PORTS.masterHttp },
                { name: 'grpc', containerPort: PORTS.masterGrpc },
              ],
              readinessProbe: { tcpSocket: { port: 'grpc' }, periodSeconds: 5 },
              livenessProbe: {
                httpGet: { path: '/ui', port: 'https', scheme: 'HTTPS' },
                initialDelaySeconds: 30,
                periodSeconds: 10,
                timeoutSeconds: 10,
                failureThreshold: 6,
              },
              resources: master.resources,
              securityContext: RESTRICTED,
              volumeMounts: [
                { name: 'registry', mountPath: DATA_DIR },
                { name: 'keys', mountPath: KEYS_DIR, readOnly: true },
                TMP.mount,
              ],
            },
          ],
          volumes: [{ name: 'keys', secret: { secretName: MASTER, defaultMode: 0o440 } }, TMP.volume],
        },
      },
      volumeClaimTemplates: [
        {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { name: 'registry' },
          spec: {
            accessModes: ['ReadWriteOnce'],
            ...(master.storageClassName === null ? {} : { storageClassName: master.storageClassName }),
            resources: { requests: { storage: master.storage } },
          },
        },
      ],
    },
  }
}
