/**
 * The configuration of one `basalt master`: where it listens, where its registry is, and the files of its node, most of
 * which `basalt cluster init` writes.
 */
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { formatHostPort, type HostPort, isLoopback, parseHostPort } from '../../base/address.ts'
import { parseDuration } from '../../base/durations.ts'
import { BlockError } from '../../base/errors.ts'
import { parseIscsiName, parseNqn, printable } from '../../base/names.ts'
import {
  COMMON_SETTINGS,
  type CommonSettings,
  parseClusterId,
  TLS_SETTINGS,
  type TlsSettings,
  tlsFilesOf,
} from '../../config/common-settings.ts'
import {
  type ConfigChanges,
  type ConfigSources,
  compareSettings,
  resolveSettings,
} from '../../config/resolve-settings.ts'
import { path, type SettingTable, setting } from '../../config/settings.ts'
import { readTextFile } from '../../config/text-file.ts'
import type { TokenRecord } from '../records.ts'

/** Names are the flags' names. */
export interface MasterSettings extends CommonSettings, TlsSettings {
  readonly data: string
  /** 16 bytes. */
  readonly 'cluster-id': Uint8Array
  readonly http: HostPort
  readonly grpc: HostPort
  readonly 'http-tls-cert': string | undefined
  readonly 'http-tls-key': string | undefined
  readonly 'secrets-key': string | undefined
  readonly 'initial-tokens': string | undefined
  readonly 'iqn-prefix': string
  readonly 'nqn-prefix': string
  readonly 'cors-origins': readonly string[]
  readonly 'replace-after': number
  readonly overcommit: number
}

const REPLACE_AFTER_MS = { MIN: 10_000, MAX: 168 * 3_600_000 } as const
const ORIGINS_MAX = 16

export const MASTER_SETTINGS: SettingTable<MasterSettings> = {
  data: setting({
    placeholder: 'DIR',
    required: true,
    help: 'directory that holds the registry; made if missing, used by one master at a time',
    expects: 'a directory',
    isPath: true,
    parse: path,
  }),
  'cluster-id': setting({
    placeholder: 'UUID',
    required: true,
    help: "UUID of the cluster, the same for all its nodes; 'basalt cluster init' makes it",
    expects: 'a UUID',
    parse: parseClusterId,
  }),
  http: setting({
    placeholder: 'HOST:PORT',
    default: '127.0.0.1:7470',
    help: 'where the HTTP API and its pages are served',
    expects: 'HOST:PORT',
    parse: parseHostPort,
  }),
  grpc: setting({
    placeholder: 'HOST:PORT',
    default: '127.0.0.1:7471',
    help: 'where block servers reach the master; outside loopback certificates are needed',
    expects: 'HOST:PORT',
    parse: parseHostPort,
  }),
  ...TLS_SETTINGS,
  'http-tls-cert': setting({
    placeholder: 'FILE',
    help: 'certificate of the HTTP API, PEM, with those that lead to its authority; with --http-tls-key',
    expects: 'a file',
    isPath: true,
    parse: path,
  }),
  'http-tls-key': setting({
    placeholder: 'FILE',
    help: 'private key of --http-tls-cert, PEM',
    expects: 'a file',
    isPath: true,
    parse: path,
  }),
  'secrets-key': setting({
    placeholder: 'FILE',
    help: 'file with the key that encrypts secrets in the registry (default: DIR/secrets.key, made if it is missing)',
    expects: 'a file',
    isPath: true,
    parse: path,
  }),
  'initial-tokens': setting({
    placeholder: 'FILE',
    help: "tokens that a new registry begins with, as 'basalt cluster init' wrote them",
    expects: 'a file',
    isPath: true,
    parse: path,
  }),
  'iqn-prefix': setting({
    placeholder: 'IQN',
    default: 'iqn.2026-11.io.basalt',
    help: "what stands before ':NAME' in a volume's target name; the same on all servers",
    expects: 'the beginning of an iSCSI name',
    parse: parseIscsiName,
  }),
  'nqn-prefix': setting({
    placeholder: 'NQN',
    default: 'nqn.2026-11.io.basalt',
    help: "what stands before ':NAME' in the name of a volume's NVMe subsystem; the same on all servers",
    expects: 'the beginning of an NVMe name',
    parse: parseNqn,
  }),
  'cors-origins': setting({
    placeholder: 'ORIGIN',
    default: '',
    help: 'web origins, such as https://ops.example, whose pages may call the HTTP API',
    expects: 'an origin or a list of them',
    isList: true,
    schema: {
      anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' }, maxItems: ORIGINS_MAX }],
      description: 'an origin or a list of them',
    },
    parse: parseOrigins,
  }),
  'replace-after': setting({
    placeholder: 'DURATION',
    default: '10m',
    help: 'how long a server may be away before its replicas are made anew elsewhere, 10s to 168h',
    expects: 'a duration such as 10m',
    parse: (text, what) => {
      const durationMs = parseDuration(text, what)
      if (durationMs >= REPLACE_AFTER_MS.MIN && durationMs <= REPLACE_AFTER_MS.MAX) return durationMs
      throw invalid(`${what}: '${printable(text)}' is not between 10s and 168h`)
    },
  }),
  overcommit: setting({
    placeholder: 'RATIO',
    default: '2',
    help: "how many times a server's capacity may be promised to volumes, which take space as they fill; 1 to 100",
    expects: 'a number such as 1.5',
    schema: { anyOf: [{ type: 'number' }, { type: 'string' }], description: 'a number such as 1.5' },
    parse: (text, what) => {
      const ratio = Number(text)
      if (/^\d{1,3}(\.\d{1,3})?$/.test(text) && ratio >= 1 && ratio <= 100) return ratio
      throw invalid(`${what}: '${printable(text)}' is not a number from 1 to 100`)
    },
  }),
  ...COMMON_SETTINGS,
}

