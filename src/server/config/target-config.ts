/** The configuration of one `basalt target`, checked as a whole, and what a reload can change of it. */

import { type AccessConfig, refuseOpenService } from '../../config/access-config.ts'
import {
  type ConfigChanges,
  type ConfigSources,
  compareSettings,
  pairPortals,
  readToken,
  resolveSettings,
} from '../../config/resolve-settings.ts'
import type { Secret } from '../../frontend/secret.ts'
import { TARGET_SETTINGS, type TargetSettings } from './settings.ts'

export interface TargetConfig {
  readonly settings: TargetSettings
  readonly access: AccessConfig
  readonly adminToken: Secret | undefined
  readonly warnings: readonly string[]
}

/** Where the admin API listens, for `refuseOpenService`. */
export const adminApi = (config: {
  readonly settings: Pick<TargetSettings, 'admin'>
  readonly adminToken: Secret | undefined
}) => ({
  flag: '--admin',
  tokenFlag: '--admin-token-file',
  listen: config.settings.admin,
  hasToken: config.adminToken !== undefined,
})

/** Reads every source. INVALID_ARGUMENT names the flag, variable or `file:line:column`; ACCESS_DENIED: too open. */
export async function loadTargetConfig(sources: ConfigSources): Promise<TargetConfig> {
  const { settings, access, warnings } = await resolveSettings(TARGET_SETTINGS, sources)
  pairPortals(settings)
  const adminToken = await readToken(settings['admin-token-file'], '--admin-token-file', warnings)
  const { iscsi, nvme } = settings
  refuseOpenService({ iscsi, nvme, access, api: adminApi({ settings, adminToken }) })
  return { settings, access, adminToken, warnings }
}

/** What differs between the running configuration and a newly read one. */
export function compareConfigs(running: TargetConfig, read: TargetConfig): ConfigChanges {
  const comparable = (config: TargetConfig) => ({
    ...config,
    secrets: { 'admin-token-file': config.adminToken },
  })
  return compareSettings(TARGET_SETTINGS, comparable(running), comparable(read))
}
