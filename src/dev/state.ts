/**
 * What `basalt dev` keeps in its directory beside the daemons' data: the cluster's id, keys and ports, so that the next
 * start is the same cluster at the same addresses. All for the owner alone.
 */
import fs from 'node:fs/promises'
import { join } from 'node:path'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { BlockError } from '../base/errors.ts'
import type { Random } from '../base/ports/random.ts'
import { formatUuid, randomUuid } from '../base/uuid.ts'
import { type ClusterPorts, defaultPorts } from './addresses.ts'

const FILE = 'dev.json'
const Port = Type.Integer({ minimum: 1, maximum: 65_535 })
const State = Type.Object({
  version: Type.Literal(1),
  clusterId: Type.String(),
  hasSample: Type.Boolean(),
  ports: Type.Object({
    master: Type.Object({ http: Port, grpc: Port }),
    servers: Type.Array(
      Type.Object({ iscsi: Port, nvme: Type.Optional(Port), replication: Port, grpc: Port, http: Port }),
    ),
  }),
})

export interface DevState {
  readonly clusterId: string
  /** Of the last start; undefined before the first. */
  readonly ports: ClusterPorts | undefined
  /** The sample volume was made. */
  readonly hasSample: boolean
}

/** Files that daemons are given, relative to the directory. */
export const DEV_FILES = {
  clusterKey: 'cluster.key',
  joinToken: 'join.token',
  tokens: 'tokens.json',
} as const

const KEY_BYTES = 32

/** Reads the state at `path`, or makes it. `joinToken` makes the token by which servers join, and what the master keeps of it. */
export async function openState(
  random: Random,
  path: string,
  joinToken: () => { readonly token: string; readonly record: unknown },
): Promise<DevState> {
  const stored = await fs.readFile(join(path, FILE), 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new BlockError('DISK', `${path}: cannot read ${FILE}`, { cause: error })
  })
  if (stored !== undefined) return parse(stored, path)
  const { token, record } = joinToken()
  const clusterKey = Buffer.from(random.bytes(KEY_BYTES)).toString('base64')
  await write(path, DEV_FILES.clusterKey, `${clusterKey}\n`)
  await write(path, DEV_FILES.joinToken, `${token}\n`)
  await write(path, DEV_FILES.tokens, `${JSON.stringify([record])}\n`)
  return { clusterId: formatUuid(randomUuid(random)), ports: undefined, hasSample: false }
}

/** Keeps what this start uses. */
export const saveState = (path: string, state: DevState): Promise<void> =>
  write(path, FILE, `${JSON.stringify({ version: 1, ...state }, undefined, 2)}\n`)

function parse(text: string, path: string): DevState {
  try {
    const value: unknown = JSON.parse(text)
    if (Value.Check(State, value)) {
      const { clusterId, ports, hasSample } = value
      const defaults = defaultPorts(ports.servers.length).servers
      // a release before knew nothing of NVMe
      const servers = defaults.map((given, index) => ({ ...given, ...ports.servers[index] }))
      return { clusterId, ports: { ...ports, servers }, hasSample }
    }
  } catch (cause) {
    throw corrupt(path, cause)
  }
  throw corrupt(path, undefined)
}

const corrupt = (path: string, cause: unknown): BlockError =>
  new BlockError(
    'CORRUPT',
    `${join(path, FILE)} cannot be read; name another directory with --dir, or remove ${path} with all volumes in it`,
    { cause },
  )

async function write(path: string, name: string, text: string): Promise<void> {
  const file = join(path, name)
  await fs.writeFile(`${file}.new`, text, { mode: 0o600, flush: true })
  await fs.rename(`${file}.new`, file)
}