export interface MasterConfig {
  readonly settings: MasterSettings
  readonly initialTokens: readonly TokenRecord[]
  /** Of the HTTP API; undefined: plain HTTP. */
  readonly httpTls: { readonly cert: string; readonly key: string } | undefined
  readonly warnings: readonly string[]
}

const FILE_BYTES_MAX = 64 * 1024
const Tokens = Type.Array(
  Type.Object(
    {
      id: Type.String({ minLength: 1, maxLength: 64 }),
      name: Type.String({ minLength: 1, maxLength: 64 }),
      role: Type.Enum(['admin', 'operator', 'viewer', 'server']),
      sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
      createdAt: Type.Number(),
      expiresAt: Type.Union([Type.Number(), Type.Null()]),
    },
    { additionalProperties: false },
  ),
  { maxItems: 100 },
)

/** Reads every source. INVALID_ARGUMENT names the flag, variable or `file:line:column`; ACCESS_DENIED: too open. */
export async function loadMasterConfig(sources: ConfigSources): Promise<MasterConfig> {
  const { settings, access, warnings } = await resolveSettings(MASTER_SETTINGS, sources)
  if (access.chap !== undefined || access.initiators !== undefined) {
    throw invalid("--config: a master has no chap nor initiators; volumes have, by 'basalt volume access'")
  }
  const hasTls = tlsFilesOf(settings) !== undefined
  if (!isLoopback(settings.grpc.host) && !hasTls) {
    throw new BlockError(
      'ACCESS_DENIED',
      `--grpc ${formatHostPort(settings.grpc)} would take block servers' streams unencrypted; give --tls-ca, --tls-cert and --tls-key ('basalt cluster init' makes them), or listen on 127.0.0.1`,
    )
  }
  const httpTls = await readHttpTls(settings, warnings)
  if (!isLoopback(settings.http.host) && httpTls === undefined) {
    warnings.push(
      `--http ${formatHostPort(settings.http)} is not on loopback and not encrypted: tokens can be read on the way; give --http-tls-cert and --http-tls-key, or put a proxy in front`,
    )
  }
  const initialTokens = await readTokens(settings['initial-tokens'])
  return { settings, initialTokens, httpTls, warnings }
}

async function readHttpTls(settings: MasterSettings, warnings: string[]): Promise<MasterConfig['httpTls']> {
  const { 'http-tls-cert': certPath, 'http-tls-key': keyPath } = settings
  if (certPath === undefined && keyPath === undefined) return undefined
  if (certPath === undefined || keyPath === undefined) {
    throw invalid('--http-tls-cert and --http-tls-key belong together; give both or none')
  }
  const cert = await readTextFile(certPath, '--http-tls-cert', FILE_BYTES_MAX)
  const key = await readTextFile(keyPath, '--http-tls-key', FILE_BYTES_MAX)
  if (key.readableByOthers) {
    warnings.push(`${keyPath} holds a private key and others may read it; chmod 600 it`)
  }
  return { cert: cert.text, key: key.text }
}

async function readTokens(file: string | undefined): Promise<Static<typeof Tokens>> {
  if (file === undefined) return []
  const { text } = await readTextFile(file, '--initial-tokens', FILE_BYTES_MAX)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new BlockError('INVALID_ARGUMENT', `--initial-tokens: ${file} is not JSON`, { cause })
  }
  if (Value.Check(Tokens, value)) return value
  throw invalid(`--initial-tokens: ${file} is not a list of tokens as 'basalt cluster init' writes it`)
}

function parseOrigins(text: string, what: string): string[] {
  const origins = text
    .split(',')
    .map((origin) => origin.trim())
    .filter((origin) => origin !== '')
  for (const origin of origins) {
    if (/^https?:\/\/[A-Za-z0-9.-]+(?::\d{1,5})?$/.test(origin)) continue
    throw invalid(`${what}: '${printable(origin)}' is not an origin; write for example https://ops.example`)
  }
  return origins
}

/** What differs between the running configuration and a newly read one. */
export function compareMasterConfigs(running: MasterConfig, read: MasterConfig): ConfigChanges {
  const comparable = ({ settings }: MasterConfig) => ({ settings, access: {}, secrets: {} })
  return compareSettings(MASTER_SETTINGS, comparable(running), comparable(read))
}

const invalid = (message: string): BlockError => new BlockError('INVALID_ARGUMENT', message)
