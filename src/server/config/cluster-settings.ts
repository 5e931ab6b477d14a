/** Settings of a block server that takes its orders from a master, and what must hold for them together. */
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { formatHostPort, type HostPort, isLoopback, parseHostPort } from '../../base/address.ts'
import { BlockError } from '../../base/errors.ts'
import { printable } from '../../base/names.ts'
import { path, type Setting, type SettingTable, setting, textOrList } from '../../config/settings.ts'
import type { DiskType } from '../../master/records.ts'

export interface ClusterSettings {
  /** Undefined: orders come by POST /assign. */
  readonly master: readonly HostPort[] | undefined
  readonly 'join-token-file': string | undefined
  /** Undefined: the host's. */
  readonly name: string | undefined
  readonly zone: string | undefined
  readonly rack: string | undefined
  readonly 'disk-type': DiskType
  readonly grpc: HostPort
  readonly advertise: string | undefined
  /** What others are told instead of where it listens, port and all. */
  readonly 'advertise-grpc': HostPort | undefined
  readonly 'advertise-replication': HostPort | undefined
}

const DISK_TYPES: readonly DiskType[] = ['ssd', 'hdd', 'nvme']
const MASTERS_MAX = 16
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/
const PLACE = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/

export const CLUSTER_SETTINGS: SettingTable<ClusterSettings> = {
  master: setting({
    placeholder: 'HOST:PORT',
    isList: true,
    help: "where the cluster's masters take servers' streams; without it orders come by POST /assign",
    expects: 'HOST:PORT or a list of them',
    schema: textOrList('HOST:PORT or a list of them'),
    parse: mastersOf,
  }),
  'join-token-file': setting({
    placeholder: 'FILE',
    help: 'file with the token by which the master lets servers join',
    expects: 'a file',
    isPath: true,
    parse: path,
  }),
  name: setting({
    placeholder: 'NAME',
    help: "name of this server for people and in its certificate, one of its own in the cluster; else the host's",
    expects: "a name of A-Z, a-z, 0-9, '.', '_' and '-'",
    parse: (text, what) => match(text, what, NAME, "a name of A-Z, a-z, 0-9, '.', '_' and '-'"),
  }),
  zone: setting({
    reloads: true,
    placeholder: 'ZONE',
    help: 'zone that this server stands in: replicas of a volume go to different ones',
    expects: 'a name of at most 63 characters',
    parse: placeOf,
  }),
  rack: setting({
    reloads: true,
    placeholder: 'RACK',
    help: 'rack within the zone',
    expects: 'a name of at most 63 characters',
    parse: placeOf,
  }),
  'disk-type': setting({
    reloads: true,
    placeholder: 'TYPE',
    default: 'ssd',
    help: `what the volumes lie on: ${DISK_TYPES.join(', ')}`,
    expects: `one of ${DISK_TYPES.join(', ')}`,
    parse: (text, what) => {
      const type = DISK_TYPES.find((known) => known === text)
      if (type !== undefined) return type
      throw new BlockError(
        'INVALID_ARGUMENT',
        `${what}: '${printable(text)}' is not a disk type; use one of ${DISK_TYPES.join(', ')}`,
      )
    },
  }),
  grpc: setting({
    placeholder: 'HOST:PORT',
    default: '127.0.0.1:7461',
    help: "where the master's calls are taken; outside loopback certificates are needed",
    expects: 'HOST:PORT',
    parse: parseHostPort,
  }),
  advertise: setting({
    placeholder: 'HOST',
    help: 'address of this machine that master and servers are told, when it listens on another, such as 0.0.0.0',
    expects: 'an address or a host name',
    parse: (text, what) => {
      const host = text.trim().replace(/^\[(.*)\]$/, '$1')
      if (isIP(host) === 0 && !NAME.test(host)) {
        const found = printable(text)
        throw new BlockError('INVALID_ARGUMENT', `${what}: '${found}' is not a host; leave the port out`)
      }
      return host
    },
  }),
  'advertise-grpc': whole('grpc'),
  'advertise-replication': whole('replication'),
}

/** INVALID_ARGUMENT and ACCESS_DENIED for settings that cannot serve a cluster. `hasTls`: there are certificates. */
export function checkClusterSettings(
  settings: ClusterSettings & { readonly replication: HostPort; readonly http: HostPort },
  hasTls: boolean,
): void {
  const { master, grpc, advertise } = settings
  if (master === undefined) return
  const remote = [...master.map((address) => ['master', address] as const), ['grpc', grpc] as const].find(
    ([, { host }]) => !isLoopback(host),
  )
  if (remote !== undefined && !hasTls) {
    const [flag, address] = remote
    throw new BlockError(
      'ACCESS_DENIED',
      `--${flag} ${formatHostPort(address)} is not on loopback, and tokens and secrets would pass unencrypted; give --tls-ca, --tls-cert and --tls-key ('basalt cluster init' makes them)`,
    )
  }
  const everywhere = (['grpc', 'replication', 'http'] as const).find(
    (name) =>
      isWildcard(settings[name].host) && (name === 'http' || settings[`advertise-${name}`] === undefined),
  )
  if (everywhere !== undefined && advertise === undefined) {
    throw new BlockError(
      'INVALID_ARGUMENT',
      `--${everywhere} ${formatHostPort(settings[everywhere])} is no address that others can reach; say which one with --advertise`,
    )
  }
}

/** What others are told of an address that this server listens on. */
export const advertised = ({ host, port }: HostPort, advertise: string | undefined): string =>
  formatHostPort({ host: advertise ?? host, port })

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::'

/** A setting with the whole address that others use for `flag`. */
function whole(flag: 'grpc' | 'replication'): Setting<HostPort | undefined> {
  return setting({
    placeholder: 'HOST:PORT',
    help: `address and port that others use for --${flag}, when a proxy or a port mapping stands before it`,
    expects: 'HOST:PORT',
    parse: (text, what) => {
      const address = parseHostPort(text, what)
      if (address.port !== 0 && !isWildcard(address.host)) return address
      throw new BlockError(
        'INVALID_ARGUMENT',
        `${what}: others cannot connect to ${formatHostPort(address)}; name the address and port that they use`,
      )
    },
  })
}

function mastersOf(text: string, what: string): HostPort[] {
  const masters = text.split(',').map((item) => parseHostPort(item, what))
  if (masters.length <= MASTERS_MAX) return masters
  throw new BlockError(
    'INVALID_ARGUMENT',
    `${what}: ${masters.length} masters; at most ${MASTERS_MAX} are possible`,
  )
}

/** Empty is none: orchestrators set a variable from a label, which a machine may lack. */
function placeOf(text: string, what: string): string | undefined {
  return text === '' ? undefined : match(text, what, PLACE, 'a name of at most 63 characters')
}

function match(text: string, what: string, pattern: RegExp, expects: string): string {
  if (pattern.test(text)) return text
  throw new BlockError('INVALID_ARGUMENT', `${what}: '${printable(text)}' is not ${expects}`)
}

/** The name that others are told. */
export function serverNameOf(settings: ClusterSettings): string {
  const name = settings.name ?? hostname()
  return NAME.test(name) ? name : 'server'
}
