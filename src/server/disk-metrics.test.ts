import { describe, expect, it } from 'vitest'
import { BlockError } from '../base/errors.ts'
import { MetricsRegistry } from '../metrics/registry.ts'
import { addDiskMetrics } from './disk-metrics.ts'

describe('metrics of file systems', () => {
  it('tell of each directory that there is, and leave out what cannot be asked', async () => {
    const registry = new MetricsRegistry()
    const disk = {
      space: async (path: string) => {
        if (path === '/gone') throw new BlockError('DISK', 'gone')
        return { freeBytes: 5, totalBytes: 9 }
      },
    }
    addDiskMetrics(registry, disk, { directories: { data: '/data', log: '/gone' }, server: 's1' })
    const text = await registry.render()
    expect(text).toContain('basalt_server_disk_size_bytes{server="s1",directory="data"} 9\n')
    expect(text).toContain('basalt_server_disk_free_bytes{server="s1",directory="data"} 5\n')
    expect(text).not.toContain('directory="log"')
  })
})
