/**
 * The network of a run in the kernel: a bridge, and a namespace for each machine with one end of a pair of interfaces, the other
 * end of which is on the bridge.
 *
 *     root namespace                         namespace sc-RUN-s1
 *     runner ── bridge RUNNER/24 ── sc…s1 ══ eth0 ADDRESS/24
 *
 * Names of namespaces carry the run's id; names of interfaces have room for 15 characters, so they carry a hash of it.
 */
import { createHash } from 'node:crypto'
import { runCommand } from '../local/command.ts'
import type { ComputerPlace } from '../local/computer-place.ts'
import type { Subnet } from './subnet.ts'

export interface Namespace {
  readonly machine: string
  readonly name: string
  readonly address: string
  /** The end of its link that is on the bridge. */
  readonly link: string
}

export async function makeNamespaces(
  computer: ComputerPlace,
  runId: string,
  machines: readonly string[],
  subnet: Subnet,
): Promise<ReadonlyMap<string, Namespace>> {
  const short = createHash('sha256').update(runId).digest('hex').slice(0, 8)
  const bridge = `sc${short}`
  await computer.make(['ip', 'link', 'add', bridge, 'type', 'bridge'], ['ip', 'link', 'del', bridge])
  await batch([], [`addr add ${subnet.runner}/${subnet.prefixLength} dev ${bridge}`, `link set ${bridge} up`])
  const made = new Map<string, Namespace>()
  for (const [index, machine] of machines.entries()) {
    const name = `sc-${runId}-${machine}`
    const link = `sc${short}${machine}`
    const address = subnet.machine(index)
    await computer.make(['ip', 'netns', 'add', name], ['ip', 'netns', 'del', name])
    await batch(
      [],
      [`link add ${link} type veth peer name eth0 netns ${name}`, `link set ${link} master ${bridge} up`],
    )
    await batch(
      ['-n', name],
      ['link set lo up', `addr add ${address}/${subnet.prefixLength} dev eth0`, 'link set eth0 up'],
    )
    made.set(machine, { machine, name, address, link })
  }
  return made
}

/** What goes before a command so that it runs in the namespace. */
export const inNamespace = ({ name }: Namespace): readonly string[] => ['nsenter', `--net=/run/netns/${name}`]

const batch = (flags: readonly string[], lines: readonly string[]): Promise<string> =>
  runCommand(['ip', ...flags, '-batch', '-'], `${lines.join('\n')}\n`)
