/**
 * What `basalt cluster init` makes: for each machine a folder with everything that its daemon needs, to be copied there
 * as it is, and beside them what stays with the operator.
 *
 *     DIR/cluster.json             id, authority's end, and the nodes; made last
 *     DIR/authority.{crt,key}      signs certificates of nodes; nothing that runs needs the key
 *     DIR/admin.token              first token of the HTTP API
 *     DIR/master/                  master.yaml, ca.crt, node.crt, node.key, secrets.key, tokens.json
 *     DIR/servers/NAME/            server.yaml, ca.crt, node.crt, node.key, cluster.key, join.token
 *
 * Pure, but for the making of keys. Writing the files is `cluster-directory.ts`.
 */
import { BlockError } from '../../base/errors.ts'
import { printable } from '../../base/names.ts'
import type { Random } from '../../base/ports/random.ts'
import { TLS_NAME } from '../../base/tls.ts'
import { formatUuid, randomUuid } from '../../base/uuid.ts'
import type { TokenRecord } from '../records.ts'
import { type KeyAndCertificate, makeAuthority, makeNodeCertificate } from './certificate.ts'
import { newSecretsKeyLine } from './sealer.ts'
import { newToken } from './tokens.ts'

const DAY_MS = 86_400_000
/** Clocks of machines differ: certificates are valid a little before they are made. */
const EARLY_MS = 3_600_000
const AUTHORITY_DAYS = 3650
export const NODE_DAYS = 730
const CLUSTER_KEY_BYTES = 32
const SERVERS_MAX = 100
const NODE_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45})$/
/** The master's folder and the name by which `certify` knows it. */
export const MASTER = 'master'

/** A machine of the cluster. `host`: by which the others reach it, a DNS name or an IP address. */
export interface ClusterNode {
  readonly name: string
  readonly host: string
}

/** What `cluster.json` says. */
export interface ClusterFile {
  readonly version: 1
  readonly clusterId: string
  readonly createdAt: string
  readonly master: ClusterNode
  readonly servers: readonly ClusterNode[]
}

/** `path` is relative to the cluster's directory. */
export interface PlannedFile {
  readonly path: string
  readonly text: string
}

/** Parses `NAME` or `NAME=HOST`. INVALID_ARGUMENT names `what`. */
export function parseNode(
  text: string,
  what: string,
): { readonly name: string; readonly host: string | undefined } {
  const [name = '', host, ...rest] = text.split('=')
  const isHost = host === undefined || HOST.test(host)
  if (NODE_NAME.test(name) && isHost && rest.length === 0) return { name, host }
  throw new BlockError(
    'INVALID_ARGUMENT',
    `${what}: '${printable(text)}' is not NAME or NAME=HOST; write for example a=10.0.0.1, the name with a-z, 0-9, '.' and '-'`,
  )
}

/** Parses a host alone. */
export function parseHost(text: string, what: string): string {
  if (HOST.test(text)) return text
  throw new BlockError(
    'INVALID_ARGUMENT',
    `${what}: '${printable(text)}' is not a host; write its name or address`,
  )
}

/** All files of a new cluster, in the order in which they are to be written. INVALID_ARGUMENT as of `refuseDoubles`. */
export async function planCluster(
  random: Random,
  wallMs: number,
  wish: { readonly master: string; readonly servers: readonly ClusterNode[] },
): Promise<{ readonly cluster: ClusterFile; readonly files: readonly PlannedFile[] }> {
  refuseDoubles(wish.servers)
  const clusterId = formatUuid(randomUuid(random))
  const cluster: ClusterFile = {
    version: 1,
    clusterId,
    createdAt: new Date(wallMs).toISOString(),
    master: { name: MASTER, host: wish.master },
    servers: wish.servers,
  }
  const authority = await makeAuthority(random, clusterId, validFrom(wallMs, AUTHORITY_DAYS))
  const admin = newToken(random, { name: 'admin', role: 'admin', expiresAt: null }, wallMs)
  const join = newToken(random, { name: 'join', role: 'server', expiresAt: null }, wallMs)
  const clusterKey = Buffer.from(random.bytes(CLUSTER_KEY_BYTES)).toString('base64')
  const shared = { 'cluster.key': `${clusterKey}\n`, 'join.token': `${join.token}\n` }
  const files: PlannedFile[] = [
    { path: 'authority.crt', text: authority.cert },
    { path: 'authority.key', text: authority.key },
    { path: 'admin.token', text: `${admin.token}\n` },
    ...folder('.', shared),
    ...(await masterFiles(random, wallMs, { cluster, authority, tokens: [admin.record, join.record] })),
  ]
  for (const server of wish.servers) {
    files.push(...(await serverFiles(random, wallMs, { cluster, authority, server, shared })))
  }
  files.push({ path: 'cluster.json', text: clusterText(cluster) })
  return { cluster, files }
}

