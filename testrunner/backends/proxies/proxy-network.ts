/** Links between machines that a proxy in the runner's process stands in: what cannot be harmed by the kernel here. */
import { formatHostPort, type HostPort } from '../../../src/base/address.ts'
import type { Clock } from '../../../src/base/ports/clock.ts'
import type { Random } from '../../../src/base/ports/random.ts'
import type { Impairment, Network } from '../backend.ts'
import type { Way } from './flow.ts'
import { Lateness } from './lateness.ts'
import { LinkRules } from './link-rules.ts'
import { type Origin, TcpProxy } from './tcp-proxy.ts'

export interface ProxyNetworkOptions {
  readonly clock: Clock
  readonly random: Random
  /** Where the proxies listen, and what others are told. */
  readonly host: string
  /** The address of a machine's programs. */
  readonly addressOf: (machine: string) => string
  readonly caller: (origin: Origin) => Promise<string | null>
}

export class ProxyNetwork implements Network {
  readonly rules = new LinkRules()
  readonly #options: ProxyNetworkOptions
  readonly #lateness: Lateness
  /** By the address behind it. */
  readonly #proxies = new Map<string, Promise<TcpProxy>>()
  /** Ports of the proxies that stand for each machine. */
  readonly #portsOf = new Map<string, number[]>()

  constructor(options: ProxyNetworkOptions) {
    this.#options = options
    this.#lateness = new Lateness(this.rules, options.random)
  }

  /** Of the proxies before `machine`. */
  portsOf(machine: string): readonly number[] {
    return this.#portsOf.get(machine) ?? []
  }

  async cut(from: string, to: string, isOneWay = false): Promise<void> {
    this.rules.cut(from, to, isOneWay)
  }

  async impair(machine: string, impairment: Impairment): Promise<void> {
    this.rules.impair(machine, impairment)
  }

  async heal(machine?: string): Promise<void> {
    this.rules.heal(machine)
    for (const proxy of await Promise.all(this.#proxies.values())) proxy.pump()
  }

  async reach(machine: string, port: number): Promise<HostPort> {
    const { host, addressOf } = this.#options
    const target = { host: addressOf(machine), port }
    const key = formatHostPort(target)
    const opening = this.#proxies.get(key) ?? this.#open(machine, target)
    this.#proxies.set(key, opening)
    return { host, port: (await opening).port }
  }

  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.#proxies.values())
    this.#proxies.clear()
    await Promise.all(opened.map((one) => (one.status === 'fulfilled' ? one.value.close() : undefined)))
  }

  async #open(machine: string, target: HostPort): Promise<TcpProxy> {
    const { clock, host, caller } = this.#options
    const proxy = await TcpProxy.open({
      ...{ target, clock, caller, listen: { host, port: 0 } },
      way: (from) => ({ up: this.#way(from, machine), down: this.#way(machine, from) }),
    })
    const ports = this.#portsOf.get(machine)
    if (ports === undefined) this.#portsOf.set(machine, [proxy.port])
    else ports.push(proxy.port)
    return proxy
  }

  #way(from: string, to: string): Way {
    const { clock } = this.#options
    return {
      isOpen: () => !this.rules.isCut(from, to),
      arrivalMs: (lengthBytes) => this.#lateness.arrivalMs(from, to, lengthBytes, clock.monotonicMs()),
    }
  }
}
