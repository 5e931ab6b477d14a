/** The metrics of a driver's process, for who collects them. */
import { addProcessMetrics } from '../../metrics/process-metrics.ts'
import { MetricsRegistry } from '../../metrics/registry.ts'
import type { CallMetrics } from './call-metrics.ts'

/** How calls went, and what the process takes. */
export function csiRegistry(calls: CallMetrics): MetricsRegistry {
  const registry = new MetricsRegistry()
  addProcessMetrics(registry)
  calls.addTo(registry)
  return registry
}
