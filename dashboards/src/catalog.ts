/**
 * Every metric of every process, as the process registers it: what `docs/metrics.md` is made of, and what dashboards and
 * alerts may name. Nothing is collected; what the functions would ask is not there.
 */
import { CallMetrics } from '../../src/csi/server/call-metrics.ts'
import { csiRegistry } from '../../src/csi/server/csi-registry.ts'
import { addMasterMetrics } from '../../src/master/http/master-metrics.ts'
import { addCertificateMetrics } from '../../src/metrics/certificate-metrics.ts'
import { addEventLoopDelay } from '../../src/metrics/event-loop-delay.ts'
import { LatencyRecorder } from '../../src/metrics/latency-recorder.ts'
import { addProcessMetrics } from '../../src/metrics/process-metrics.ts'
import { type DescribedMetric, MetricsRegistry } from '../../src/metrics/registry.ts'
import { addMasterMetrics as addConnectionMetrics } from '../../src/server/cluster/master-metrics.ts'
import { addDiskMetrics } from '../../src/server/disk-metrics.ts'
import { HostedVolumes } from '../../src/server/hosted-volumes.ts'
import { addLeadMetrics } from '../../src/server/lead-metrics.ts'
import { addReplicationMetrics } from '../../src/server/replication-metrics.ts'
import { addVolumeMetrics } from '../../src/server/volume-metrics.ts'

export const PROCESSES = ['server', 'target', 'master', 'csi'] as const
export type ProcessName = (typeof PROCESSES)[number]

export interface CataloguedMetric extends DescribedMetric {
  /** Processes that have it. */
  readonly of: readonly ProcessName[]
}

const nothing = (): never => {
  throw new Error('metrics are described here, and not collected')
}

function common(registry: MetricsRegistry): void {
  addProcessMetrics(registry)
  addEventLoopDelay(registry)()
}

function ofVolumes(registry: MetricsRegistry): void {
  const directories = { data: undefined, log: undefined }
  addDiskMetrics(registry, { space: nothing }, { directories, server: '' })
  addVolumeMetrics(registry, new HostedVolumes(), '')
}

const REGISTER: Readonly<Record<ProcessName, () => MetricsRegistry>> = {
  server: () => {
    const registry = new MetricsRegistry()
    common(registry)
    addCertificateMetrics(registry, nothing)
    ofVolumes(registry)
    addReplicationMetrics(registry, nothing, '')
    const means = { tasks: { counts: nothing }, tickets: { count: 0 } }
    addLeadMetrics(registry, { replicas: nothing, means, server: '' })
    addConnectionMetrics(registry, nothing, '')
    return registry
  },
  target: () => {
    const registry = new MetricsRegistry()
    common(registry)
    ofVolumes(registry)
    return registry
  },
  master: () => {
    const registry = new MetricsRegistry()
    common(registry)
    addCertificateMetrics(registry, nothing)
    const api = { cluster: nothing, protection: nothing, subscribe: () => () => undefined }
    const counts = { commits: 0, conflicts: 0, failures: 0, commitSeconds: new LatencyRecorder() }
    addMasterMetrics(registry, api, { heartbeatStreams: nothing, registry: counts, observe: nothing })
    return registry
  },
  csi: () => csiRegistry(new CallMetrics()),
}

/** What one process has. */
const metricsOf = (process: ProcessName): readonly DescribedMetric[] => REGISTER[process]().describe()

/** All, each once, by their names. */
export function catalog(): readonly CataloguedMetric[] {
  const found = new Map<string, CataloguedMetric>()
  for (const process of PROCESSES) {
    for (const metric of metricsOf(process)) {
      const { of } = found.get(metric.name) ?? { of: [] }
      found.set(metric.name, { ...metric, of: [...of, process] })
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}
