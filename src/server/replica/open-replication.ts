/** Replication of a server: the listener for its peers, and its replicas, as `BlockServer` drives them. */
import type { HostPort } from '../../base/address.ts'
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Net } from '../../base/ports/net.ts'
import { formatUuid } from '../../base/uuid.ts'
import type { VolumePorts } from '../../blockvol/api.ts'
import { ReplicationListener, type ReplicationListenerOptions } from '../../replication/listener.ts'
import { Replica } from '../../replication/replica.ts'
import { ResyncSlots } from '../../replication/resync/slots.ts'
import { serverId } from '../../v2engine/identity.ts'
import { DEFAULT_BOUNDS } from '../../v2engine/policy.ts'
import type { Replication } from '../block-server.ts'
import type { ServerConfig } from '../config/server-config.ts'
import type { RunningReplica } from './replica-view.ts'

/** Listens where the configuration says; IN_USE and INVALID_ARGUMENT name the flag. */
export async function openReplication(
  ports: VolumePorts & { readonly net: Net },
  { server, config }: { readonly server: string; readonly config: ServerConfig },
): Promise<Replication> {
  const { settings, clusterKey } = config
  const cluster = {
    server: serverId(server),
    clusterId: settings['cluster-id'],
    clusterKey: clusterKey.lend((bytes) => Uint8Array.from(bytes)),
  }
  const replicas = new Map<string, Replica>()
  const slots = new ResyncSlots()
  const listener = await listen(ports.net, settings.replication, {
    ports,
    ...cluster,
    silenceMs: DEFAULT_BOUNDS.goneMs,
    replicaOf: (volume) => replicas.get(formatUuid(volume)),
  })
  return {
    address: { host: listener.host, port: listener.port },
    close: () => listener.close(),
    async open(place, calls) {
      const replica = await Replica.open({
        ports,
        net: ports.net,
        ...cluster,
        bounds: DEFAULT_BOUNDS,
        directory: place.directory,
        ...(place.logDirectory === undefined ? {} : { logDirectory: place.logDirectory }),
        madeIn: place.madeIn,
        meters: place.meters,
        slots,
        ...calls,
      })
      const volume = formatUuid(replica.identity.volumeUuid)
      replicas.set(volume, replica)
      return running(replica, () => replicas.delete(volume))
    },
  }
}

/** `replica`, of which no more connections are accepted once it ends. */
function running(replica: Replica, leave: () => void): RunningReplica {
  return {
    fromAuthority: (message) => replica.fromAuthority(message),
    heartbeat: () => replica.heartbeat(),
    status: () => replica.status(),
    progress: () => replica.progress(),
    forward: (bytes) => replica.forward(bytes),
    atomicWriteBytesMax: replica.atomicWriteBytesMax,
    expand: (epoch, sizeBytes) => replica.expand(epoch, sizeBytes),
    scrub: (epoch, request) => replica.scrub(epoch, request),
    space: () => replica.space(),
    async close() {
      leave()
      await replica.close()
    },
    kill() {
      leave()
      replica.kill()
    },
  }
}

async function listen(
  net: Net,
  address: HostPort,
  options: ReplicationListenerOptions,
): Promise<ReplicationListener> {
  try {
    return await ReplicationListener.listen(net, address, options)
  } catch (cause) {
    if (!isBlockError(cause)) throw cause
    throw new BlockError(cause.code, `--replication ${cause.message}`, { facts: cause.facts, cause })
  }
}
