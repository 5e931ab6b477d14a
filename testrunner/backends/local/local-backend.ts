/**
 * Every machine is a folder of this computer, its daemons are processes, and all of them listen on loopback. Links are proxies in
 * the runner's process, which know by whose process it is who connects.
 */
import type { Clock } from '../../../src/base/ports/clock.ts'
import type { Need } from '../../model/need.ts'
import type { Backend, Place, PlaceRequest } from '../backend.ts'
import { RUNNER } from '../proxies/link-rules.ts'
import { ProxyNetwork } from '../proxies/proxy-network.ts'
import { SocketOwners } from '../proxies/socket-owners.ts'
import { type ComputerOptions, ComputerPlace } from './computer-place.ts'
import { hasNeed } from './needs.ts'
import { runningProcesses, treeOf } from './process-tree.ts'

const LOOPBACK = '127.0.0.1'

export interface LocalOptions extends ComputerOptions {
  readonly clock: Clock
}

export const localBackend = (options: LocalOptions): Backend => ({
  name: 'local',
  missing: async (needs: readonly Need[]) => needs.filter((need) => !hasNeed(need)),
  open: (request, signal) => openLocal(request, signal, options),
})

async function openLocal(request: PlaceRequest, signal: AbortSignal, options: LocalOptions): Promise<Place> {
  signal.throwIfAborted()
  const computer = await ComputerPlace.open(request, options)
  try {
    await computer.addMachines(options, () => ({ address: LOOPBACK, prefix: [] }))
    signal.throwIfAborted()
  } catch (error) {
    await computer.close(false)
    throw error
  }
  const { machines } = computer
  const owners = new SocketOwners({
    processes: () => {
      const running = runningProcesses()
      return new Map([...machines].map(([name, machine]) => [name, treeOf(machine.roots, running)]))
    },
    others: RUNNER,
  })
  const network = new ProxyNetwork({
    ...{ clock: options.clock, random: options.random, host: LOOPBACK, addressOf: () => LOOPBACK },
    caller: ({ port, localPort }) => owners.of(port, localPort),
  })
  return {
    ...{ machines, network, hostKind: 'user', slowness: 1 },
    facts: { ...computer.facts, network: 'proxies on loopback' },
    close: async (keepFiles) => {
      await network.close()
      await computer.close(keepFiles)
    },
  }
}
