/**
 * Who reaches the master, and how Prometheus does. Block servers and CSI nodes are in the network of their nodes, where no
 * NetworkPolicy holds: what protects them is TLS with certificates, and access by publication.
 */
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1'
import { CONTROLLER, type KubernetesObject, MASTER, masterHost, metaOf, PORTS, selectorOf } from './names.ts'
import type { DeployOptions } from './options.ts'

/** Pods of the namespace with this label may use the HTTP API, with a token. */
const API_CLIENT = { 'basalt.io/api-client': 'true' }
/** Secret with token and authority for whoever collects metrics. */
const METRICS_SECRET = 'basalt-metrics'

export function networkPolicies(options: DeployOptions): KubernetesObject[] {
  const master: INetworkPolicy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metaOf(options, MASTER, 'master'),
    spec: {
      podSelector: { matchLabels: selectorOf('master') },
      policyTypes: ['Ingress'],
      ingress: [
        // block servers come from addresses of nodes, with certificates
        { ports: [{ port: PORTS.masterGrpc }] },
        {
          from: [
            { podSelector: { matchLabels: selectorOf('csi-controller') } },
            // the command line within its own pod, by way of the Service
            { podSelector: { matchLabels: selectorOf('master') } },
            { podSelector: { matchLabels: API_CLIENT } },
            ...(options.serviceMonitor
              ? [
                  {
                    namespaceSelector: {},
                    podSelector: { matchLabels: { 'app.kubernetes.io/name': 'prometheus' } },
                  },
                ]
              : []),
          ],
          ports: [{ port: PORTS.masterHttp }],
        },
      ],
    },
  }
  const controller: INetworkPolicy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metaOf(options, CONTROLLER, 'csi-controller'),
    spec: {
      podSelector: { matchLabels: selectorOf('csi-controller') },
      policyTypes: ['Ingress'],
      ingress: [],
    },
  }
  return [master, controller]
}

/** A kind of Prometheus' operator. */
export interface ServiceMonitor extends KubernetesObject {
  readonly kind: 'ServiceMonitor'
  readonly spec: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
    readonly endpoints: readonly {
      readonly port: string
      readonly scheme: 'https'
      readonly path: string
      readonly authorization: { readonly credentials: SecretKey }
      readonly tlsConfig: { readonly serverName: string; readonly ca: { readonly secret: SecretKey } }
    }[]
  }
}
interface SecretKey {
  readonly name: string
  readonly key: string
}

export const serviceMonitor = (options: DeployOptions): ServiceMonitor => ({
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'ServiceMonitor',
  metadata: metaOf(options, MASTER, 'master'),
  spec: {
    selector: { matchLabels: selectorOf('master') },
    endpoints: [
      {
        port: 'https',
        scheme: 'https',
        path: '/metrics',
        authorization: { credentials: { name: METRICS_SECRET, key: 'token' } },
        tlsConfig: {
          serverName: masterHost(options),
          ca: { secret: { name: METRICS_SECRET, key: 'ca.crt' } },
        },
      },
    ],
  },
})
