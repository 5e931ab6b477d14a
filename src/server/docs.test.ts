import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { AnySettings } from '../config/config-file.ts'
import { MASTER_SETTINGS } from '../master/config/master-config.ts'
import { addProcessMetrics } from '../metrics/process-metrics.ts'
import { MetricsRegistry } from '../metrics/registry.ts'
import { addMasterMetrics } from './cluster/master-metrics.ts'
import { SERVER_SETTINGS } from './config/server-config.ts'
import { TARGET_SETTINGS } from './config/settings.ts'
import { HostedVolumes } from './hosted-volumes.ts'
import { addLeadMetrics } from './lead-metrics.ts'
import { addReplicationMetrics } from './replication-metrics.ts'
import { addVolumeMetrics } from './volume-metrics.ts'

const read = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')

describe('the documentation', () => {
  const metricsIn = (page: string): string[] =>
    (read(page).match(/`(?:basalt|process|nodejs)_\w+`/g) ?? [])
      .map((name) => name.replaceAll('`', ''))
      .sort()
  const metricsOf = (add: (registry: MetricsRegistry) => void): string[] => {
    const registry = new MetricsRegistry()
    add(registry)
    return registry
      .describe()
      .map(({ name }) => name)
      .sort()
  }

  it('lists exactly the metrics that there are', () => {
    const ofTarget = metricsOf((registry) => {
      addProcessMetrics(registry)
      addVolumeMetrics(registry, new HostedVolumes(), 'server')
    })
    expect(metricsIn('http-api.md')).toEqual(ofTarget)
    const ofReplicas = metricsOf((registry) => {
      addReplicationMetrics(registry, () => [], 'server')
      addMasterMetrics(registry, () => null, 'server')
      const means = { tasks: { counts: () => [] }, tickets: { count: 0 } }
      addLeadMetrics(registry, { replicas: () => [], means, server: 'server' })
    })
    expect(metricsIn('block-server.md')).toEqual(ofReplicas)
  })

  it.each([
    ['configuration.md', TARGET_SETTINGS as AnySettings],
    ['block-server.md', SERVER_SETTINGS as AnySettings],
    ['master.md', MASTER_SETTINGS as AnySettings],
  ])('lists exactly the settings that there are, with their defaults: %s', (page, table) => {
    const section =
      read(page)
        .split(/^## Settings$/m)[1]
        ?.split(/^## /m)[0] ?? ''
    const rows = [...section.matchAll(/^\| `([a-z-]+)` +\|[^|]*\|([^|]*)\|/gm)]
    expect(rows.map(([, name]) => name).sort()).toEqual(Object.keys(table).sort())
    for (const [, name = '', shown] of rows) {
      const setting = table[name]
      if (setting?.default !== undefined) expect(shown?.trim(), name).toBe(setting.default)
    }
  })
})
