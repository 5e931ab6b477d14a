/**
 * Cuts as nftables sees them: for each namespace one table with all that must not pass there now, replaced as a whole.
 *
 * What `from` sends to `to` is dropped where it arrives, by its address. Where proxies stand in between (they listen at the
 * runner's address), it is dropped where it leaves for a proxy of `to`, and where it arrives from a proxy of `from`. What the
 * runner's hosts send and get is dropped in the namespace of the server, on the ports that were asked for by `reach`: by the
 * others the runner asks daemons how they are.
 */
import { isMeant, type LinkRules, RUNNER } from '../proxies/link-rules.ts'

export interface CutWorld {
  readonly runner: string
  /** By machine. */
  readonly addresses: ReadonlyMap<string, string>
  /** Ports at which others reach a machine: those of its proxies, or its own. */
  readonly portsOf: (machine: string) => readonly number[]
  readonly isProxied: boolean
}

const TABLE = 'inet scenario'

/** Input of `nft -f` for the namespace of `machine`. */
export function cutTable(machine: string, rules: LinkRules, world: CutWorld): string {
  const { runner, addresses, portsOf, isProxied } = world
  const arriving: string[] = []
  const leaving: string[] = []
  const drop = (lines: string[], match: string, port: 'sport' | 'dport', ports: readonly number[]): void => {
    if (ports.length > 0) lines.push(`${match} tcp ${port} { ${ports.join(', ')} } drop`)
  }
  for (const [other, address] of addresses) {
    if (rules.isCut(other, machine)) {
      arriving.push(`ip saddr ${address} drop`)
      if (isProxied) drop(arriving, `ip saddr ${runner}`, 'sport', portsOf(other))
    }
    if (isProxied && rules.isCut(machine, other)) {
      drop(leaving, `ip daddr ${runner}`, 'dport', portsOf(other))
    }
  }
  if (!isProxied && rules.isCut(RUNNER, machine)) {
    drop(arriving, `ip saddr ${runner}`, 'dport', portsOf(machine))
  }
  if (!isProxied && rules.isCut(machine, RUNNER)) {
    drop(leaving, `ip daddr ${runner}`, 'sport', portsOf(machine))
  }
  return [
    `table ${TABLE}`,
    `delete table ${TABLE}`,
    `table ${TABLE} {`,
    chain('arriving', 'input', arriving),
    chain('leaving', 'output', leaving),
    '}',
    '',
  ].join('\n')
}

const chain = (name: string, hook: string, lines: readonly string[]): string =>
  `  chain ${name} { type filter hook ${hook} priority -200; policy accept;\n${lines.map((line) => `    ${line}\n`).join('')}  }`

/** Machines whose table a rule about `from` and `to` may change. */
export const touched = (from: string, to: string, machines: Iterable<string>): readonly string[] =>
  from.startsWith('h') || to.startsWith('h') || from === '*' || to === '*'
    ? [...machines]
    : [...machines].filter((machine) => isMeant(from, machine) || isMeant(to, machine))
