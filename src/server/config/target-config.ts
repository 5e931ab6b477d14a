/**
 * The configuration of one `basalt target`: each setting from the flag, else the variable, else the file, else
 * the default; checked as a whole; and the comparison that tells a reload what it can change.
 */
import { isDeepStrictEqual } from 'node:util'
import { BlockError } from '../../base/errors.ts'
import { Secret } from '../../frontend/secret.ts'
import { type AccessConfig, type ChapCredentials, refuseOpenService } from './access-config.ts'
import { type ConfigFile, readConfigFile } from './config-file.ts'
import {
  SETTING_NAMES,
  type SettingName,
  TARGET_SETTINGS,
  type TargetSettings,
  variableOf,
} from './settings.ts'
import { suggest } from './suggest.ts'
import { readTextFile } from './text-file.ts'

export interface TargetConfig {
  readonly settings: TargetSettings
  readonly access: AccessConfig
  readonly adminToken: Secret | undefined
  readonly warnings: readonly string[]
}

/** Where settings come from. Kept for the life of the process: a reload asks the same sources again. */
export interface ConfigSources {
  /** Flags that were given, by name; a switch is `true` or `false`, a flag given several times has commas. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>
  readonly environment: Readonly<Record<string, string | undefined>>
}

const TOKEN_BYTES_MIN = 16
const TOKEN_FILE_BYTES_MAX = 4096

/** Reads every source. INVALID_ARGUMENT names the flag, variable or `file:line:column`; ACCESS_DENIED: too open. */
export async function loadTargetConfig(sources: ConfigSources): Promise<TargetConfig> {
  const { flags, environment } = sources
  const configPath = flags.config ?? environment.BASALT_CONFIG
  const file = typeof configPath === 'string' ? await readConfigFile(configPath) : undefined

  const values: Partial<Record<SettingName, unknown>> = {}
  for (const name of SETTING_NAMES) values[name] = resolveSetting(name, sources, file)
  const settings = values as unknown as TargetSettings

  pairPortals(settings)
  const warnings = [...(file?.warnings ?? []), ...mistypedVariables(environment)]
  const adminToken = await readToken(settings['admin-token-file'], warnings)
  const access = file?.access ?? {}
  refuseOpenService({
    iscsi: settings.iscsi,
    admin: settings.admin,
    access,
    hasAdminToken: adminToken !== undefined,
  })
  return { settings, access, adminToken, warnings }
}

/** Portals told to initiators are the portals that listen, one by one. */
function pairPortals({ iscsi, 'iscsi-portal': told }: TargetSettings): void {
  if (told === undefined || told.length === iscsi.length) return
  throw new BlockError(
    'INVALID_ARGUMENT',
    `--iscsi-portal names ${told.length} and --iscsi ${iscsi.length}; give one for each, in the same order`,
  )
}

function resolveSetting(name: SettingName, sources: ConfigSources, file: ConfigFile | undefined): unknown {
  const setting = TARGET_SETTINGS[name]
  const flag = sources.flags[name]
  if (flag !== undefined) return setting.parse(String(flag), `--${name}`)
  const variable = sources.environment[variableOf(name)]
  if (variable !== undefined) return setting.parse(variable, variableOf(name))
  const inFile = file?.settings.get(name)
  if (inFile !== undefined) return setting.parse(inFile.text, inFile.place)
  if (setting.default !== undefined) return setting.parse(setting.default, `--${name}`)
  if (!setting.required) return undefined
  throw new BlockError(
    'INVALID_ARGUMENT',
    `--${name} is missing: ${setting.help}; give it as --${name} ${setting.placeholder}, ${variableOf(name)}, or '${name}:' in the --config file`,
  )
}

async function readToken(path: string | undefined, warnings: string[]): Promise<Secret | undefined> {
  if (path === undefined) return undefined
  const { text, readableByOthers } = await readTextFile(path, '--admin-token-file', TOKEN_FILE_BYTES_MAX)
  const token = text.trim()
  if (!/^[\x21-\x7e]+$/.test(token) || token.length < TOKEN_BYTES_MIN) {
    throw new BlockError(
      'INVALID_ARGUMENT',
      `--admin-token-file: ${path} must hold one line of at least ${TOKEN_BYTES_MIN} printable characters, for example from 'openssl rand -hex 32'`,
    )
  }
  if (readableByOthers) warnings.push(`${path} holds a token and others may read it; chmod 600 it`)
  return Secret.fromText(token)
}

/** Variables that nobody reads and that look like one that is read. */
function mistypedVariables(environment: ConfigSources['environment']): string[] {
  const known = [...SETTING_NAMES, 'config'].map(variableOf)
  return Object.keys(environment)
    .filter((name) => name.startsWith('BASALT_') && !known.includes(name))
    .flatMap((name) => {
      const near = suggest(name, known)
      return near === undefined ? [] : [`${name} is not a setting; did you mean ${near}?`]
    })
}

export interface ConfigChanges {
  /** Changed settings that a running server takes over. */
  readonly applied: readonly string[]
  /** Changed settings that need a restart. */
  readonly needRestart: readonly string[]
}

/** What differs between the running configuration and a newly read one. */
export function compareConfigs(running: TargetConfig, read: TargetConfig): ConfigChanges {
  const applied: string[] = []
  const needRestart: string[] = []
  for (const name of SETTING_NAMES) {
    if (isDeepStrictEqual(running.settings[name], read.settings[name])) continue
    const list = TARGET_SETTINGS[name].reloads ? applied : needRestart
    list.push(name)
  }
  if (!sameChap(running.access.chap, read.access.chap)) applied.push('chap')
  if (!isDeepStrictEqual(running.access.initiators, read.access.initiators)) applied.push('initiators')
  const tokens = [running.adminToken, read.adminToken] as const
  if (!sameSecret(...tokens) && !needRestart.includes('admin-token-file'))
    needRestart.push('admin-token-file')
  return { applied, needRestart }
}

function sameChap(a: AccessConfig['chap'], b: AccessConfig['chap']): boolean {
  return sameCredentials(a, b) && sameCredentials(a?.mutual, b?.mutual)
}

const sameCredentials = (a: ChapCredentials | undefined, b: ChapCredentials | undefined): boolean =>
  a?.user === b?.user && sameSecret(a?.secret, b?.secret)

const sameSecret = (a: Secret | undefined, b: Secret | undefined): boolean =>
  a === undefined || b === undefined ? a === b : a.equals(b)
