/**
 * Servers and masters are processes of this computer, as on the local place; hosts are machines in QEMU with Debian's kernel and
 * its initiators. Their connections come from QEMU's process, and by that the proxies know them.
 */
import { join } from 'node:path'
import { BlockError } from '../../../src/base/errors.ts'
import type { Clock } from '../../../src/base/ports/clock.ts'
import { hostNames, machineNames } from '../../model/machine-names.ts'
import type { Need } from '../../model/need.ts'
import type { Backend, Machine, Place, PlaceRequest } from '../backend.ts'
import { type ComputerOptions, ComputerPlace } from '../local/computer-place.ts'
import { hasNeed } from '../local/needs.ts'
import { runningProcesses, treeOf } from '../local/process-tree.ts'
import { ProxyNetwork } from '../proxies/proxy-network.ts'
import { SocketOwners } from '../proxies/socket-owners.ts'
import { AgentDoor } from './agent-door.ts'
import { missingRequirements } from './requirements.ts'
import { buildGuest } from './rig.ts'
import { VirtualHost } from './virtual-host.ts'
import { VmNetwork } from './vm-network.ts'

const LOOPBACK = '127.0.0.1'
/** The runner's own connections: no machine's, for hosts have processes of their own. */
const RUNNER = 'runner'
/** Of a guest whose CPU is emulated. */
const EMULATED_SLOWNESS = 6

export interface VmOptions extends ComputerOptions {
  readonly clock: Clock
}

export const vmBackend = (options: VmOptions): Backend => ({
  name: 'vm',
  missing: async (needs) => {
    const missing = missingRequirements()
    if (missing.length > 0) throw new BlockError('NOT_FOUND', missing.join('; '))
    return needs.filter((need) => !isMet(need))
  },
  open: (request, signal) => openVm(request, signal, options),
})

/** Hosts have what the guest has, daemons what this computer has. */
function isMet(need: Need): boolean {
  switch (need) {
    case 'kernel':
    case 'netem':
    case 'fio':
    case 'sqlite':
      return true
    case 'postgresql':
      return false
    case 'root':
    case 'partition':
    case 'small-disk':
    case 's3':
      return hasNeed(need)
  }
}

async function openVm(request: PlaceRequest, signal: AbortSignal, options: VmOptions): Promise<Place> {
  signal.throwIfAborted()
  await buildGuest(signal)
  const parts = new Parts()
  try {
    return await parts.open(request, signal, options)
  } catch (error) {
    await parts.close(false)
    throw error
  }
}

/** What is open of a place. */
class Parts {
  readonly #hosts = new Map<string, VirtualHost>()
  #computer: ComputerPlace | undefined
  #door: AgentDoor | undefined
  #proxies: ProxyNetwork | undefined

  async open(request: PlaceRequest, signal: AbortSignal, options: VmOptions): Promise<Place> {
    const { topology } = request
    const daemons = { ...request, topology: { ...topology, hosts: 0 } }
    const computer = await ComputerPlace.open(daemons, options)
    this.#computer = computer
    await computer.addMachines(options, () => ({ address: LOOPBACK, prefix: [] }))
    this.#door = await AgentDoor.open()
    await this.#boot(request, this.#door, signal)
    const { machines } = computer
    const owners = new SocketOwners({
      processes: () => {
        const running = runningProcesses()
        const roots = new Map<string, readonly number[]>(
          [...machines].map(([name, { roots }]) => [name, roots]),
        )
        for (const [name, { pid }] of this.#hosts) roots.set(name, [pid])
        return new Map([...roots].map(([name, pids]) => [name, treeOf(pids, running)]))
      },
      others: RUNNER,
    })
    const proxies = new ProxyNetwork({
      ...{ clock: options.clock, random: options.random, host: LOOPBACK, addressOf: () => LOOPBACK },
      caller: ({ port, localPort }) => owners.of(port, localPort),
    })
    this.#proxies = proxies
    const all = new Map<string, Machine>()
    for (const name of machineNames(topology)) {
      const machine = machines.get(name) ?? this.#hosts.get(name)?.machine
      if (machine !== undefined) all.set(name, machine)
    }
    return {
      machines: all,
      network: new VmNetwork(proxies, this.#hosts),
      hostKind: 'kernel',
      slowness: process.env.RIG_ACCEL?.startsWith('kvm') === true ? 1 : EMULATED_SLOWNESS,
      facts: { ...computer.facts, network: 'proxies on loopback, netem in guests', ...(await this.#facts()) },
      collect: async (save) => {
        for (const host of this.#hosts.values()) await host.collect(save)
      },
      close: (keepFiles) => this.close(keepFiles),
    }
  }

  async close(keepFiles: boolean): Promise<void> {
    await Promise.all([...this.#hosts.values()].map((host) => host.close()))
    await this.#door?.close()
    await this.#proxies?.close()
    await this.#computer?.close(keepFiles)
  }

  async #boot(request: PlaceRequest, door: AgentDoor, signal: AbortSignal): Promise<void> {
    const { runId, topology, directory, log } = request
    const names = hostNames(topology)
    if (names.length > 0) log(`booting ${names.join(', ')}`)
    const booting = names.map(async (name) => {
      const folder = join(directory, name)
      await this.#computer?.record.willRemove(folder)
      const host = await VirtualHost.boot({ name, runId, directory: folder, door, signal })
      this.#hosts.set(name, host)
    })
    const booted = await Promise.allSettled(booting)
    for (const one of booted) if (one.status === 'rejected') throw one.reason
  }

  async #facts(): Promise<Record<string, string>> {
    const [host] = this.#hosts.values()
    if (host === undefined) return {}
    const script = 'uname -r; iscsiadm --version; nvme version | head -n 1'
    const { stdout } = await host.machine.run(['sh', '-c', script], { timeoutMs: 60_000 })
    const [guestKernel = '', openIscsi = '', nvmeCli = ''] = stdout.split('\n')
    return { guestKernel, openIscsi, nvmeCli }
  }
}
