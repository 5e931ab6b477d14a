/**
 * The directory that `basalt cluster init` makes and `basalt cluster certify` adds to: files of mode 600 in folders of
 * mode 700, written durably. Nothing that is there is overwritten but certificates with their keys, each file as a whole.
 */
import fs from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { BlockError } from '../../base/errors.ts'
import type { Random } from '../../base/ports/random.ts'
import type { KeyAndCertificate } from './certificate.ts'
import {
  type ClusterFile,
  type ClusterNode,
  certificateFiles,
  clusterText,
  folderOf,
  MASTER,
  type PlannedFile,
  planCluster,
  refuseDoubles,
  serverFiles,
} from './cluster-plan.ts'

const CLUSTER_FILE = 'cluster.json'
const Node = Type.Object({ name: Type.String(), host: Type.String() })
const ClusterSchema = Type.Object({
  version: Type.Literal(1),
  clusterId: Type.String(),
  createdAt: Type.String(),
  master: Node,
  servers: Type.Array(Node),
})

export interface Ports {
  readonly random: Random
  readonly wallMs: number
}

/** Makes the directory of a new cluster. CONFLICT when `path` is there and not empty; DISK when it cannot be written. */
export async function initCluster(
  { random, wallMs }: Ports,
  path: string,
  wish: { readonly master: string; readonly servers: readonly ClusterNode[] },
): Promise<ClusterFile> {
  const { cluster, files } = await planCluster(random, wallMs, wish)
  const present = await fs.readdir(path).catch((error: unknown): string[] => {
    if (isCode(error, 'ENOENT')) return []
    throw diskError(path, error)
  })
  if (present.includes(CLUSTER_FILE)) {
    throw new BlockError(
      'CONFLICT',
      `${path} already holds a cluster; add servers to it and renew certificates with 'basalt cluster certify --dir ${path}'`,
    )
  }
  if (present.length > 0) {
    throw new BlockError('CONFLICT', `${path} is not empty; name a directory that is empty or not there`)
  }
  for (const file of files) await writeNew(path, file)
  return cluster
}

export interface Certified {
  readonly cluster: ClusterFile
  /** Nodes whose certificates are new. */
  readonly renewed: readonly ClusterNode[]
  /** Servers that were not in the cluster. */
  readonly added: readonly ClusterNode[]
}

/**
 * New certificates for `nodes`, for all without any; a node that the cluster does not have becomes a server of it.
 * NOT_FOUND when there is no cluster at `path`, CORRUPT when its file cannot be read.
 */
export async function certify(
  { random, wallMs }: Ports,
  path: string,
  nodes: readonly ClusterNode[],
): Promise<Certified> {
  refuseDoubles(nodes.filter(({ name }) => name !== MASTER))
  const cluster = await readCluster(path)
  const authority: KeyAndCertificate = {
    cert: await readText(join(path, 'authority.crt')),
    key: await readText(join(path, 'authority.key')),
  }
  const known = [cluster.master, ...cluster.servers]
  const wanted = nodes.length === 0 ? known : nodes
  const added = wanted.filter(({ name }) => known.every((node) => node.name !== name))
  const renewed = wanted.filter(({ name }) => known.some((node) => node.name === name))
  const shared = {
    'cluster.key': await readText(join(path, 'cluster.key')),
    'join.token': await readText(join(path, 'join.token')),
  }
  const hostOf = new Map(wanted.map(({ name, host }) => [name, host]))
  const now = (node: ClusterNode): ClusterNode => ({ ...node, host: hostOf.get(node.name) ?? node.host })
  const next: ClusterFile = {
    ...cluster,
    master: now(cluster.master),
    servers: [...cluster.servers.map(now), ...added],
  }
  for (const server of added) {
    for (const file of await serverFiles(random, wallMs, { cluster: next, authority, server, shared })) {
      await writeNew(path, file)
    }
  }
  for (const node of renewed) {
    const made = await certificateFiles(random, wallMs, { cluster: next, authority, node })
    await replacePair(join(path, folderOf(node)), made)
  }
  await replace(join(path, CLUSTER_FILE), clusterText(next))
  return { cluster: next, renewed, added }
}

/** The nodes that people named: a name that the cluster has keeps its host unless another is given. */
export async function namedNodes(
  path: string,
  given: readonly { readonly name: string; readonly host: string | undefined }[],
): Promise<ClusterNode[]> {
  const { master, servers } = await readCluster(path)
  const hosts = new Map([master, ...servers].map(({ name, host }) => [name, host]))
  return given.map(({ name, host }) => ({ name, host: host ?? hosts.get(name) ?? name }))
}

async function readCluster(path: string): Promise<Static<typeof ClusterSchema>> {
  const file = join(path, CLUSTER_FILE)
  const text = await fs.readFile(file, 'utf8').catch((error: unknown) => {
    if (!isCode(error, 'ENOENT')) throw diskError(file, error)
    throw new BlockError(
      'NOT_FOUND',
      `${path} holds no cluster; 'basalt cluster init --dir ${path}' makes one`,
    )
  })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new BlockError('CORRUPT', `${file} is not JSON`, { cause })
  }
  if (Value.Check(ClusterSchema, value)) return value
  throw new BlockError('CORRUPT', `${file} is not what 'basalt cluster init' writes`)
}

const readText = (path: string): Promise<string> =>
  fs.readFile(path, 'utf8').catch((error: unknown) => {
    throw isCode(error, 'ENOENT')
      ? new BlockError('NOT_FOUND', `${path} is missing; put it back where 'basalt cluster init' wrote it`)
      : diskError(path, error)
  })

async function writeNew(root: string, { path, text }: PlannedFile): Promise<void> {
  const full = join(root, path)
  try {
    await fs.mkdir(dirname(full), { recursive: true, mode: 0o700 })
    // those that were there before may be open to others
    await fs.chmod(dirname(full), 0o700)
    await fs.writeFile(full, text, { mode: 0o600, flag: 'wx', flush: true })
  } catch (error) {
    throw isCode(error, 'EEXIST')
      ? new BlockError('CONFLICT', `${full} is there already; nothing is overwritten`)
      : diskError(full, error)
  }
}

async function replace(path: string, text: string): Promise<void> {
  try {
    await fs.writeFile(`${path}.new`, text, { mode: 0o600, flush: true })
    await fs.rename(`${path}.new`, path)
  } catch (error) {
    throw diskError(path, error)
  }
}

async function replacePair(
  directory: string,
  files: Readonly<Record<'ca.crt' | 'node.crt' | 'node.key', string>>,
): Promise<void> {
  for (const name of ['ca.crt', 'node.key', 'node.crt'] as const) {
    await replace(join(directory, name), files[name])
  }
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

const diskError = (path: string, cause: unknown): BlockError =>
  new BlockError('DISK', `${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
