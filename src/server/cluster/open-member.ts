/** The member of a cluster that a server is by its settings; undefined without `--master`. */
import { formatHostPort, type HostPort } from '../../base/address.ts'
import type { TlsIdentity } from '../../base/tls.ts'
import { formatUuid } from '../../base/uuid.ts'
import type { VolumePorts } from '../../blockvol/api.ts'
import { advertised, type ClusterSettings, serverNameOf } from '../config/cluster-settings.ts'
import type { ServerConfig } from '../config/server-config.ts'
import type { ServerView } from '../http/server-view.ts'
import type { PathTable } from '../served/path-table.ts'
import { ClusterMember } from './cluster-member.ts'

/** Where a server listens, once it does. */
export interface ServerPlaces {
  http: HostPort
  replication: HostPort
  iscsi: readonly HostPort[]
  nvme: readonly HostPort[]
}

/** Where a server stands, which a reload may change. */
export type ServerStand = Pick<ClusterSettings, 'zone' | 'rack' | 'disk-type'>

export async function openMember(options: {
  readonly config: ServerConfig
  readonly ports: VolumePorts
  readonly tls: TlsIdentity | undefined
  readonly table: PathTable
  readonly view: () => ServerView
  readonly places: ServerPlaces
  readonly stand: () => ServerStand
  readonly onFatal: (error: unknown) => void
}): Promise<ClusterMember | undefined> {
  const { config, ports, tls, table, view, places, stand, onFatal } = options
  const { settings, joinToken } = config
  if (settings.master === undefined) return undefined
  const { disk, clock, random, logger } = ports
  const { id, version, startedWallMs } = view()
  const told = (address: HostPort): string => advertised(address, settings.advertise)
  const whole = (address: HostPort | undefined): string | undefined => address && formatHostPort(address)
  return await ClusterMember.open({
    disk,
    clock,
    random,
    logger,
    directory: settings.data,
    masters: settings.master.map(formatHostPort),
    tls,
    joinToken,
    listen: settings.grpc,
    hello: (grpc) => ({
      id,
      name: serverNameOf(settings),
      clusterId: formatUuid(settings['cluster-id']),
      addresses: {
        grpc: whole(settings['advertise-grpc']) ?? told(grpc),
        replication: whole(settings['advertise-replication']) ?? told(places.replication),
        http: told(places.http),
        iscsi: settings['iscsi-portal']?.map(formatHostPort) ?? places.iscsi.map(told),
        nvme: settings['nvme-portal']?.map(formatHostPort) ?? places.nvme.map(told),
      },
      zone: stand().zone ?? null,
      rack: stand().rack ?? null,
      diskType: stand()['disk-type'],
    }),
    table,
    isDraining: () => view().state === 'draining',
    version,
    startedWallMs,
    onFatal,
  })
}
