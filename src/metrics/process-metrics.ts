/** Metrics of the process itself, under the names that Prometheus' client libraries agree on. */
import { readdirSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import type { MetricsRegistry } from './registry.ts'

const MS_PER_SECOND = 1000
const US_PER_SECOND = 1e6

/** Adds them to `registry`. They are read when somebody scrapes; nothing runs in between. */
export function addProcessMetrics(registry: MetricsRegistry): void {
  const startedSeconds = (Date.now() - performance.now()) / MS_PER_SECOND
  const gauge = (name: string, help: string, read: () => number): void =>
    registry.gauge({ name, help, labelNames: [], collect: () => [{ labels: {}, value: read() }] })
  const counter = (name: string, help: string, read: () => number): void =>
    registry.counter({ name, help, labelNames: [], collect: () => [{ labels: {}, value: read() }] })

  gauge(
    'basalt_time_seconds',
    'What time it is for this process, in seconds since 1970',
    () => Date.now() / MS_PER_SECOND,
  )
  counter('process_cpu_seconds_total', 'CPU time of the process, user and system', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / US_PER_SECOND
  })
  gauge('process_start_time_seconds', 'When the process started, in seconds since 1970', () => startedSeconds)
  gauge('process_resident_memory_bytes', 'Memory of the process', () => process.memoryUsage.rss())
  gauge('process_open_fds', 'Open file descriptors', () => readdirSync('/proc/self/fd').length)
  gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use', () => process.memoryUsage().heapUsed)
  gauge(
    'nodejs_external_memory_bytes',
    'Buffers outside the JavaScript heap',
    () => process.memoryUsage().external,
  )
  counter(
    'nodejs_eventloop_active_seconds_total',
    'Time in which the event loop was not waiting for events',
    () => performance.eventLoopUtilization().active / MS_PER_SECOND,
  )
}
