/**
 * The configuration of one `basalt csi`: its socket, the master that it works with, and who and where the node is. The token
 * comes from a file or a variable and never shows.
 */
import { hostname } from 'node:os'
import { type HostPort, parseHostPort } from '../../base/address.ts'
import { BlockError } from '../../base/errors.ts'
import { printable } from '../../base/names.ts'
import { COMMON_SETTINGS, type CommonSettings } from '../../config/common-settings.ts'
import {
  type ConfigChanges,
  type ConfigSources,
  compareSettings,
  resolveSettings,
} from '../../config/resolve-settings.ts'
import { integerOrText, path, type SettingTable, setting } from '../../config/settings.ts'
import { parseNodeId } from '../core/node-names.ts'
import { parseEndpoint } from './unix-endpoint.ts'

const MODES = ['controller', 'node', 'all'] as const
export type CsiMode = (typeof MODES)[number]
const HOSTS = ['real', 'fake'] as const
type HostKind = (typeof HOSTS)[number]

/** Names are the flags' names. */
export interface CsiSettings extends CommonSettings {
  /** Path of the socket. */
  readonly endpoint: string
  /** Such as 0o660. */
  readonly 'socket-mode': number
  readonly mode: CsiMode
  readonly 'driver-name': string
  readonly master: string
  readonly 'token-file': string | undefined
  readonly ca: string | undefined
  /** Undefined: the host's name. */
  readonly 'node-id': string | undefined
  readonly zone: string | undefined
  readonly rack: string | undefined
  readonly 'state-dir': string
  readonly 'max-volumes': number
  readonly host: HostKind
  /** Of metrics and health; undefined: nowhere. */
  readonly http: HostPort | undefined
}

/** RFC 1035 as the specification wants it: a domain name in reverse, at most 63 characters. */
const DRIVER_NAME = /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,61}[a-zA-Z0-9])?$/
/** A segment of a topology, and a zone or rack of a server. */
const PLACE = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/
/** More disks than a host is used with. */
const VOLUMES_MAX = 4096

const place = (help: string) =>
  setting<string | undefined>({
    placeholder: 'NAME',
    help,
    expects: 'a name of at most 63 characters',
    // an orchestrator hands on a label that is not there as an empty text
    parse: (text, what) =>
      text === '' ? undefined : match(text, what, PLACE, 'a name of at most 63 characters'),
  })

export const CSI_SETTINGS: SettingTable<CsiSettings> = {
  endpoint: setting({
    placeholder: 'URL',
    required: true,
    help: 'socket that the orchestrator calls, such as unix:///csi/csi.sock (default: what CSI_ENDPOINT says)',
    expects: 'a socket such as unix:///csi/csi.sock',
    parse: parseEndpoint,
  }),
  'socket-mode': setting({
    placeholder: 'MODE',
    default: '0660',
    help: 'who may connect to the socket, in octal digits',
    expects: 'octal digits such as "0660"',
    parse: (text, what) => {
      if (/^0?[0-7]{3}$/.test(text)) return Number.parseInt(text, 8)
      throw invalid(`${what}: '${printable(text)}' is not a file mode; write for example 0660`)
    },
  }),
  mode: setting({
    placeholder: 'MODE',
    default: 'all',
    help: `what is served: ${MODES.join(', ')}`,
    expects: `one of ${MODES.join(', ')}`,
    parse: (text, what) => oneOf(text, what, MODES),
  }),
  'driver-name': setting({
    placeholder: 'NAME',
    default: 'csi.basalt.io',
    help: 'what the driver is called in storage classes; the same for all its parts',
    expects: 'a domain name of at most 63 characters',
    parse: (text, what) => match(text, what, DRIVER_NAME, 'a domain name of at most 63 characters'),
  }),
  master: setting({
    placeholder: 'URL',
    default: 'http://127.0.0.1:7470',
    help: "the master's HTTP API",
    expects: 'an address such as https://master.example:7470',
    parse: (text) => text,
  }),
  'token-file': setting({
    placeholder: 'FILE',
    help: 'file with a token of role operator; BASALT_TOKEN holds the token itself',
    expects: 'a file',
    isPath: true,
    parse: path,
  }),
  ca: setting({
    placeholder: 'FILE',
    help: 'certificate that signed the one of the master (PEM), for https',
    expects: 'a file',
    isPath: true,
    parse: path,
  }),
  'node-id': setting({
    placeholder: 'NAME',
    help: "what this node is called, of a-z, 0-9, '.' and '-', no other one alike (default: the host's name)",
    expects: 'a name of at most 63 characters',
    parse: parseNodeId,
  }),
  zone: place('zone that this node stands in'),
  rack: place('rack within the zone'),
  'state-dir': setting({
    placeholder: 'DIR',
    default: '/var/lib/basalt-csi',
    help: 'directory of what the node has staged; made if missing, and to be kept over restarts',
    expects: 'a directory',
    isPath: true,
    parse: path,
  }),
  'max-volumes': setting({
    placeholder: 'N',
    default: '0',
    help: `volumes that the node may have at once, up to ${VOLUMES_MAX}; 0: as many as the orchestrator likes`,
    expects: 'a number',
    schema: integerOrText('a number'),
    parse: (text, what) => {
      if (/^\d{1,4}$/.test(text) && Number(text) <= VOLUMES_MAX) return Number(text)
      throw invalid(`${what}: '${printable(text)}' is not a number from 0 to ${VOLUMES_MAX}`)
    },
  }),
  host: setting({
    placeholder: 'KIND',
    default: 'real',
    help: "'real' attaches and mounts with the host's tools; 'fake' only remembers, for tests of orchestrators",
    expects: `one of ${HOSTS.join(', ')}`,
    parse: (text, what) => oneOf(text, what, HOSTS),
  }),
  http: setting<HostPort | undefined>({
    placeholder: 'HOST:PORT',
    help: 'where metrics and health are served over HTTP, to whoever asks (default: nowhere)',
    expects: 'HOST:PORT',
    parse: parseHostPort,
  }),
  ...COMMON_SETTINGS,
  'drain-timeout': {
    ...COMMON_SETTINGS['drain-timeout'],
    help: 'how long a stop waits for calls that are under way, at most 1h',
  },
}

