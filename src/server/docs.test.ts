import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { AnySettings } from '../config/config-file.ts'
import { MASTER_SETTINGS } from '../master/config/master-config.ts'
import { SERVER_SETTINGS } from './config/server-config.ts'
import { TARGET_SETTINGS } from './config/settings.ts'

const read = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')

describe('the documentation', () => {
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
