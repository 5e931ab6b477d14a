/**
 * What a setting is, and those of `basalt target`: one table from which come the flags, the `BASALT_*` variables, the keys of
 * the configuration file and the text of `--help`. A setting is text wherever it comes from, and is parsed in
 * one place, so that all three accept the same.
 */
import { resolve } from 'node:path'
import { type TSchema, Type } from 'typebox'
import { formatHostPort, type HostPort, parseHostPort } from '../../base/address.ts'
import { parseDuration } from '../../base/durations.ts'
import { BlockError } from '../../base/errors.ts'
import { parseIscsiName, parseVolumeName, printable } from '../../base/names.ts'
import { parseSize } from '../../base/sizes.ts'
import { KIB } from '../../base/units.ts'

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

interface LogLossRange {
  readonly fromLsn: number
  readonly toLsn: number
}

/** Names are the flags' names: `--logical-block`, `BASALT_LOGICAL_BLOCK`, `logical-block:`. */
export interface TargetSettings {
  readonly data: string
  readonly volume: string
  readonly size: number | undefined
  readonly 'logical-block': 512 | 4096 | undefined
  /** One portal each, in the order of their portal group tags; at least one. */
  readonly iscsi: readonly HostPort[]
  /** What initiators are told instead, one for each of `iscsi`. */
  readonly 'iscsi-portal': readonly HostPort[] | undefined
  readonly 'iqn-prefix': string
  readonly admin: HostPort
  readonly 'admin-token-file': string | undefined
  readonly 'log-dir': string | undefined
  readonly 'read-only': boolean
  readonly 'accept-log-loss': LogLossRange | undefined
  readonly 'log-level': LogLevel
  readonly 'drain-timeout': number
  readonly 'sanitize-rate': number
  readonly 'ping-timeout': number
}

export interface Setting<T> {
  /** What stands after the flag in `--help`; undefined for a switch. */
  readonly placeholder: string | undefined
  readonly help: string
  /** What the value must be, for "expected …, found …". */
  readonly expects: string
  readonly default: string | undefined
  readonly required: boolean
  /** May be given several times: a list in the file, commas in the variable; `parse` takes the latter form. */
  readonly isList: boolean
  /** A path: in the file, relative to the file's directory. */
  readonly isPath: boolean
  /** SIGHUP changes it in a running server. */
  readonly reloads: boolean
  /** Shape in the configuration file. */
  readonly schema: TSchema
  /** `what` names where the text came from, and begins the error (INVALID_ARGUMENT). */
  parse(text: string, what: string): T
}

const DRAIN_TIMEOUT_MS_MAX = 3_600_000
/** More paths than any host uses to one target. */
const PORTALS_MAX = 16
const PING_TIMEOUT_MS = { MIN: 1_000, MAX: 3_600_000 } as const
const SANITIZE_RATE_MIN = 64 * KIB

/** All settings of a command, by name. */
export type SettingTable<Settings> = { readonly [Name in keyof Settings]: Setting<Settings[Name]> }

type Draft<T> = Pick<Setting<T>, 'help' | 'expects' | 'parse'> & Partial<Setting<T>>

/** A setting with what most have; `draft` has the rest. */
export const setting = <T>(draft: Draft<T>): Setting<T> => ({
  placeholder: undefined,
  default: undefined,
  required: false,
  isList: false,
  isPath: false,
  reloads: false,
  schema: Type.String({ description: draft.expects }),
  ...draft,
})

const integerOrText = (expects: string): TSchema =>
  Type.Union([Type.Integer(), Type.String()], { description: expects })

const textOrList = (expects: string): TSchema =>
  Type.Union(
    [Type.String(), Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: PORTALS_MAX })],
    {
      description: expects,
    },
  )

/** The items of a comma-separated list, each parsed by itself and none twice. */
function listOf(parse: (text: string, what: string) => HostPort, text: string, what: string): HostPort[] {
  const items = text.split(',')
  if (items.length > PORTALS_MAX) {
    throw new BlockError(
      'INVALID_ARGUMENT',
      `${what}: ${items.length} portals; at most ${PORTALS_MAX} are possible`,
    )
  }
  const addresses = items.map((item) => parse(item.trim(), what))
  const known = new Set<string>()
  for (const address of addresses) {
    const name = formatHostPort(address)
    if (address.port !== 0 && known.has(name)) {
      throw new BlockError('INVALID_ARGUMENT', `${what}: ${name} is given twice`)
    }
    known.add(name)
  }
  return addresses
}

/** Parses a path of the command line: absolute from then on. */
export const path = (text: string, what: string): string => {
  if (text !== '' && !text.includes('\0')) return resolve(text)
  throw new BlockError('INVALID_ARGUMENT', `${what}: a path must not be empty nor hold a zero byte`)
}

