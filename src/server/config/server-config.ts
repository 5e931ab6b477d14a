/**
 * The configuration of one `basalt server`: its settings, most of them those of a target, and the cluster that it
 * belongs to. The cluster key proves servers to each other; it comes from a file and never shows.
 */
import { formatHostPort, type HostPort, isLoopback, parseHostPort } from '../../base/address.ts'
import { BlockError } from '../../base/errors.ts'
import { type AccessConfig, hasRules, refuseOpenService } from '../../config/access-config.ts'
import { parseClusterId, TLS_SETTINGS, type TlsSettings, tlsFilesOf } from '../../config/common-settings.ts'
import {
  type ConfigChanges,
  type ConfigSources,
  compareSettings,
  pairPortals,
  readToken,
  resolveSettings,
} from '../../config/resolve-settings.ts'
import { path, type SettingTable, setting, switchSetting } from '../../config/settings.ts'
import type { Secret } from '../../frontend/secret.ts'
import { CLUSTER_SETTINGS, type ClusterSettings, checkClusterSettings } from './cluster-settings.ts'
import { TARGET_SETTINGS, type TargetSettings } from './settings.ts'

/** Names are the flags' names. */
export interface ServerSettings
  extends ClusterSettings,
    TlsSettings,
    Pick<
      TargetSettings,
      | 'data'
      | 'iscsi'
      | 'iscsi-portal'
      | 'iqn-prefix'
      | 'nvme'
      | 'nvme-portal'
      | 'nqn-prefix'
      | 'log-dir'
      | 'log-level'
      | 'drain-timeout'
      | 'sanitize-rate'
      | 'ping-timeout'
    > {
  readonly replication: HostPort
  readonly http: HostPort
  readonly 'http-token-file': string | undefined
  /** 16 bytes. */
  readonly 'cluster-id': Uint8Array
  readonly 'cluster-key': string
  readonly 'plain-replication': boolean
}

export const SERVER_SETTINGS: SettingTable<ServerSettings> = {
  data: {
    ...TARGET_SETTINGS.data,
    help: 'directory that holds the replicas; made if missing, used by one server at a time',
  },
  'cluster-id': setting({
    placeholder: 'UUID',
    required: true,
    help: 'UUID of the cluster, the same on all its servers; make it once',
    expects: 'a UUID',
    parse: parseClusterId,
  }),
  'cluster-key': setting({
    placeholder: 'FILE',
    required: true,
    help: 'file with the key by which servers of the cluster know each other, the same on all of them',
    expects: 'a file',
    isPath: true,
    parse: path,
  }),
  ...CLUSTER_SETTINGS,
  ...TLS_SETTINGS,
  'plain-replication': switchSetting(
    "replicate outside loopback without --tls-cert: peers prove who they are, content is not encrypted; only on a network of the servers' own",
  ),
  replication: setting({
    placeholder: 'HOST:PORT',
    default: '127.0.0.1:7460',
    help: 'where other servers of the cluster reach the replicas; outside loopback certificates are needed',
    expects: 'HOST:PORT',
    parse: parseHostPort,
  }),
  http: setting({
    placeholder: 'HOST:PORT',
    default: '127.0.0.1:7462',
    help: 'where the HTTP API listens; outside loopback --http-token-file is needed',
    expects: 'HOST:PORT',
    parse: parseHostPort,
  }),
  'http-token-file': setting({
    placeholder: 'FILE',
    help: 'file with the bearer token that HTTP requests must carry',
    expects: 'a file',
    isPath: true,
    parse: path,
  }),
  iscsi: TARGET_SETTINGS.iscsi,
  'iscsi-portal': TARGET_SETTINGS['iscsi-portal'],
  'iqn-prefix': TARGET_SETTINGS['iqn-prefix'],
  nvme: TARGET_SETTINGS.nvme,
  'nvme-portal': TARGET_SETTINGS['nvme-portal'],
  'nqn-prefix': TARGET_SETTINGS['nqn-prefix'],
  'log-dir': TARGET_SETTINGS['log-dir'],
  'log-level': TARGET_SETTINGS['log-level'],
  'drain-timeout': TARGET_SETTINGS['drain-timeout'],
  'sanitize-rate': TARGET_SETTINGS['sanitize-rate'],
  'ping-timeout': TARGET_SETTINGS['ping-timeout'],
}

