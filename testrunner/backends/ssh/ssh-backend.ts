/**
 * Scenarios on computers that are reached by ssh, named in a file (docs/scenario-hosts.md). Every program there hangs by the
 * connection: it dies with it, and with the runner.
 */
import fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlockError } from '../../../src/base/errors.ts'
import { machineNames } from '../../model/machine-names.ts'
import type { Need } from '../../model/need.ts'
import { AgentMachine } from '../agent/agent-machine.ts'
import { type LocalAgent, openLocalAgent } from '../agent/local-agent.ts'
import type { Backend, Machine, Place, PlaceRequest } from '../backend.ts'
import { SshConnection } from './connection.ts'
import { hasNeed, isKernelHost, type ProbedNode } from './needs.ts'
import { NodeNetwork } from './node-network.ts'
import { parseNodesFile, type SshNode } from './nodes-file.ts'
import { ownAddress } from './own-address.ts'
import { probe } from './probe.ts'
import { SshMachine } from './ssh-machine.ts'

const BASALT = join(import.meta.dirname, '..', '..', '..', 'basalt')

export interface SshOptions {
  /** Its path. */
  readonly nodesFile: string
}

export const sshBackend = ({ nodesFile }: SshOptions): Backend => ({
  name: 'ssh',
  missing: async (needs) => await missing(await readNodes(nodesFile), needs),
  open: async (request, signal) => await openSsh(await readNodes(nodesFile), request, signal),
})

async function readNodes(path: string): Promise<readonly SshNode[]> {
  const text = await fs.readFile(path, 'utf8').catch((cause: unknown) => {
    throw new BlockError('NOT_FOUND', `cannot read the file of nodes ${path}`, { cause })
  })
  return parseNodesFile(text, path)
}

async function missing(nodes: readonly SshNode[], needs: readonly Need[]): Promise<readonly Need[]> {
  const folder = await socketsFolder()
  try {
    const probed = await Promise.all(nodes.map((node) => probeOnce(node, folder)))
    return needs.filter((need) => !hasNeed(need, probed))
  } finally {
    await fs.rm(folder, { recursive: true, force: true })
  }
}

async function probeOnce(node: SshNode, folder: string): Promise<ProbedNode> {
  const connection = await SshConnection.open(node, folder, new AbortController().signal)
  try {
    return { node, facts: await probe(connection) }
  } finally {
    await connection.close()
  }
}

/** Paths of sockets have room for some 100 characters: not in the folder of the run. */
const socketsFolder = (): Promise<string> => fs.mkdtemp(join(tmpdir(), 'basalt-ssh-'))

async function openSsh(
  nodes: readonly SshNode[],
  request: PlaceRequest,
  signal: AbortSignal,
): Promise<Place> {
  signal.throwIfAborted()
  const wanted = machineNames(request.topology)
  checkNodes(nodes, wanted)
  const folder = await socketsFolder()
  const takenPorts = portsByStack()
  const opening = nodes
    .filter(({ name }) => wanted.includes(name))
    .map((node) => SshMachine.open(node, { folder, request, signal, takenPorts }))
  const opened = await Promise.allSettled(opening)
  const remote = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const own = new OwnMachines(request, takenPorts('the runner'))
  const close = async (keepFiles: boolean): Promise<void> => {
    await Promise.all([own.close(keepFiles), ...remote.map((node) => node.close(keepFiles, request.log))])
    await fs.rm(folder, { recursive: true, force: true })
  }
  try {
    for (const one of opened) if (one.status === 'rejected') throw one.reason
    return await placeOf(wanted, { remote, own, request, close })
  } catch (error) {
    await close(false)
    throw error
  }
}

interface Parts {
  readonly remote: readonly SshMachine[]
  readonly own: OwnMachines
  readonly request: PlaceRequest
  readonly close: (keepFiles: boolean) => Promise<void>
}

async function placeOf(wanted: readonly string[], { remote, own, request, close }: Parts): Promise<Place> {
  const byName = new Map(remote.map((node) => [node.node.name, node]))
  const address = await ownAddress(remote[0]?.machine.address ?? '127.0.0.1')
  const machines = new Map<string, Machine>()
  for (const name of wanted) machines.set(name, byName.get(name)?.machine ?? (await own.open(name, address)))
  const addresses = new Map([...machines].map(([name, machine]) => [name, machine.address]))
  const network = new NodeNetwork(byName, addresses, request.runId)
  const hosts = wanted.filter((name) => name.startsWith('h'))
  const hostNodes = remote.filter(({ node }) => node.name.startsWith('h'))
  return {
    ...{ machines, network },
    slowness: 1,
    hostKind: hostNodes.length === hosts.length && isKernelHost(hostNodes) ? 'kernel' : 'user',
    facts: Object.fromEntries(
      remote.map(({ node, facts, machine }) => [
        node.name,
        { host: node.host, address: machine.address, kernel: facts.kernel, machine: facts.machine },
      ]),
    ),
    close: async (keepFiles) => {
      await network
        .heal()
        .catch((error: unknown) => request.log(`cannot heal the network: ${(error as Error).message}`))
      await close(keepFiles)
    },
  }
}

/** Daemons need nodes; hosts that are none are in the runner's process, and their programs beside it. */
function checkNodes(nodes: readonly SshNode[], wanted: readonly string[]): void {
  const named = new Set(nodes.map(({ name }) => name))
  const lacking = wanted.filter((name) => !name.startsWith('h') && !named.has(name))
  if (lacking.length === 0) return
  throw new BlockError(
    'NOT_FOUND',
    `the scenario wants ${lacking.join(', ')}, which the file of nodes does not name`,
  )
}

function portsByStack(): (networkStack: string) => Set<number> {
  const all = new Map<string, Set<number>>()
  return (networkStack) => {
    const ports = all.get(networkStack) ?? new Set<number>()
    all.set(networkStack, ports)
    return ports
  }
}

/** Machines on the runner's own computer. */
class OwnMachines {
  readonly #request: PlaceRequest
  readonly #taken: Set<number>
  readonly #agents: LocalAgent[] = []

  constructor(request: PlaceRequest, taken: Set<number>) {
    this.#request = request
    this.#taken = taken
  }

  async open(name: string, address: string): Promise<Machine> {
    const { directory, runId } = this.#request
    const own = join(directory, 'own', name)
    const agent = openLocalAgent(own, `${runId}-${name}`)
    this.#agents.push(agent)
    await agent.link.facts()
    const place = { directory: own, link: agent.link, taken: this.#taken }
    return new AgentMachine({ ...place, name, address, basalt: [BASALT], node: [process.execPath] })
  }

  async close(keepFiles: boolean): Promise<void> {
    for (const { link, exited } of this.#agents) {
      await link.call({ method: 'close', keepFiles }).catch(() => undefined)
      link.close()
      await exited
    }
  }
}
