/**
 * Every machine is a network namespace of this computer with an address of its own on a bridge; hosts are in the runner's process,
 * which is at the bridge. Needs root, and the programs `ip`, `nft` and `nsenter`.
 */
import { BlockError } from '../../../src/base/errors.ts'
import type { Clock } from '../../../src/base/ports/clock.ts'
import { machineNames } from '../../model/machine-names.ts'
import type { Backend, Place, PlaceRequest } from '../backend.ts'
import { type ComputerOptions, ComputerPlace } from '../local/computer-place.ts'
import { hasNeed, hasProgram } from '../local/needs.ts'
import { RUNNER } from '../proxies/link-rules.ts'
import { ProxyNetwork } from '../proxies/proxy-network.ts'
import { inNamespace, makeNamespaces, type Namespace } from './namespaces.ts'
import { hasNetem } from './netem.ts'
import { NetnsNetwork } from './netns-network.ts'
import { claimSubnet, type Subnet } from './subnet.ts'

export interface NetnsOptions extends ComputerOptions {
  readonly clock: Clock
  /** Who delays, loses and limits; else netem where the kernel has it. */
  readonly impairment?: 'netem' | 'proxies'
}

const PROGRAMS = ['ip', 'nft', 'nsenter'] as const
/** Of daemons: nobody else is in a namespace. */
const FIRST_PORT = 20_000

export const netnsBackend = (options: NetnsOptions): Backend => ({
  name: 'netns',
  missing: async (needs) => {
    refuseWithout()
    return needs.filter((need) => !hasNeed(need))
  },
  open: (request, signal) => openNetns(request, signal, options),
})

/** ACCESS_DENIED without root, NOT_FOUND without a program. */
function refuseWithout(): void {
  if (process.getuid?.() !== 0)
    throw new BlockError(
      'ACCESS_DENIED',
      'network namespaces need root; run it as root, or with --backend local',
    )
  const absent = PROGRAMS.filter((name) => !hasProgram(name))
  if (absent.length > 0)
    throw new BlockError(
      'NOT_FOUND',
      `${absent.join(', ')} is missing; on Debian: apt-get install iproute2 nftables util-linux`,
    )
}

async function openNetns(request: PlaceRequest, signal: AbortSignal, options: NetnsOptions): Promise<Place> {
  signal.throwIfAborted()
  refuseWithout()
  const computer = await ComputerPlace.open(request, options)
  try {
    const subnet = await claimSubnet(options.random, (name) => computer.claim(name))
    const names = machineNames(request.topology)
    const namespaces = await makeNamespaces(computer, request.runId, names, subnet)
    let port = FIRST_PORT
    await computer.addMachines(options, (name) => {
      const namespace = namespaces.get(name)
      if (namespace === undefined) throw new BlockError('NOT_FOUND', `there is no namespace for ${name}`)
      return {
        address: namespace.address,
        prefix: inNamespace(namespace),
        ports: async (count) => Array.from({ length: count }, () => port++),
      }
    })
    signal.throwIfAborted()
    return placeOf(computer, namespaces, subnet, options)
  } catch (error) {
    await computer.close(false)
    throw error
  }
}

function placeOf(
  computer: ComputerPlace,
  namespaces: ReadonlyMap<string, Namespace>,
  { runner }: Subnet,
  { clock, random, impairment = hasNetem() ? 'netem' : 'proxies' }: NetnsOptions,
): Place {
  const nameOf = new Map([...namespaces].map(([name, { address }]) => [address, name]))
  nameOf.set(runner, RUNNER)
  const proxies = new ProxyNetwork({
    ...{ clock, random, host: runner },
    addressOf: (machine) => namespaces.get(machine)?.address ?? '',
    caller: async ({ address }) => nameOf.get(address) ?? null,
  })
  const network = new NetnsNetwork({
    ...{ namespaces, runner, proxies: impairment === 'proxies' ? proxies : undefined },
  })
  const addresses = Object.fromEntries([...namespaces].map(([name, { address }]) => [name, address]))
  return {
    machines: computer.machines,
    network,
    hostKind: 'user',
    slowness: 1,
    facts: { ...computer.facts, network: `namespaces, nftables, ${impairment}`, addresses },
    close: async (keepFiles) => {
      await network.close()
      await computer.close(keepFiles)
    },
  }
}
