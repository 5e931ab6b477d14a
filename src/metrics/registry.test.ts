import { describe, expect, it } from 'vitest'
import { LatencyRecorder } from './latency-recorder.ts'
import { addProcessMetrics } from './process-metrics.ts'
import { MetricsRegistry } from './registry.ts'

describe('MetricsRegistry', () => {
  it('collects counters and gauges at each scrape and forgets what is gone', async () => {
    const registry = new MetricsRegistry()
    let volumes = ['a', 'b']
    registry.counter({
      name: 'basalt_x_total',
      help: 'X',
      labelNames: ['volume'],
      collect: () => volumes.map((volume) => ({ labels: { volume }, value: 3 })),
    })
    registry.gauge({
      name: 'basalt_y',
      help: 'Y',
      labelNames: [],
      collect: () => [{ labels: {}, value: 0.5 }],
    })
    expect(await registry.render()).toContain('basalt_x_total{volume="a"} 3\nbasalt_x_total{volume="b"} 3')
    volumes = ['b']
    const text = await registry.render()
    expect(text).not.toContain('volume="a"')
    expect(text).toContain('# TYPE basalt_x_total counter\nbasalt_x_total{volume="b"} 3')
    expect(text).toContain('basalt_y 0.5')
  })

  it('prints histograms with cumulative buckets and escaped labels', async () => {
    const recorder = new LatencyRecorder()
    recorder.record(16)
    recorder.record(17)
    recorder.record(1e9)
    const registry = new MetricsRegistry()
    registry.histogram({
      name: 'basalt_z_seconds',
      help: 'Z',
      labelNames: ['op'],
      collect: () => [{ labels: { op: 'a"\\\n' }, value: recorder.snapshot() }],
    })
    const text = await registry.render()
    expect(text).toContain('# TYPE basalt_z_seconds histogram')
    expect(text).toContain('basalt_z_seconds_bucket{op="a\\"\\\\\\n",le="0.000016"} 1\n')
    expect(text).toContain('le="0.000032"} 2\n')
    expect(text).toContain('le="+Inf"} 3\n')
    expect(text).toMatch(/basalt_z_seconds_count\{[^}]*\} 3\n/)
    expect(text).toMatch(/basalt_z_seconds_sum\{[^}]*\} 1000.000033\n/)
  })

  it('knows the process', async () => {
    const registry = new MetricsRegistry()
    addProcessMetrics(registry)
    const text = await registry.render()
    for (const { name } of registry.describe()) {
      const value = Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
      expect(value, name).toBeGreaterThan(0)
    }
  })
})
