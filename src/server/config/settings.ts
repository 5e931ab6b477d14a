/** The settings of `basalt target`, most of which are those of `basalt server` too. */
import { formatHostPort, type HostPort, parseHostPort } from '../../base/address.ts'
import { parseDuration } from '../../base/durations.ts'
import { BlockError } from '../../base/errors.ts'
import { parseIscsiName, parseVolumeName, printable } from '../../base/names.ts'
import { parseSize } from '../../base/sizes.ts'
import { KIB } from '../../base/units.ts'
import { COMMON_SETTINGS, type CommonSettings } from '../../config/common-settings.ts'
import {
  integerOrText,
  listOf,
  path,
  type SettingTable,
  setting,
  switchSetting,
  textOrList,
} from '../../config/settings.ts'

interface LogLossRange {
  readonly fromLsn: number
  readonly toLsn: number
}

/** Names are the flags' names: `--logical-block`, `BASALT_LOGICAL_BLOCK`, `logical-block:`. */
export interface TargetSettings extends CommonSettings {
  readonly data: string
  readonly volume: string
  readonly size: number | undefined
  readonly 'logical-block': 512 | 4096 | undefined
  /** One portal each, in the order of their portal group tags; at least one. */
  readonly iscsi: readonly HostPort[]
  /** What initiators are told instead, one for each of `iscsi`. */
  readonly 'iscsi-portal': readonly HostPort[] | undefined
  readonly 'iqn-prefix': string
  /** At least one. */
  readonly nvme: readonly HostPort[]
  /** What NVMe hosts are told instead, one for each of `nvme`. */
  readonly 'nvme-portal': readonly HostPort[] | undefined
  readonly 'nqn-prefix': string
  readonly admin: HostPort
  readonly 'admin-token-file': string | undefined
  readonly 'log-dir': string | undefined
  readonly 'read-only': boolean
  readonly 'accept-log-loss': LogLossRange | undefined
  readonly 'sanitize-rate': number
  readonly 'ping-timeout': number
}

const PING_TIMEOUT_MS = { MIN: 1_000, MAX: 3_600_000 } as const
/** NVM Express Base 2.0, NVMe Qualified Names: date, reversed domain, and what its owner adds. */
const NQN_PREFIX =
  /^nqn\.\d{4}-(?:0[1-9]|1[0-2])\.[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[\x21-\x7e]*[\x21-\x39\x3b-\x7e])?$/
/** A volume's name comes behind it; together at most 223. */
const NQN_PREFIX_LENGTH_MAX = 159
const SANITIZE_RATE_MIN = 64 * KIB

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
  nvme: setting({
    placeholder: 'HOST:PORT',
    default: '127.0.0.1:4420',
    help: 'where NVMe/TCP listens, given once for each address; outside loopback the file must name dhchap or hosts',
    expects: 'HOST:PORT or a list of them',
    isList: true,
    schema: textOrList('HOST:PORT or a list of them'),
    parse: (text, what) => listOf(parseHostPort, text, what),
  }),
  'nvme-portal': setting({
    placeholder: 'HOST:PORT',
    help: 'NVMe/TCP address told to hosts, when they reach it by another than --nvme; one for each --nvme',
    expects: 'HOST:PORT or a list of them',
    isList: true,
    schema: textOrList('HOST:PORT or a list of them'),
    parse: (text, what) => listOf(portal, text, what),
  }),
  'nqn-prefix': setting({
    placeholder: 'NQN',
    default: 'nqn.2026-11.io.basalt',
    help: "what stands before ':NAME' in the subsystem's name",
    expects: 'the beginning of an NQN',
    parse: (text, what) => {
      if (NQN_PREFIX.test(text) && text.length <= NQN_PREFIX_LENGTH_MAX) return text
      throw new BlockError(
        'INVALID_ARGUMENT',
        `${what}: '${printable(text)}' must begin with 'nqn.', a date and a domain, as nqn.2026-11.org.example does, and not end with ':'`,
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
  'read-only': switchSetting('refuse writes'),
  'accept-log-loss': setting({
    placeholder: 'FROM..TO',
    help: 'open a volume whose log is damaged without the entries of this LSN range, as the refusal named it',
    expects: 'an LSN range FROM..TO',
    parse: logLossRange,
  }),
  'log-level': COMMON_SETTINGS['log-level'],
  'drain-timeout': COMMON_SETTINGS['drain-timeout'],
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

function portal(text: string, what: string): HostPort {
  const address = parseHostPort(text, what)
  if (address.port !== 0 && address.host !== '0.0.0.0' && address.host !== '::') return address
  throw new BlockError(
    'INVALID_ARGUMENT',
    `${what}: hosts cannot connect to ${formatHostPort(address)}; name the address and port that they use`,
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
