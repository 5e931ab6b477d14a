/**
 * A master and block servers on the machines of a place. What they tell each other and hosts are the addresses of the place's
 * network, which can be harmed; the runner asks masters and servers by their own.
 */
import { formatHostPort, type HostPort } from '../../src/base/address.ts'
import { BlockError } from '../../src/base/errors.ts'
import type { Clock } from '../../src/base/ports/clock.ts'
import type { Random } from '../../src/base/ports/random.ts'
import { ApiClient } from '../../src/client/http/api-client.ts'
import type { Machine, Place } from '../backends/backend.ts'
import { DATA_FOLDER } from '../backends/names.ts'
import { hostNames, masterNames, serverNames } from '../model/machine-names.ts'
import type { Topology } from '../model/scenario.ts'
import type { Cluster } from './cluster.ts'
import { argumentsOf, type Flags, mergeFlags } from './daemon-flags.ts'
import { RealCluster } from './real-cluster.ts'
import { RealDaemon } from './real-daemon.ts'
import { type ClusterSecrets, placeSecrets } from './secrets.ts'

export interface ClusterOptions {
  readonly place: Place
  readonly topology: Topology
  readonly random: Random
  readonly clock: Clock
  readonly signal: AbortSignal
  log(text: string): void
}

/** How hard a stop of a daemon tries; scenarios have their own flag for it. */
const DRAIN = '10s'

/** Everything runs and all servers are connected when it resolves. INVALID_ARGUMENT for a topology that cannot be; rejects with the end of a log. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { place, topology, random, clock, signal, log } = options
  const [master, ...more] = masterNames(topology).map((name) => machineOf(place, name))
  if (master === undefined || more.length > 0) {
    throw new BlockError(
      'INVALID_ARGUMENT',
      `topology: ${topology.masters} masters; the registry in a file has one process at a time, so a cluster has one master`,
    )
  }
  const servers = serverNames(topology).map((name) => machineOf(place, name))
  const secrets = await placeSecrets(random, { master, servers, hosts: hostNames(topology) })
  const paths = await masterPaths(master, place)
  const masterDaemon = masterOf(master, paths, secrets, topology)
  const daemons = await Promise.all(
    servers.map((machine, index) =>
      serverOf(machine, {
        place,
        secrets,
        topology,
        masterGrpc: paths.told.grpc,
        zone: topology.zones[index],
      }),
    ),
  )
  const cluster = new RealCluster({
    masters: [masterDaemon],
    servers: daemons,
    api: await ApiClient.open({
      address: masterDaemon.httpUrl,
      names: { service: 'the master', addressFlag: '--master', tokenFlag: '--token' },
      token: secrets.token,
    }),
    masterUrl: `http://${formatHostPort(paths.told.http)}`,
    token: secrets.token,
    clock,
  })
  try {
    // a server that finds no master waits a second before it looks again
    await masterDaemon.start(signal)
    await Promise.all(daemons.map((daemon) => daemon.start(signal)))
    await cluster.ready(signal)
  } catch (error) {
    await cluster.kill()
    throw error
  }
  log(`cluster ${secrets.clusterId}: ${[masterDaemon, ...daemons].map(({ name }) => name).join(' ')}`)
  return cluster
}

function machineOf(place: Place, name: string): Machine {
  const machine = place.machines.get(name)
  if (machine === undefined) throw new BlockError('NOT_FOUND', `the place has no machine ${name}`)
  return machine
}

interface MasterPaths {
  readonly own: { readonly http: HostPort; readonly grpc: HostPort }
  readonly told: { readonly http: HostPort; readonly grpc: HostPort }
}

async function masterPaths(machine: Machine, place: Place): Promise<MasterPaths> {
  const { name, address } = machine
  const [http = 0, grpc = 0] = await machine.ports(2)
  return {
    own: { http: { host: address, port: http }, grpc: { host: address, port: grpc } },
    told: { http: await place.network.reach(name, http), grpc: await place.network.reach(name, grpc) },
  }
}

function masterOf(
  machine: Machine,
  { own }: MasterPaths,
  secrets: ClusterSecrets,
  topology: Topology,
): RealDaemon {
  const dataPath = machine.path(DATA_FOLDER)
  const needed: Flags = {
    ...secrets.flags.get(machine.name),
    'cluster-id': secrets.clusterId,
    data: dataPath,
    http: formatHostPort(own.http),
    grpc: formatHostPort(own.grpc),
    'drain-timeout': DRAIN,
  }
  return new RealDaemon({
    ...{ machine, kind: 'master', dataPath, token: secrets.token },
    args: ['master', ...argumentsOf(mergeFlags(needed, topology.masterFlags))],
    httpUrl: `http://${formatHostPort(own.http)}`,
  })
}

async function serverOf(
  machine: Machine,
  options: {
    readonly place: Place
    readonly secrets: ClusterSecrets
    readonly topology: Topology
    readonly masterGrpc: HostPort
    readonly zone: string | undefined
  },
): Promise<RealDaemon> {
  const { place, secrets, topology, masterGrpc, zone } = options
  const [iscsi = 0, nvme = 0, replication = 0, grpc = 0, http = 0] = await machine.ports(5)
  const own = (port: number): string => formatHostPort({ host: machine.address, port })
  const told = async (port: number, audience: 'machines' | 'hosts'): Promise<string> =>
    formatHostPort(await place.network.reach(machine.name, port, audience))
  const dataPath = machine.path(DATA_FOLDER)
  const needed: Flags = {
    ...secrets.flags.get(machine.name),
    'cluster-id': secrets.clusterId,
    name: machine.name,
    data: dataPath,
    master: formatHostPort(masterGrpc),
    iscsi: own(iscsi),
    'iscsi-portal': await told(iscsi, 'hosts'),
    nvme: own(nvme),
    'nvme-portal': await told(nvme, 'hosts'),
    replication: own(replication),
    'advertise-replication': await told(replication, 'machines'),
    grpc: own(grpc),
    'advertise-grpc': await told(grpc, 'machines'),
    http: own(http),
    'drain-timeout': DRAIN,
    ...(zone !== undefined && { zone }),
  }
  return new RealDaemon({
    ...{ machine, kind: 'server', dataPath, token: secrets.token },
    args: ['server', ...argumentsOf(mergeFlags(needed, topology.serverFlags))],
    httpUrl: `http://${own(http)}`,
  })
}
