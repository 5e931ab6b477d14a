/** A node as a machine: its connection, the product on it, and the agent. */
import { lookup } from 'node:dns/promises'
import { BlockError } from '../../../src/base/errors.ts'
import { AgentMachine } from '../agent/agent-machine.ts'
import type { PlaceRequest } from '../backend.ts'
import { DATA_FOLDER } from '../names.ts'
import { SshConnection } from './connection.ts'
import type { SshNode } from './nodes-file.ts'
import { type NodeFacts, probe } from './probe.ts'
import { installProduct } from './product.ts'
import { quote } from './quote.ts'
import { openRemoteAgent, type RemoteAgent } from './remote-agent.ts'

const CLOSE_MS = 20_000

export interface SshMachineOptions {
  /** For sockets of connections. */
  readonly folder: string
  readonly request: PlaceRequest
  readonly signal: AbortSignal
  /** Ports that the run has, by network stack. */
  readonly takenPorts: (networkStack: string) => Set<number>
}

export class SshMachine {
  readonly machine: AgentMachine
  readonly facts: NodeFacts
  readonly node: SshNode
  readonly #connection: SshConnection
  readonly #agent: RemoteAgent

  private constructor(
    connection: SshConnection,
    agent: RemoteAgent,
    machine: AgentMachine,
    facts: NodeFacts,
  ) {
    this.#connection = connection
    this.#agent = agent
    this.machine = machine
    this.facts = facts
    this.node = connection.node
  }

  static async open(node: SshNode, options: SshMachineOptions): Promise<SshMachine> {
    const { request, signal } = options
    const connection = await SshConnection.open(node, options.folder, signal)
    let agent: RemoteAgent | undefined
    // whatever is under way there fails when the connection is gone
    const stop = (): void => void connection.close()
    signal.addEventListener('abort', stop, { once: true })
    try {
      const facts = await probe(connection)
      const product = await installProduct(connection, facts)
      const directory = `${node.directory}/${request.runId}/${node.name}`
      agent = await openRemoteAgent(connection, { directory, product, mark: `${request.runId}-${node.name}` })
      await agent.link.facts()
      const address = node.dataAddress ?? (await lookup(node.host)).address
      const machine = new AgentMachine({
        ...{ name: node.name, address, directory, link: agent.link },
        ...{ basalt: [`${product}/basalt`], node: [`${product}/node_modules/node/bin/node`] },
        taken: options.takenPorts(facts.networkStack),
      })
      const made = new SshMachine(connection, agent, machine, facts)
      await made.#limitDisk(request.topology.diskBytes[node.name])
      signal.throwIfAborted()
      return made
    } catch (error) {
      agent?.link.call({ method: 'close', keepFiles: false }).catch(() => undefined)
      agent?.link.close()
      await connection.close()
      throw error
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  /** Does `script` as root, and `undo` when the agent ends, however it ends. Rejects with DISK when it fails. */
  async make(script: string, { key, undo }: { readonly key: string; readonly undo: string }): Promise<void> {
    await this.#agent.link.call({ method: 'undo', key, command: undo })
    await this.asRoot(script)
  }

  /** What was made is undone now. */
  async unmake(script: string, key: string): Promise<void> {
    await this.asRoot(script)
    await this.#agent.link.call({ method: 'undo', key, command: '' })
  }

  async asRoot(script: string, input = ''): Promise<string> {
    const ran = await this.machine.run(['sh', '-c', script], { asRoot: true, timeoutMs: 30_000, input })
    if (ran.code === 0) return ran.stdout
    throw new BlockError('DISK', `${this.node.name}: ${ran.stderr.trim().slice(-400) || `${script} failed`}`)
  }

  /** Ends and removes everything there. Does not reject; tells `log`. */
  async close(keepFiles: boolean, log: (text: string) => void): Promise<void> {
    const tell = (error: unknown): void =>
      log(`${this.node.name}: ${error instanceof Error ? error.message : String(error)}`)
    const { link, exited } = this.#agent
    await link.call({ method: 'close', keepFiles }).catch(tell)
    link.close()
    const late = Promise.withResolvers<string>()
    const timer = setTimeout(() => late.resolve('late'), CLOSE_MS)
    if ((await Promise.race([exited, late.promise])) === 'late') tell('its programs did not end in time')
    clearTimeout(timer)
    await this.#connection.close()
  }

  async #limitDisk(sizeBytes: number | undefined): Promise<void> {
    if (sizeBytes === undefined) return
    const path = this.machine.path(DATA_FOLDER)
    const owner = (await this.machine.run(['id', '-u'])).stdout.trim()
    await this.machine.run(['mkdir', '-p', path])
    await this.make(`mount -t tmpfs -o size=${sizeBytes},mode=0700,uid=${owner} tmpfs ${quote(path)}`, {
      ...{ key: 'disk', undo: `umount -l ${quote(path)}` },
    })
  }
}