export interface CsiConfig {
  readonly settings: CsiSettings
  /** What the node is called. */
  readonly nodeId: string
  /** The token itself, when no file was given. */
  readonly token: string | undefined
  readonly warnings: readonly string[]
}

/** Reads every source. INVALID_ARGUMENT names the flag, the variable or `file:line:column`. */
export async function loadCsiConfig({ flags, environment }: ConfigSources): Promise<CsiConfig> {
  const { CSI_ENDPOINT: endpoint, BASALT_TOKEN: token, ...rest } = environment
  const { settings, access, warnings } = await resolveSettings(CSI_SETTINGS, {
    flags,
    // the name that the specification gives it
    environment: endpoint === undefined ? rest : { BASALT_ENDPOINT: endpoint, ...rest },
  })
  const rules = Object.keys(access)
  if (rules.length > 0) {
    throw invalid(`--config: a driver has no ${rules.join(' nor ')}; it lets nodes in as they get volumes`)
  }
  if (settings.host === 'fake') {
    warnings.push('--host fake: nothing is attached or mounted, and no data is kept; for tests only')
  }
  return { settings, nodeId: nodeIdOf(settings), token: token?.trim() || undefined, warnings }
}

function nodeIdOf(settings: CsiSettings): string {
  const given = settings['node-id']
  if (given !== undefined) return given
  // a controller has no node id; it only says where it runs
  const own = hostname().toLowerCase()
  return settings.mode === 'controller' ? own : parseNodeId(own, "--node-id (the host's name)")
}

/** What differs between the running configuration and a newly read one. */
export function compareCsiConfigs(running: CsiConfig, read: CsiConfig): ConfigChanges {
  const comparable = ({ settings }: CsiConfig) => ({ settings, access: {}, secrets: {} })
  return compareSettings(CSI_SETTINGS, comparable(running), comparable(read))
}

function oneOf<const Known extends string>(text: string, what: string, known: readonly Known[]): Known {
  const found = known.find((one) => one === text)
  if (found !== undefined) return found
  throw invalid(`${what}: '${printable(text)}' is not one of ${known.join(', ')}`)
}

function match(text: string, what: string, pattern: RegExp, expected: string): string {
  if (pattern.test(text)) return text
  throw invalid(`${what}: '${printable(text)}' is not ${expected}`)
}

const invalid = (message: string): BlockError => new BlockError('INVALID_ARGUMENT', message)
