/**
 * Links between namespaces: cut by nftables, impaired by netem. Where the kernel has no netem, proxies in the runner stand before
 * every port that others are told; then they impair, and cut what the runner's own hosts send, and nftables cuts the rest.
 */
import type { HostPort } from '../../../src/base/address.ts'
import { BlockError } from '../../../src/base/errors.ts'
import type { Impairment, Network } from '../backend.ts'
import { runCommand } from '../local/command.ts'
import { LinkRules } from '../proxies/link-rules.ts'
import type { ProxyNetwork } from '../proxies/proxy-network.ts'
import { type CutWorld, cutTable, touched } from './cut-rules.ts'
import { inNamespace, type Namespace } from './namespaces.ts'
import { clearNetem, setNetem } from './netem.ts'

export interface NetnsNetworkOptions {
  readonly namespaces: ReadonlyMap<string, Namespace>
  readonly runner: string
  /** Undefined: the kernel does everything. */
  readonly proxies: ProxyNetwork | undefined
}

export class NetnsNetwork implements Network {
  readonly #o: NetnsNetworkOptions
  readonly #rules: LinkRules
  readonly #reached = new Map<string, Set<number>>()
  readonly #impaired = new Set<string>()
  /** Tables are written one after the other, each by the rules of its moment. */
  #writing: Promise<void> = Promise.resolve()

  constructor(options: NetnsNetworkOptions) {
    this.#o = options
    this.#rules = options.proxies?.rules ?? new LinkRules()
  }

  async cut(from: string, to: string, isOneWay = false): Promise<void> {
    this.#rules.cut(from, to, isOneWay)
    await this.#write(touched(from, to, this.#o.namespaces.keys()))
  }

  async impair(machine: string, impairment: Impairment): Promise<void> {
    const { proxies, namespaces } = this.#o
    if (proxies !== undefined) return await proxies.impair(machine, impairment)
    const namespace = namespaces.get(machine)
    if (namespace === undefined || machine.startsWith('h'))
      throw new BlockError(
        'INVALID_ARGUMENT',
        `${machine}: hosts in the runner's process have no link that netem could impair; name a server or a master`,
      )
    this.#impaired.add(machine)
    await setNetem(namespace, impairment)
  }

  async heal(machine?: string): Promise<void> {
    const { proxies, namespaces } = this.#o
    this.#rules.heal(machine)
    await this.#write([...namespaces.keys()])
    await proxies?.heal(machine)
    for (const name of machine === undefined ? [...this.#impaired] : [machine]) {
      const namespace = namespaces.get(name)
      if (namespace !== undefined && this.#impaired.delete(name)) await clearNetem(namespace)
    }
  }

  async reach(machine: string, port: number): Promise<HostPort> {
    const { proxies, namespaces } = this.#o
    const own = { host: namespaces.get(machine)?.address ?? '', port }
    const reached = proxies === undefined ? own : await proxies.reach(machine, port)
    const ports = this.#reached.get(machine) ?? new Set()
    this.#reached.set(machine, ports.add(reached.port))
    // a cut that is on holds for it too
    if (this.#rules.cuts.length > 0) await this.#write([...namespaces.keys()])
    return reached
  }

  async close(): Promise<void> {
    await this.#writing.catch(() => undefined)
    await this.#o.proxies?.close()
  }

  #write(machines: readonly string[]): Promise<void> {
    const { namespaces, runner, proxies } = this.#o
    const world: CutWorld = {
      runner,
      addresses: new Map([...namespaces].map(([name, { address }]) => [name, address])),
      portsOf: (machine) => [...(this.#reached.get(machine) ?? [])],
      isProxied: proxies !== undefined,
    }
    this.#writing = this.#writing
      .catch(() => undefined)
      .then(async () => {
        await Promise.all(
          machines.map(async (machine) => {
            const namespace = namespaces.get(machine)
            if (namespace === undefined) return
            const [program = '', ...args] = inNamespace(namespace)
            await runCommand([program, ...args, 'nft', '-f', '-'], cutTable(machine, this.#rules, world))
          }),
        )
      })
    return this.#writing
  }
}
