import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { addProcessMetrics } from '../metrics/process-metrics.ts'
import { MetricsRegistry } from '../metrics/registry.ts'
import { SETTING_NAMES, TARGET_SETTINGS } from './config/settings.ts'
import { HostedVolumes } from './hosted-volumes.ts'
import { addVolumeMetrics } from './volume-metrics.ts'

const read = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')

describe('the documentation', () => {
  it('lists exactly the metrics that there are', () => {
    const registry = new MetricsRegistry()
    addProcessMetrics(registry)
    addVolumeMetrics(registry, new HostedVolumes(), 'server')
    const documented = read('http-api.md').match(/`(?:basalt|process|nodejs)_\w+`/g) ?? []
    const names = documented.map((name) => name.replaceAll('`', '')).sort()
    expect(names).toEqual(
      registry
        .describe()
        .map(({ name }) => name)
        .sort(),
    )
  })

  it('lists exactly the settings that there are, with their defaults', () => {
    const rows = [...read('configuration.md').matchAll(/^\| `([a-z-]+)` +\|[^|]*\|([^|]*)\|/gm)]
    expect(rows.map(([, name]) => name)).toEqual(SETTING_NAMES)
    for (const [, name, shown] of rows) {
      const setting = TARGET_SETTINGS[name as keyof typeof TARGET_SETTINGS]
      if (setting.default !== undefined) expect(shown?.trim(), name).toBe(setting.default)
    }
  })
})
