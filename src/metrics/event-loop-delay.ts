/**
 * How late the event loop is: a timer that is due every 100 ms, and by how much it is late. A process whose loop is held up
 * answers hosts, replicas and its master so much later.
 */
import { performance } from 'node:perf_hooks'
import { LatencyRecorder } from './latency-recorder.ts'
import type { MetricsRegistry } from './registry.ts'

const EVERY_MS = 100
const US_PER_MS = 1000

/** Begins to measure; the timer does not keep the process alive. Returns the call that ends it. */
export function addEventLoopDelay(registry: MetricsRegistry): () => void {
  const recorder = new LatencyRecorder()
  let dueMs = performance.now() + EVERY_MS
  const timer = setInterval(() => {
    const nowMs = performance.now()
    recorder.record(Math.max(0, nowMs - dueMs) * US_PER_MS)
    dueMs = nowMs + EVERY_MS
  }, EVERY_MS)
  timer.unref()
  registry.histogram({
    name: 'nodejs_eventloop_delay_seconds',
    help: 'By how much a timer was late that is due every 100 ms',
    labelNames: [],
    collect: () => [{ labels: {}, value: recorder.snapshot() }],
  })
  return () => clearInterval(timer)
}