export interface ServerConfig {
  readonly settings: ServerSettings
  /** Who may use the volumes, all alike. */
  readonly access: AccessConfig
  readonly httpToken: Secret | undefined
  /** By which the master lets this server join. */
  readonly joinToken: Secret | undefined
  readonly clusterKey: Secret
  readonly warnings: readonly string[]
}

/** Reads every source. INVALID_ARGUMENT names the flag, variable or `file:line:column`; ACCESS_DENIED: too open. */
export async function loadServerConfig(sources: ConfigSources): Promise<ServerConfig> {
  const resolved = await resolveSettings(SERVER_SETTINGS, sources)
  const { settings, warnings } = resolved
  const access = accessOf(settings, resolved.access, warnings)
  pairPortals(settings)
  const httpToken = await readToken(settings['http-token-file'], '--http-token-file', warnings)
  const clusterKey = await readToken(settings['cluster-key'], '--cluster-key', warnings)
  const joinToken = await readToken(settings['join-token-file'], '--join-token-file', warnings)
  checkClusterSettings(settings, tlsFilesOf(settings) !== undefined)
  if (clusterKey === undefined) throw new BlockError('INVALID_ARGUMENT', '--cluster-key is missing')
  refuseOpenServer({ settings, access, httpToken })
  if (isPlainOutside(settings)) {
    warnings.push(
      `--replication ${formatHostPort(settings.replication)} is not on loopback and not encrypted, as --plain-replication allows; use a network of the servers' own`,
    )
  }
  return { settings, access, httpToken, joinToken, clusterKey, warnings }
}

/** In a cluster the master says who may use a volume: what it says nothing of is for nobody outside loopback. */
function accessOf(settings: ServerSettings, access: AccessConfig, warnings: string[]): AccessConfig {
  const isOpen = [...settings.iscsi, ...settings.nvme].some(({ host }) => !isLoopback(host))
  if (settings.master === undefined || !isOpen || hasRules(access)) return access
  warnings.push(
    "hosts may use only volumes that have an access list or CHAP: 'basalt volume access' gives them",
  )
  return { ...access, initiators: [], hosts: [] }
}

/** ACCESS_DENIED when hosts or the HTTP API would be open to everybody who reaches this machine. */
export function refuseOpenServer(config: Pick<ServerConfig, 'settings' | 'access' | 'httpToken'>): void {
  const { settings, access, httpToken } = config
  if (isPlainOutside(settings) && !settings['plain-replication']) {
    throw new BlockError(
      'ACCESS_DENIED',
      `--replication ${formatHostPort(settings.replication)} would send the volumes' content unencrypted; give --tls-ca, --tls-cert and --tls-key ('basalt cluster init' makes them), or --plain-replication on a network of the servers' own`,
    )
  }
  refuseOpenService({
    iscsi: settings.iscsi,
    nvme: settings.nvme,
    access,
    api: {
      flag: '--http',
      tokenFlag: '--http-token-file',
      listen: settings.http,
      hasToken: httpToken !== undefined,
    },
  })
}

/** Other machines reach the replicas, by connections that are not encrypted. INVALID_ARGUMENT as of `tlsFilesOf`. */
const isPlainOutside = (settings: ServerSettings): boolean =>
  tlsFilesOf(settings) === undefined && !isLoopback(settings.replication.host)

/** What differs between the running configuration and a newly read one. */
export function compareServerConfigs(running: ServerConfig, read: ServerConfig): ConfigChanges {
  const comparable = (config: ServerConfig) => ({
    ...config,
    secrets: {
      'http-token-file': config.httpToken,
      'cluster-key': config.clusterKey,
      'join-token-file': config.joinToken,
    },
  })
  return compareSettings(SERVER_SETTINGS, comparable(running), comparable(read))
}
