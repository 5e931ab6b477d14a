/**
 * The ports of a cluster on one machine: the defaults of each daemon, and 100 more for each further block server. They
 * are kept in the cluster's directory, so that a second start serves at the addresses that initiators know. One that
 * another program holds is replaced by a free one, and that is said.
 */
import net from 'node:net'

const HOST = '127.0.0.1'
const MASTER = { http: 7470, grpc: 7471 } as const
const SERVER = { iscsi: 3260, nvme: 4420, replication: 7460, grpc: 7461, http: 7462 } as const
const STRIDE = 100

type MasterPorts = Readonly<Record<keyof typeof MASTER, number>>
type ServerPorts = Readonly<Record<keyof typeof SERVER, number>>

export interface ClusterPorts {
  readonly master: MasterPorts
  /** By the servers' order. */
  readonly servers: readonly ServerPorts[]
}

/** A port that was not to be had. */
export interface Displaced {
  /** For people: `iSCSI of server-2`. */
  readonly what: string
  readonly wanted: number
  readonly used: number
}

const LABEL = {
  iscsi: 'iSCSI',
  nvme: 'NVMe',
  replication: 'replication',
  grpc: 'gRPC',
  http: 'HTTP',
} as const

/** The ports that each daemon would have by itself. */
export const defaultPorts = (serverCount: number): ClusterPorts => ({
  master: MASTER,
  servers: Array.from({ length: serverCount }, (_, index) => ({
    iscsi: SERVER.iscsi + STRIDE * index,
    nvme: SERVER.nvme + STRIDE * index,
    replication: SERVER.replication + STRIDE * index,
    grpc: SERVER.grpc + STRIDE * index,
    http: SERVER.http + STRIDE * index,
  })),
})

/** `kept` where there are any, else the defaults; what is taken is replaced. Each port is given out once. */
export async function choosePorts(
  serverCount: number,
  kept: ClusterPorts | undefined,
): Promise<{ readonly ports: ClusterPorts; readonly displaced: readonly Displaced[] }> {
  const defaults = defaultPorts(serverCount)
  const wanted: ClusterPorts = {
    master: kept?.master ?? defaults.master,
    servers: defaults.servers.map((ports, index) => kept?.servers[index] ?? ports),
  }
  const displaced: Displaced[] = []
  const used = new Set<number>()
  const choose = async (port: number, name: keyof typeof LABEL, owner: string): Promise<number> => {
    const isOurs = !used.has(port) && (await isFree(port))
    const chosen = isOurs ? port : await freePort(used)
    used.add(chosen)
    if (!isOurs) displaced.push({ what: `${LABEL[name]} of ${owner}`, wanted: port, used: chosen })
    return chosen
  }
  const { http, grpc } = wanted.master
  const master = {
    http: await choose(http, 'http', 'the master'),
    grpc: await choose(grpc, 'grpc', 'the master'),
  }
  const servers: ServerPorts[] = []
  for (const [index, ports] of wanted.servers.entries()) {
    const owner = serverName(index)
    servers.push({
      iscsi: await choose(ports.iscsi, 'iscsi', owner),
      nvme: await choose(ports.nvme, 'nvme', owner),
      replication: await choose(ports.replication, 'replication', owner),
      grpc: await choose(ports.grpc, 'grpc', owner),
      http: await choose(ports.http, 'http', owner),
    })
  }
  return { ports: { master, servers }, displaced }
}

export const serverName = (index: number): string => `server-${index + 1}`

export const address = (port: number): string => `${HOST}:${port}`

async function freePort(used: ReadonlySet<number>): Promise<number> {
  for (;;) {
    const port = await listenOnce(0)
    if (port !== undefined && !used.has(port)) return port
  }
}

const isFree = async (port: number): Promise<boolean> => (await listenOnce(port)) !== undefined

/** The port that could be listened on; undefined when it is taken. */
function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.once('error', () => resolve(undefined))
    server.listen({ host: HOST, port }, () => {
      const bound = server.address()
      server.close(() => resolve(typeof bound === 'object' && bound !== null ? bound.port : undefined))
    })
  })
}
