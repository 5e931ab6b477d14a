/**
 * Everything that a scenario runs on: a place, a cluster on it, hosts and an oracle. Opened together, closed together in the
 * reverse order; what was half opened is closed, too.
 */
import { BlockError } from '../../src/base/errors.ts'
import { watchGates } from '../actions/gates/gates.ts'
import type { Backend, Machine, Place } from '../backends/backend.ts'
import { hostNqn, initiatorName } from '../cluster/host-names.ts'
import { startCluster } from '../cluster/start-cluster.ts'
import type { Host } from '../hosts/disk.ts'
import { kernelHost } from '../hosts/kernel/kernel-host.ts'
import { hostNames } from '../hosts/names.ts'
import { userHost } from '../hosts/user/user-host.ts'
import type { ScenarioEvent } from '../model/event.ts'
import type { Failure } from '../model/failure.ts'
import { hostNames as namesOfHosts } from '../model/machine-names.ts'
import type { Scenario } from '../model/scenario.ts'
import { newOracle } from '../oracle/new-oracle.ts'
import type { RunnerPorts } from './options.ts'
import { failureOf, RunningWorld } from './world.ts'

export interface StageOptions {
  readonly scenario: Scenario
  readonly backend: Backend
  readonly ports: Pick<RunnerPorts, 'clock' | 'random' | 'net'>
  readonly runId: string
  /** For the machines' folders. */
  readonly directory: string
  readonly signal: AbortSignal
  readonly emit: (event: ScenarioEvent) => void
  readonly isKept: boolean
}

/** Each thing that is closed has so long; a cluster that stops in good order takes its drain's time. */
const CLOSE_MS = 45_000

export class Stage {
  readonly world: RunningWorld
  readonly #closing: Closing

  private constructor(world: RunningWorld, closing: Closing) {
    this.world = world
    this.#closing = closing
  }

  /** Rejects with what kept it from opening, when all that was begun is closed. */
  static async open(options: StageOptions): Promise<Stage> {
    const closing = new Closing(options.emit)
    try {
      return await build(options, closing).then((world) => new Stage(world, closing))
    } catch (error) {
      await closing.close()
      throw error
    }
  }

  /** Never rejects; what could not be closed is told. */
  close(): Promise<void> {
    return this.#closing.close()
  }
}

async function build(options: StageOptions, closing: Closing): Promise<RunningWorld> {
  const { scenario, backend, ports, runId, directory, signal, emit, isKept } = options
  const { clock, random } = ports
  const { topology } = scenario
  const log = (text: string): void => emit({ type: 'log', text })
  const place = await backend.open({ runId, topology, directory, log }, signal)
  closing.slowness = place.slowness
  closing.add('place', () => place.close(isKept))
  emit({ type: 'place-opened', machines: [...place.machines.keys()], facts: place.facts })
  const cluster = await startCluster({ place, topology, random, clock, signal, log })
  closing.add('cluster', () => cluster.stop())
  const oracle = newOracle({ clock, random })
  closing.add('oracle', () => oracle.close())
  const hosts = new Map<string, Host>()
  closing.add('hosts', async () => {
    await Promise.all([...hosts.values()].map((host) => host.close()))
  })
  for (const name of namesOfHosts(topology)) {
    // where servers do not let in everybody, these are the names that they know
    const names = { ...hostNames(runId, name), initiator: initiatorName(name), nqn: hostNqn(name) }
    const { api } = cluster
    if (place.hostKind === 'user') hosts.set(name, userHost({ name, names, api, ports }))
    else hosts.set(name, kernelHost({ machine: machineOf(place, name), names, api, clock, log }))
  }
  const world = new RunningWorld({ scenario, place, cluster, hosts, oracle })
  closing.add('steps', () =>
    world.clean(CLOSE_MS * place.slowness, (what, failure) => emit({ type: 'cleaned-up', what, failure })),
  )
  watchGates(world, clock)
  return world
}

function machineOf(place: Place, name: string): Machine {
  const machine = place.machines.get(name)
  if (machine === undefined) throw new BlockError('NOT_FOUND', `the place has no machine ${name}`)
  return machine
}

/** What has to be closed, the last one first. */
class Closing {
  slowness = 1
  readonly #emit: (event: ScenarioEvent) => void
  readonly #parts: { readonly what: string; readonly close: () => Promise<void> }[] = []

  constructor(emit: (event: ScenarioEvent) => void) {
    this.#emit = emit
  }

  add(what: string, close: () => Promise<void>): void {
    this.#parts.push({ what, close })
  }

  async close(): Promise<void> {
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      const failure: Failure | null = await failureOf(part.close, CLOSE_MS * this.slowness)
      if (failure !== null || part.what === 'place')
        this.#emit({ type: 'cleaned-up', what: part.what, failure })
    }
  }
}
