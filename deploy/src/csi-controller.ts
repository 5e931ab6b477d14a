/**
 * The controller half of the CSI driver, with the sidecars that turn objects of Kubernetes into its calls. It keeps nothing: a
 * second replica only shortens the time until another one has the leases of the sidecars.
 *
 * There is no livenessprobe sidecar here: it asks Probe, which is not ready while the master is away.
 */
import type { IDeployment } from 'kubernetes-models/apps/v1'
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1'
import {
  addressAt,
  CONTROLLER,
  CSI_SECRET,
  KEYS_DIR,
  type KubernetesObject,
  masterHost,
  metaOf,
  POD_IP,
  PORTS,
  RESTRICTED,
  selectorOf,
  TMP,
  UNPRIVILEGED,
} from './names.ts'
import type { DeployOptions } from './options.ts'
import { controllerSidecars, SOCKET, SOCKET_MOUNT } from './sidecars.ts'

const HTTP_PORT = 9808
const DRAIN_SECONDS = 30
const GRACE_SECONDS = 45

export function controllerObjects(options: DeployOptions): KubernetesObject[] {
  const budget: IPodDisruptionBudget = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metaOf(options, CONTROLLER, 'csi-controller'),
    spec: { maxUnavailable: 1, selector: { matchLabels: selectorOf('csi-controller') } },
  }
  return [budget, deployment(options)]
}

function deployment(options: DeployOptions): IDeployment {
  const { controller } = options
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metaOf(options, CONTROLLER, 'csi-controller'),
    spec: {
      replicas: controller.replicas,
      selector: { matchLabels: selectorOf('csi-controller') },
      template: {
        metadata: { labels: selectorOf('csi-controller') },
        spec: {
          serviceAccountName: CONTROLLER,
          enableServiceLinks: false,
          priorityClassName: 'system-cluster-critical',
          terminationGracePeriodSeconds: GRACE_SECONDS,
          securityContext: UNPRIVILEGED,
          imagePullSecrets: options.imagePullSecrets,
          nodeSelector: controller.nodeSelector,
          tolerations: controller.tolerations,
          affinity: {
            podAntiAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [
                {
                  weight: 100,
                  podAffinityTerm: {
                    labelSelector: { matchLabels: selectorOf('csi-controller') },
                    topologyKey: 'kubernetes.io/hostname',
                  },
                },
              ],
            },
          },
          containers: [
            {
              name: 'driver',
              image: options.image,
              imagePullPolicy: options.imagePullPolicy,
              args: [
                'csi',
                '--mode=controller',
                `--endpoint=unix://${SOCKET}`,
                `--driver-name=${options.driverName}`,
                `--master=https://${masterHost(options)}:${PORTS.masterHttp}`,
                `--ca=${KEYS_DIR}/ca.crt`,
                `--token-file=${KEYS_DIR}/token`,
                `--http=${addressAt(POD_IP, HTTP_PORT)}`,
                `--drain-timeout=${DRAIN_SECONDS}s`,
                `--log-level=${options.logLevel}`,
              ],
              env: [POD_IP],
              ports: [{ name: 'http', containerPort: HTTP_PORT }],
              readinessProbe: {
                httpGet: { path: '/healthz', port: 'http' },
                periodSeconds: 10,
                timeoutSeconds: 5,
              },
              // of the process: a master that is away does not come back by a restart of who asks it
              livenessProbe: {
                httpGet: { path: '/metrics', port: 'http' },
                initialDelaySeconds: 10,
                periodSeconds: 20,
                timeoutSeconds: 15,
                failureThreshold: 5,
              },
              resources: controller.resources,
              securityContext: RESTRICTED,
              volumeMounts: [SOCKET_MOUNT, { name: 'keys', mountPath: KEYS_DIR, readOnly: true }, TMP.mount],
            },
            ...controllerSidecars(options),
          ],
          volumes: [
            { name: 'socket', emptyDir: {} },
            { name: 'keys', secret: { secretName: CSI_SECRET, defaultMode: 0o440 } },
            TMP.volume,
          ],
        },
      },
    },
  }
}
