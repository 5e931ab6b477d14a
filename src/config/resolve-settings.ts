/**
 * Settings from where they were given: the flag, else the variable, else the file, else the default. What a daemon
 * makes of them is its own (target-config.ts, server-config.ts); what differs when they are read again is found here.
 */
import { isDeepStrictEqual } from 'node:util'
import type { HostPort } from '../base/address.ts'
import { BlockError } from '../base/errors.ts'
import { Secret } from '../frontend/secret.ts'
import type { AccessConfig, ChapCredentials } from './access-config.ts'
import type { AnySettings, ConfigFile } from './config-file.ts'
import { type Setting, type SettingTable, variableOf } from './settings.ts'
import { suggest } from './suggest.ts'
import { readTextFile } from './text-file.ts'

/** Where settings come from. Kept for the life of the process: a reload asks the same sources again. */
export interface ConfigSources {
  /** Flags that were given, by name; a switch is `true` or `false`, a flag given several times has commas. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>
  readonly environment: Readonly<Record<string, string | undefined>>
}

export interface ResolvedSettings<Settings> {
  readonly settings: Settings
  readonly access: AccessConfig
  /** Things that work and are unwise, a sentence each; who checks further adds to it. */
  readonly warnings: string[]
}

const TOKEN_BYTES_MIN = 16
const TOKEN_FILE_BYTES_MAX = 4096

/** Reads every source. INVALID_ARGUMENT names the flag, variable or `file:line:column`. */
export async function resolveSettings<Settings>(
  table: SettingTable<Settings>,
  sources: ConfigSources,
): Promise<ResolvedSettings<Settings>> {
  const { flags, environment } = sources
  const configPath = flags.config ?? environment.BASALT_CONFIG
  const known = table as AnySettings
  const file = typeof configPath === 'string' ? await readFileOf(configPath, known) : undefined
  const values = Object.entries(known).map(([name, setting]) => [
    name,
    resolveSetting(name, setting, sources, file),
  ])
  return {
    settings: Object.fromEntries(values) as Settings,
    access: file?.access ?? {},
    warnings: [...(file?.warnings ?? []), ...mistypedVariables(Object.keys(known), environment)],
  }
}

/** What reads YAML and checks schemas is loaded for those who give a file. */
const readFileOf = async (configPath: string, table: AnySettings): Promise<ConfigFile> =>
  (await import('./config-file.ts')).readConfigFile(configPath, table)

function resolveSetting(
  name: string,
  setting: Setting<unknown>,
  sources: ConfigSources,
  file: ConfigFile | undefined,
): unknown {
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

/** Portals told to hosts are the portals that listen, one by one. */
export function pairPortals(settings: {
  readonly iscsi: readonly HostPort[]
  readonly 'iscsi-portal': readonly HostPort[] | undefined
  readonly nvme: readonly HostPort[]
  readonly 'nvme-portal': readonly HostPort[] | undefined
}): void {
  for (const name of ['iscsi', 'nvme'] as const) {
    const told = settings[`${name}-portal`]
    const listening = settings[name]
    if (told === undefined || told.length === listening.length) continue
    throw new BlockError(
      'INVALID_ARGUMENT',
      `--${name}-portal names ${told.length} and --${name} ${listening.length}; give one for each, in the same order`,
    )
  }
}

/** The token in the file at `path`, or undefined without a path; `flag` named it. Warns when others may read it. */
export async function readToken(
  path: string | undefined,
  flag: string,
  warnings: string[],
): Promise<Secret | undefined> {
  if (path === undefined) return undefined
  const { text, readableByOthers } = await readTextFile(path, flag, TOKEN_FILE_BYTES_MAX)
  const token = text.trim()
  if (!/^[\x21-\x7e]+$/.test(token) || token.length < TOKEN_BYTES_MIN) {
    throw new BlockError(
      'INVALID_ARGUMENT',
      `${flag}: ${path} must hold one line of at least ${TOKEN_BYTES_MIN} printable characters, for example from 'openssl rand -hex 32'`,
    )
  }
  if (readableByOthers) warnings.push(`${path} holds a secret and others may read it; chmod 600 it`)
  return Secret.fromText(token)
}

/** Variables that nobody reads and that look like one that is read. */
function mistypedVariables(names: readonly string[], environment: ConfigSources['environment']): string[] {
  const known = [...names, 'config'].map(variableOf)
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

const ACCESS = ['chap', 'initiators', 'dhchap', 'hosts'] as const satisfies readonly (keyof AccessConfig)[]

/** Whether who may use the volumes is another matter now. */
export const hasAccessChanged = ({ applied }: ConfigChanges): boolean =>
  ACCESS.some((key) => applied.includes(key))

interface Comparable<Settings> {
  readonly settings: Settings
  readonly access: AccessConfig
  /** Content of files, by the setting that names the file. */
  readonly secrets: Partial<Readonly<Record<keyof Settings & string, Secret | undefined>>>
}

/** What differs between the running configuration and a newly read one. */
export function compareSettings<Settings>(
  table: SettingTable<Settings>,
  running: Comparable<Settings>,
  read: Comparable<Settings>,
): ConfigChanges {
  const applied: string[] = []
  const needRestart: string[] = []
  for (const name of Object.keys(table) as (keyof Settings & string)[]) {
    const isSame =
      isDeepStrictEqual(running.settings[name], read.settings[name]) &&
      sameSecret(running.secrets[name], read.secrets[name])
    if (isSame) continue
    const list = table[name].reloads ? applied : needRestart
    list.push(name)
  }
  if (!sameChap(running.access.chap, read.access.chap)) applied.push('chap')
  if (!isDeepStrictEqual(running.access.initiators, read.access.initiators)) applied.push('initiators')
  if (!sameDhchap(running.access.dhchap, read.access.dhchap)) applied.push('dhchap')
  if (!isDeepStrictEqual(running.access.hosts, read.access.hosts)) applied.push('hosts')
  return { applied, needRestart }
}

function sameChap(a: AccessConfig['chap'], b: AccessConfig['chap']): boolean {
  return sameCredentials(a, b) && sameCredentials(a?.mutual, b?.mutual)
}

function sameDhchap(a: AccessConfig['dhchap'], b: AccessConfig['dhchap']): boolean {
  if (a === undefined || b === undefined || a.length !== b.length) return a === b
  return a.every(({ host, secret, controllerSecret }, index) => {
    const other = b[index]
    return (
      host === other?.host &&
      sameSecret(secret, other.secret) &&
      sameSecret(controllerSecret, other.controllerSecret)
    )
  })
}

const sameCredentials = (a: ChapCredentials | undefined, b: ChapCredentials | undefined): boolean =>
  a?.user === b?.user && sameSecret(a?.secret, b?.secret)

const sameSecret = (a: Secret | undefined, b: Secret | undefined): boolean =>
  a === undefined || b === undefined ? a === b : a.equals(b)