export const TARGET_SETTINGS: SettingTable<TargetSettings> = {
  data: setting({
    placeholder: 'DIR',
    required: true,
    help: 'directory that holds the volumes; made if missing, used by one server at a time',
    expects: 'a directory',
    isPath: true,
    parse: path,
  }),
  volume: setting({
    placeholder: 'NAME',
    required: true,
    help: 'volume to serve; made if it is not there (then --size is needed)',
    expects: "a volume name (a-z, 0-9, '.', '-')",
    parse: parseVolumeName,
  }),
  size: setting({
    placeholder: 'SIZE',
    help: 'size of a new volume, such as 10GiB; for a volume that is there it may be left out',
    expects: 'a size such as 10GiB',
    schema: integerOrText('a size such as 10GiB'),
    parse: parseSize,
  }),
  'logical-block': setting({
    placeholder: 'BYTES',
    help: 'logical block of a new volume, 512 (the default) or 4096',
    expects: '512 or 4096',
    schema: integerOrText('512 or 4096'),
    parse: (text, what) => {
      if (text === '512') return 512
      if (text === '4096') return 4096
      throw new BlockError(
        'INVALID_ARGUMENT',
        `${what}: '${printable(text)}' is not a logical block; use 512 or 4096`,
      )
    },
  }),
  iscsi: setting({
    placeholder: 'HOST:PORT',
    default: '127.0.0.1:3260',
    help: 'where iSCSI listens, given once for each portal; outside loopback the file must name CHAP or initiators',
    expects: 'HOST:PORT or a list of them',
    isList: true,
    schema: textOrList('HOST:PORT or a list of them'),
    parse: (text, what) => listOf(parseHostPort, text, what),
  }),
  'iscsi-portal': setting({
    placeholder: 'HOST:PORT',
    help: 'iSCSI address told to initiators, when they reach it by another than --iscsi; one for each --iscsi',
    expects: 'HOST:PORT or a list of them',
    isList: true,
    schema: textOrList('HOST:PORT or a list of them'),
    parse: (text, what) => listOf(portal, text, what),
  }),
  'iqn-prefix': setting({
    placeholder: 'IQN',
    default: 'iqn.2026-11.io.basalt',
    help: "what stands before ':NAME' in the target's name",
    expects: 'the beginning of an iSCSI name',
    parse: (text, what) => {
      const name = parseIscsiName(text, what)
      if (name.startsWith('iqn.') && !name.endsWith(':')) return name
      throw new BlockError(
        'INVALID_ARGUMENT',
        `${what}: '${printable(text)}' must begin with 'iqn.' and not end with ':'`,
      )
    },
  }),
  admin: setting({
    placeholder: 'HOST:PORT',
    default: '127.0.0.1:7462',
    help: 'where the admin HTTP API listens; outside loopback --admin-token-file is needed',
    expects: 'HOST:PORT',
    parse: parseHostPort,
  }),
  'admin-token-file': setting({
    placeholder: 'FILE',
    help: 'file with the bearer token that admin requests must carry',
    expects: 'a file',
    isPath: true,
    parse: path,
  }),
  'log-dir': setting({
    placeholder: 'DIR',
    help: "directory for the volumes' write-ahead logs, on another device perhaps; the same at every start",
    expects: 'a directory',
    isPath: true,
    parse: path,
  }),
  'read-only': setting({
    default: 'false',
    help: 'refuse writes',
    expects: 'true or false',
    schema: Type.Boolean({ description: 'true or false' }),
    parse: (text, what) => {
      if (/^(true|yes|1)$/i.test(text)) return true
      if (/^(false|no|0)$/i.test(text)) return false
      throw new BlockError('INVALID_ARGUMENT', `${what}: '${printable(text)}' is neither true nor false`)
    },
  }),
  'accept-log-loss': setting({
    placeholder: 'FROM..TO',
    help: 'open a volume whose log is damaged without the entries of this LSN range, as the refusal named it',
    expects: 'an LSN range FROM..TO',
    parse: logLossRange,
  }),
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
  'sanitize-rate': setting({
    placeholder: 'SIZE',
    default: '128MiB',
    help: 'how much SANITIZE OVERWRITE writes in a second, at least 64KiB',
    expects: 'a size such as 128MiB',
    schema: integerOrText('a size such as 128MiB'),
    parse: (text, what) => {
      const bytesPerSecond = parseSize(text, what)
      if (bytesPerSecond >= SANITIZE_RATE_MIN) return bytesPerSecond
      throw new BlockError('INVALID_ARGUMENT', `${what}: '${printable(text)}' is less than 64KiB`)
    },
  }),
  'ping-timeout': setting({
    placeholder: 'DURATION',
    default: '10s',
    help: 'how long a silent iSCSI initiator may take to answer a ping before it counts as gone, 1s to 1h',
    expects: 'a duration such as 10s',
    parse: (text, what) => {
      const timeoutMs = parseDuration(text, what)
      if (timeoutMs >= PING_TIMEOUT_MS.MIN && timeoutMs <= PING_TIMEOUT_MS.MAX) return timeoutMs
      throw new BlockError('INVALID_ARGUMENT', `${what}: '${printable(text)}' is not between 1s and 1h`)
    },
  }),
}

/** The environment variable of a setting. */
export const variableOf = (name: string): string => `BASALT_${name.toUpperCase().replaceAll('-', '_')}`

function portal(text: string, what: string): HostPort {
  const address = parseHostPort(text, what)
  if (address.port !== 0 && address.host !== '0.0.0.0' && address.host !== '::') return address
  throw new BlockError(
    'INVALID_ARGUMENT',
    `${what}: initiators cannot connect to ${formatHostPort(address)}; name the address and port that they use`,
  )
}

function logLossRange(text: string, what: string): LogLossRange {
  const match = /^(\d{1,16})\.\.(\d{1,16})$/.exec(text.trim())
  const range = { fromLsn: Number(match?.[1]), toLsn: Number(match?.[2]) }
  if (
    match !== null &&
    range.fromLsn >= 1 &&
    range.fromLsn <= range.toLsn &&
    Number.isSafeInteger(range.toLsn)
  ) {
    return range
  }
  throw new BlockError(
    'INVALID_ARGUMENT',
    `${what}: '${printable(text)}' is not FROM..TO; copy the LSN range from the error that refused to open the volume`,
  )
}
