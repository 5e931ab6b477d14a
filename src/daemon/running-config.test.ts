import { describe, expect, it } from 'vitest'
import { silentLogger } from '../base/log.ts'
import type { AccessConfig } from '../config/access-config.ts'
import { COMMON_SETTINGS, type CommonSettings } from '../config/common-settings.ts'
import { compareSettings } from '../config/resolve-settings.ts'
import { path, type SettingTable, setting } from '../config/settings.ts'
import { RunningConfig } from './running-config.ts'

interface Settings extends CommonSettings {
  readonly data: string
  readonly zone: string
}
interface Config {
  readonly settings: Settings
  readonly access?: AccessConfig
}
const text = { placeholder: 'TEXT', required: true, help: 'a text', expects: 'a text', parse: path } as const
const TABLE: SettingTable<Settings> = {
  data: setting(text),
  zone: setting({ ...text, reloads: true }),
  ...COMMON_SETTINGS,
}
const running: Config = {
  settings: { data: '/a', zone: 'z1', 'log-level': 'info', 'drain-timeout': 30_000 },
  access: {},
}
const open = () => {
  const levels: string[] = []
  const comparable = (config: Config) => ({ access: {}, ...config, secrets: {} })
  const config = new RunningConfig(running, {
    compare: (before, read) => compareSettings(TABLE, comparable(before), comparable(read)),
    setLogLevel: (level) => void levels.push(level),
    logger: silentLogger,
  })
  return { config, levels }
}

describe('RunningConfig', () => {
  it('takes over what can change while serving, and names what needs a restart', () => {
    const { config, levels } = open()
    const settings: Settings = { data: '/b', zone: 'z2', 'log-level': 'debug', 'drain-timeout': 5000 }
    const access: AccessConfig = { initiators: ['iqn.2026-11.example:host'] }
    let applied: readonly string[] = []
    const changes = config.reload({ settings, access }, (changes) => {
      applied = changes.applied
      expect(config.current.settings.zone).toBe('z2')
    })
    expect(config.current).toEqual({ settings: { ...settings, data: '/a' }, access })
    expect(changes.needRestart).toEqual(['data'])
    expect(applied).toEqual(['zone', 'log-level', 'drain-timeout', 'initiators'])
    expect(levels).toEqual(['debug'])
  })

  it('is the same after the same configuration', () => {
    const { config } = open()
    expect(config.reload(running)).toEqual({ applied: [], needRestart: [] })
    expect(config.current).toEqual(running)
  })
})
