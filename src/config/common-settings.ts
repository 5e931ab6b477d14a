/** Settings that several daemons have. */
import { parseDuration } from '../base/durations.ts'
import { BlockError } from '../base/errors.ts'
import { printable } from '../base/names.ts'
import { parseUuid } from '../base/uuid.ts'
import { path, type SettingTable, setting } from './settings.ts'

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const DRAIN_TIMEOUT_MS_MAX = 3_600_000

/** Of every daemon. */
export interface CommonSettings {
  readonly 'log-level': LogLevel
  readonly 'drain-timeout': number
}

export const COMMON_SETTINGS: SettingTable<CommonSettings> = {
  'log-level': setting({
    placeholder: 'LEVEL',
    default: 'info',
    reloads: true,
    help: `least level of log lines: ${LOG_LEVELS.join(', ')}`,
    expects: `one of ${LOG_LEVELS.join(', ')}`,
    parse: (text, what) => {
      const level = LOG_LEVELS.find((known) => known === text)
      if (level !== undefined) return level
      throw new BlockError(
        'INVALID_ARGUMENT',
        `${what}: '${printable(text)}' is not a level; use one of ${LOG_LEVELS.join(', ')}`,
      )
    },
  }),
  'drain-timeout': setting({
    placeholder: 'DURATION',
    default: '30s',
    reloads: true,
    help: 'how long a stop waits for sessions and the last flush, at most 1h',
    expects: 'a duration such as 30s',
    parse: (text, what) => {
      const timeoutMs = parseDuration(text, what)
      if (timeoutMs <= DRAIN_TIMEOUT_MS_MAX) return timeoutMs
      throw new BlockError('INVALID_ARGUMENT', `${what}: '${printable(text)}' is more than an hour`)
    },
  }),
}

/** Of every node of a cluster: its certificate, all three or none. */
export interface TlsSettings {
  readonly 'tls-ca': string | undefined
  readonly 'tls-cert': string | undefined
  readonly 'tls-key': string | undefined
}

const pem = (help: string) =>
  setting({ placeholder: 'FILE', help, expects: 'a file', isPath: true, parse: path })

export const TLS_SETTINGS: SettingTable<TlsSettings> = {
  'tls-ca': pem("certificate of the cluster's authority, PEM; with --tls-cert and --tls-key"),
  'tls-cert': pem('certificate of this node, PEM'),
  'tls-key': pem('private key of this node, PEM'),
}

/** The three files; undefined without any; INVALID_ARGUMENT when some are missing. */
export function tlsFilesOf(
  settings: TlsSettings,
): { readonly ca: string; readonly cert: string; readonly key: string } | undefined {
  const { 'tls-ca': ca, 'tls-cert': cert, 'tls-key': key } = settings
  if (ca === undefined && cert === undefined && key === undefined) return undefined
  if (ca !== undefined && cert !== undefined && key !== undefined) return { ca, cert, key }
  throw new BlockError(
    'INVALID_ARGUMENT',
    '--tls-ca, --tls-cert and --tls-key belong together; give all three or none',
  )
}

/** UUID of a cluster, as 16 bytes. */
export function parseClusterId(text: string, what: string): Uint8Array {
  const uuid = parseUuid(text.trim().toLowerCase())
  if (uuid !== undefined) return uuid
  throw new BlockError(
    'INVALID_ARGUMENT',
    `${what}: '${printable(text)}' is not a UUID; 'basalt cluster init' makes one`,
  )
}
