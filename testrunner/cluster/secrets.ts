/**
 * Keys, certificates and tokens of one cluster, made anew for each run and put on its machines. On loopback daemons speak without
 * certificates and the API takes everybody of the machine, as `basalt dev` has it; elsewhere everything is as
 * `basalt cluster init` makes it.
 */
import { isLoopback } from '../../src/base/address.ts'
import type { Random } from '../../src/base/ports/random.ts'
import { planCluster } from '../../src/master/security/cluster-plan.ts'
import type { Machine } from '../backends/backend.ts'
import type { Flags } from './daemon-flags.ts'
import { hostNqn, initiatorName } from './host-names.ts'

export interface ClusterSecrets {
  readonly clusterId: string
  /** Of the HTTP APIs; undefined on loopback. */
  readonly token: string | undefined
  /** Flags of each daemon, by its machine. */
  readonly flags: ReadonlyMap<string, Flags>
}

const FOLDER = 'secrets'

export async function placeSecrets(
  random: Random,
  machines: {
    readonly master: Machine
    readonly servers: readonly Machine[]
    readonly hosts: readonly string[]
  },
): Promise<ClusterSecrets> {
  const { master, servers, hosts } = machines
  const { cluster, files } = await planCluster(random, Date.now(), {
    master: master.address,
    servers: servers.map(({ name, address }) => ({ name, host: address })),
  })
  const texts = new Map(files.map(({ path, text }) => [path, text]))
  const isOpen = [master, ...servers].every(({ address }) => isLoopback(address))
  const token = isOpen ? undefined : texts.get('admin.token')?.trim()
  const flags = new Map<string, Flags>()
  if (isOpen) texts.set('master/tokens.json', joinTokenOnly(texts.get('master/tokens.json') ?? '[]'))
  flags.set(master.name, await placeFolder(master, 'master/', texts, isOpen))
  for (const server of servers) {
    const entry = token === undefined ? undefined : { token, hosts }
    flags.set(server.name, await placeFolder(server, `servers/${server.name}/`, texts, isOpen, entry))
  }
  return { clusterId: cluster.clusterId, token, flags }
}

/** The master's API takes everybody of its machine while it has no token for people. */
function joinTokenOnly(text: string): string {
  const records = JSON.parse(text) as readonly { readonly role: string }[]
  return JSON.stringify(records.filter(({ role }) => role === 'server'))
}

/** Flags by the file that they name, of those that may be in a node's folder. */
const FILE_FLAGS: Readonly<Record<string, string>> = {
  'secrets.key': 'secrets-key',
  'tokens.json': 'initial-tokens',
  'cluster.key': 'cluster-key',
  'join.token': 'join-token-file',
}
const TLS_FLAGS: Readonly<Record<string, string>> = {
  'ca.crt': 'tls-ca',
  'node.crt': 'tls-cert',
  'node.key': 'tls-key',
}

async function placeFolder(
  machine: Machine,
  folder: string,
  texts: ReadonlyMap<string, string>,
  isOpen: boolean,
  entry?: { readonly token: string; readonly hosts: readonly string[] },
): Promise<Flags> {
  const wanted = isOpen ? FILE_FLAGS : { ...FILE_FLAGS, ...TLS_FLAGS }
  const flags: Record<string, string> = {}
  const put = async (name: string, flag: string, text: string): Promise<void> => {
    flags[flag] = machine.path(FOLDER, name)
    await machine.putFile(machine.path(FOLDER, name), text, 0o600)
  }
  for (const [name, flag] of Object.entries(wanted)) {
    const text = texts.get(`${folder}${name}`)
    if (text !== undefined) await put(name, flag, text)
  }
  if (entry !== undefined) {
    await put('http.token', 'http-token-file', `${entry.token}\n`)
    await put('server.yaml', 'config', accessYaml(entry.hosts))
  }
  return flags
}

const accessYaml = (hosts: readonly string[]): string =>
  [
    ...['initiators:', ...hosts.map((host) => `  - ${initiatorName(host)}`)],
    ...['hosts:', ...hosts.map((host) => `  - ${hostNqn(host)}`), ''],
  ].join('\n')