export const clusterText = (cluster: ClusterFile): string => `${JSON.stringify(cluster, undefined, 2)}\n`

/** Everything for a server that joins later. */
export async function serverFiles(
  random: Random,
  wallMs: number,
  options: {
    readonly cluster: ClusterFile
    readonly authority: KeyAndCertificate
    readonly server: ClusterNode
    readonly shared: { readonly 'cluster.key': string; readonly 'join.token': string }
  },
): Promise<PlannedFile[]> {
  const { cluster, authority, server, shared } = options
  return folder(folderOf(server), {
    ...(await certificateFiles(random, wallMs, { cluster, authority, node: server })),
    ...shared,
    'server.yaml': serverYaml(cluster, server),
  })
}

async function masterFiles(
  random: Random,
  wallMs: number,
  options: {
    readonly cluster: ClusterFile
    readonly authority: KeyAndCertificate
    readonly tokens: readonly TokenRecord[]
  },
): Promise<PlannedFile[]> {
  const { cluster, authority, tokens } = options
  return folder(MASTER, {
    ...(await certificateFiles(random, wallMs, { cluster, authority, node: cluster.master })),
    'secrets.key': newSecretsKeyLine(random),
    'tokens.json': `${JSON.stringify(tokens, undefined, 2)}\n`,
    'master.yaml': masterYaml(cluster),
  })
}

/** A new key and certificate for a node, and the authority's certificate. */
export async function certificateFiles(
  random: Random,
  wallMs: number,
  options: {
    readonly cluster: ClusterFile
    readonly authority: KeyAndCertificate
    readonly node: ClusterNode
  },
): Promise<Readonly<Record<'ca.crt' | 'node.crt' | 'node.key', string>>> {
  const { cluster, authority, node } = options
  const { name, host } = node
  const role = name === MASTER ? TLS_NAME.master : TLS_NAME.server
  const made = await makeNodeCertificate(random, authority, {
    clusterId: cluster.clusterId,
    name,
    hosts: [...new Set([role, name, host])],
    validity: validFrom(wallMs, NODE_DAYS),
  })
  return { 'ca.crt': authority.cert, 'node.crt': made.cert, 'node.key': made.key }
}

/** Where the files of a node lie, relative to the cluster's directory. */
export const folderOf = ({ name }: ClusterNode): string => (name === MASTER ? MASTER : `servers/${name}`)

const folder = (path: string, files: Readonly<Record<string, string>>): PlannedFile[] =>
  Object.entries(files).map(([name, text]) => ({ path: path === '.' ? name : `${path}/${name}`, text }))

const validFrom = (wallMs: number, days: number) => ({
  notBefore: new Date(wallMs - EARLY_MS),
  notAfter: new Date(wallMs + days * DAY_MS),
})

/** INVALID_ARGUMENT for a name that two nodes would have. */
export function refuseDoubles(servers: readonly ClusterNode[]): void {
  if (servers.length > SERVERS_MAX) {
    throw new BlockError('INVALID_ARGUMENT', `--server: at most ${SERVERS_MAX} servers at once`)
  }
  const seen = new Set<string>([MASTER])
  for (const { name } of servers) {
    if (seen.has(name))
      throw new BlockError('INVALID_ARGUMENT', `--server: ${name} is taken; each needs a name of its own`)
    seen.add(name)
  }
}

const bracketed = (host: string): string => (host.includes(':') ? `'[${host}]` : `'${host}`)
const at = (host: string, port: number): string => `${bracketed(host)}:${port}'`

const masterYaml = ({ clusterId, master }: ClusterFile): string => `# basalt master --config master.yaml
cluster-id: ${clusterId}
data: data                        # put it on a disk that survives; relative to this file
grpc: ${at(master.host, 7471)}
http: 127.0.0.1:7470              # outside loopback, tokens go over the network: see docs/security.md
tls-ca: ca.crt
tls-cert: node.crt
tls-key: node.key
secrets-key: secrets.key
initial-tokens: tokens.json       # taken over when the registry is made, and never again
`

const serverYaml = ({ clusterId, master }: ClusterFile, { name, host }: ClusterNode): string =>
  `# basalt server --config server.yaml
cluster-id: ${clusterId}
cluster-key: cluster.key
name: ${name}
data: data                        # put it on the disk that is to hold volumes; relative to this file
master: ${at(master.host, 7471)}
join-token-file: join.token
grpc: ${at(host, 7461)}
replication: ${at(host, 7460)}
iscsi: ${at(host, 3260)}
http: 127.0.0.1:7462
tls-ca: ca.crt
tls-cert: node.crt
tls-key: node.key
# zone: zone-1                    # placement keeps replicas in different zones and racks
# rack: rack-1
# disk-type: ssd                  # ssd, hdd or nvme
`
