/**
 * Harm between nodes by their kernels. Cuts are rules of nftables in a table of the run, set on both ends, before connections
 * are tracked: what they drop goes silent. Delay and loss are netem on the interface of the data address, for packets to
 * and from the other machines only: the connection that the run hangs by is not harmed.
 */
import { isIPv6 } from 'node:net'
import { assert } from '../../../src/base/assert.ts'
import { BlockError } from '../../../src/base/errors.ts'
import type { Impairment, Network } from '../backend.ts'
import { harmScript, healScript } from '../netem.ts'
import type { SshMachine } from './ssh-machine.ts'

interface Cut {
  readonly from: string
  readonly to: string
  readonly isOneWay: boolean
}

export class NodeNetwork implements Network {
  readonly #machines: ReadonlyMap<string, SshMachine>
  /** Addresses of all machines, with that of those that are the runner's computer. */
  readonly #addresses: ReadonlyMap<string, string>
  readonly #table: string
  #cuts: readonly Cut[] = []
  readonly #impaired = new Set<string>()

  constructor(
    machines: ReadonlyMap<string, SshMachine>,
    addresses: ReadonlyMap<string, string>,
    runId: string,
  ) {
    this.#machines = machines
    this.#addresses = addresses
    this.#table = `basalt_${runId.replaceAll('-', '_')}`
  }

  async cut(from: string, to: string, isOneWay = false): Promise<void> {
    await this.#apply([...this.#cuts, { from, to, isOneWay }])
  }

  async impair(machine: string, impairment: Impairment): Promise<void> {
    const node = this.#node(machine)
    const peers = this.#addressesBut(machine)
    this.#impaired.add(machine)
    await node.make(harmScript(node.machine.address, peers, impairment), {
      ...{ key: 'impairment', undo: healScript(node.machine.address) },
    })
  }

  async heal(machine?: string): Promise<void> {
    const isOther = (cut: Cut): boolean => machine !== undefined && ![cut.from, cut.to].includes(machine)
    await this.#apply(this.#cuts.filter(isOther))
    for (const name of [...this.#impaired].filter((one) => machine === undefined || one === machine)) {
      const node = this.#node(name)
      await node.unmake(healScript(node.machine.address), 'impairment')
      this.#impaired.delete(name)
    }
  }

  async reach(machine: string, port: number): Promise<{ readonly host: string; readonly port: number }> {
    const host = this.#addresses.get(machine)
    assert(host !== undefined, `a machine ${machine}`)
    return { host, port }
  }

  /** The rules of every node that has or gets some. */
  async #apply(cuts: readonly Cut[]): Promise<void> {
    const before = this.#rules(this.#cuts)
    const after = this.#rules(cuts)
    const changed = [...this.#machines].filter(([name]) => `${before.get(name)}` !== `${after.get(name)}`)
    this.#cuts = cuts
    await Promise.all(changed.map(([name, node]) => this.#setRules(node, after.get(name) ?? [])))
  }

  async #setRules(node: SshMachine, rules: readonly string[]): Promise<void> {
    const table = `inet ${this.#table}`
    const undo = `nft delete table ${table}`
    if (rules.length === 0) {
      await node.unmake(undo, 'cuts')
      return
    }
    // one transaction: the old table is there until the new one is
    const lines = [`table ${table}`, `delete table ${table}`, `table ${table} {`]
    for (const hook of ['input', 'output'] as const) {
      const own = rules.filter((rule) => rule.startsWith(`${hook} `))
      lines.push(`chain ${hook} {`, `type filter hook ${hook} priority -300`)
      lines.push(...own.map((rule) => `${rule.slice(hook.length + 1)} drop`), '}')
    }
    lines.push('}')
    await node.make(`nft -f - <<'END'\n${lines.join('\n')}\nEND\n`, { key: 'cuts', undo })
  }

  /** By machine: `output ip daddr A` and `input ip saddr A`. */
  #rules(cuts: readonly Cut[]): ReadonlyMap<string, readonly string[]> {
    const rules = new Map<string, string[]>()
    const drop = (from: string, to: string): void => {
      for (const [name, hook, peer] of [
        [from, 'output', to],
        [to, 'input', from],
      ] as const) {
        // of a machine that is the runner's computer the other end's rule does it alone
        if (!this.#machines.has(name)) continue
        const address = this.#addresses.get(peer) ?? ''
        const field = `${isIPv6(address) ? 'ip6' : 'ip'} ${hook === 'output' ? 'daddr' : 'saddr'}`
        const list = rules.get(name)
        if (list === undefined) rules.set(name, [`${hook} ${field} ${address}`])
        else list.push(`${hook} ${field} ${address}`)
      }
    }
    for (const { from, to, isOneWay } of cuts) {
      for (const [one, other] of this.#pairs(from, to)) {
        drop(one, other)
        if (!isOneWay) drop(other, one)
      }
    }
    return rules
  }

  #pairs(from: string, to: string): readonly (readonly [string, string])[] {
    const names = [...this.#addresses.keys()]
    const ends = (end: string): readonly string[] => (end === '*' ? names : [end])
    const pairs = ends(from).flatMap((one) => ends(to).map((other) => [one, other] as const))
    return pairs.filter(([one, other]) => one !== other)
  }

  #addressesBut(machine: string): readonly string[] {
    return [...this.#addresses].filter(([name]) => name !== machine).map(([, address]) => address)
  }

  #node(name: string): SshMachine {
    const node = this.#machines.get(name)
    if (node !== undefined) return node
    throw new BlockError('INVALID_ARGUMENT', `${name} is no node: its packets cannot be impaired`)
  }
}
