/** What a process uses between two moments, told by the process itself. */
import type { Inspector } from './inspector.ts'

/** Per operation, where it says nothing else. */
export interface Meter {
  readonly userUs: number
  readonly systemUs: number
  /** On the JavaScript heap. */
  readonly allocatedBytes: number
  /** In all. */
  readonly collections: number
  readonly collectionMs: number
  /** How much later than asked a timer of 10 ms came. */
  readonly delayP50Ms: number
  readonly delayP99Ms: number
  readonly delayMaxMs: number
}

interface Reading {
  readonly cpu: { readonly user: number; readonly system: number }
  readonly allocatedBytes: number
  readonly collections: number
  readonly collectionMs: number
  readonly delaysNs: { readonly p50: number; readonly p99: number; readonly max: number }
}

const RESOLUTION_MS = 10

const START = `(() => {
  const { monitorEventLoopDelay, PerformanceObserver } = process.getBuiltinModule('node:perf_hooks')
  const delays = monitorEventLoopDelay({ resolution: ${RESOLUTION_MS} })
  const meter = { delays, collections: 0, collectionMs: 0 }
  meter.observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      meter.collections++
      meter.collectionMs += duration
    }
  })
  meter.observer.observe({ entryTypes: ['gc'] })
  delays.enable()
  globalThis.benchMeter = meter
})()`

const READ = `(() => {
  const { getHeapStatistics } = process.getBuiltinModule('node:v8')
  const { delays, collections, collectionMs } = globalThis.benchMeter
  return {
    cpu: process.cpuUsage(),
    allocatedBytes: getHeapStatistics().total_allocated_bytes,
    collections,
    collectionMs,
    delaysNs: { p50: delays.percentile(50), p99: delays.percentile(99), max: delays.max },
  }
})()`

const STOP = `(() => {
  globalThis.benchMeter.delays.disable()
  globalThis.benchMeter.observer.disconnect()
  delete globalThis.benchMeter
})()`

/** Starts measuring; `stop` tells what `operations` took since. */
export async function startMeter(
  inspector: Inspector,
): Promise<{ stop(operations: number): Promise<Meter> }> {
  await inspector.evaluate(START)
  const before = await inspector.evaluate<Reading>(READ)
  return {
    async stop(operations) {
      const after = await inspector.evaluate<Reading>(READ)
      await inspector.evaluate(STOP)
      const { p50, p99, max } = after.delaysNs
      const late = (ns: number): number => Math.max(0, ns / 1e6 - RESOLUTION_MS)
      return {
        userUs: (after.cpu.user - before.cpu.user) / operations,
        systemUs: (after.cpu.system - before.cpu.system) / operations,
        allocatedBytes: (after.allocatedBytes - before.allocatedBytes) / operations,
        collections: after.collections,
        collectionMs: after.collectionMs,
        delayP50Ms: late(p50),
        delayP99Ms: late(p99),
        delayMaxMs: late(max),
      }
    },
  }
}
