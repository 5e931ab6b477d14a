import { describe, expect, it, vi } from 'vitest'
import { addEventLoopDelay } from './event-loop-delay.ts'
import { MetricsRegistry } from './registry.ts'

describe('the delay of the event loop', () => {
  it('is what a timer was late by', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
    try {
      const registry = new MetricsRegistry()
      const end = addEventLoopDelay(registry)
      vi.advanceTimersByTime(300)
      const text = await registry.render()
      expect(text).toContain('nodejs_eventloop_delay_seconds_count{} 3\n')
      expect(text).toContain('nodejs_eventloop_delay_seconds_bucket{le="0.000016"} 3\n')
      end()
      vi.advanceTimersByTime(300)
      expect(await registry.render()).toContain('nodejs_eventloop_delay_seconds_count{} 3\n')
    } finally {
      vi.useRealTimers()
    }
  })
})
