/** Metrics of the stream to the master; none without one. `docs/metrics.md` lists them; a test compares. */
import type { MetricsRegistry } from '../../metrics/registry.ts'
import type { MasterConnection } from './master-client.ts'

export function addMasterMetrics(
  registry: MetricsRegistry,
  connection: () => MasterConnection | null,
  server: string,
): void {
  const read = (value: (connection: MasterConnection) => number) => () => {
    const current = connection()
    return current === null ? [] : [{ labels: { server }, value: value(current) }]
  }
  const labelNames = ['server']
  registry.gauge({
    name: 'basalt_master_connected',
    help: '1 while the stream to the master is open',
    labelNames,
    collect: read(({ state }) => Number(state === 'connected')),
  })
  registry.counter({
    name: 'basalt_master_beats_total',
    help: 'Beats sent to masters',
    labelNames,
    collect: read(({ beats }) => beats),
  })
  registry.counter({
    name: 'basalt_master_connects_total',
    help: 'Streams to masters that were opened',
    labelNames,
    collect: read(({ connects }) => connects),
  })
}
