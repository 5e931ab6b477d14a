/** Links as on the local place, by proxies, and netem in the guests for what their packets suffer. */
import type { Impairment, Network } from '../backend.ts'
import { harmScript, healScript } from '../netem.ts'
import type { ProxyNetwork } from '../proxies/proxy-network.ts'
import type { VirtualHost } from './virtual-host.ts'

/** Of a guest's card, and of all others as the guest sees them. */
const GUEST = '10.0.2.15'
const OTHERS = ['10.0.2.2'] as const

export class VmNetwork implements Network {
  readonly #proxies: ProxyNetwork
  readonly #hosts: ReadonlyMap<string, VirtualHost>
  readonly #impaired = new Set<string>()

  constructor(proxies: ProxyNetwork, hosts: ReadonlyMap<string, VirtualHost>) {
    this.#proxies = proxies
    this.#hosts = hosts
  }

  cut(from: string, to: string, isOneWay?: boolean): Promise<void> {
    return this.#proxies.cut(from, to, isOneWay)
  }

  async impair(machine: string, impairment: Impairment): Promise<void> {
    const host = this.#hosts.get(machine)
    if (host === undefined) {
      await this.#proxies.impair(machine, impairment)
      return
    }
    this.#impaired.add(machine)
    await host.make(harmScript(GUEST, OTHERS, impairment))
  }

  async heal(machine?: string): Promise<void> {
    await this.#proxies.heal(machine)
    for (const name of [...this.#impaired].filter((one) => machine === undefined || one === machine)) {
      await this.#hosts.get(name)?.make(healScript(GUEST))
      this.#impaired.delete(name)
    }
  }

  reach(machine: string, port: number): Promise<{ readonly host: string; readonly port: number }> {
    return this.#proxies.reach(machine, port)
  }
}
