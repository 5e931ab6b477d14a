/**
 * A cluster without chance, for directed scenarios: one thing after the other, each waited for, and the same checkers as in
 * random runs. A scenario ends in calm, where all must be in sync, equal, and leave nothing behind.
 */

import { KIB, MIB } from '../../../../src/base/units.ts'
import { serverId } from '../../../../src/v2engine/identity.ts'
import type { Policy } from '../../../../src/v2engine/policy.ts'
import { fail } from '../../../cluster/checker.ts'
import { type Outcome, VolumeClient } from '../../client.ts'
import { SeededRandom } from '../../random.ts'
import { SnapshotClient } from '../../snapshot-client.ts'
import { ClusterSim } from '../cluster-sim.ts'
import { MASTER } from '../control.ts'
import type { Path } from '../hosts.ts'
import type { MasterMachine } from '../master/master-machine.ts'
import { RealMaster } from '../master/real-master.ts'
import { type ClusterProfile, TROUBLES, type Trouble } from '../profile.ts'
import type { SimServer } from '../server.ts'

export const SYNC_ALL: Policy = { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: 3 }
export const SYNC_QUORUM: Policy = { mode: { kind: 'sync_quorum' }, replicaFactor: 3 }
export const BEST_EFFORT: Policy = {
  mode: { kind: 'best_effort', maxLagEntries: 20, maxLagMs: 3000 },
  replicaFactor: 3,
}
export const syncAllOf = (replicaFactor: number): Policy => ({ ...SYNC_ALL, replicaFactor })

const NO_WEIGHTS = Object.fromEntries(TROUBLES.map((trouble) => [trouble, 0])) as Record<Trouble, number>
const LIMIT_MS = 400_000
const WAIT_MS = 30_000
const FIRST_ANSWER_MS = 300
const BLOCK_SECTORS = 8

interface StageOptions {
  readonly policy: Policy
  readonly seed?: number
  /** So many production masters; without it the shell over the reducer, which the scenario steers. */
  readonly masters?: 1 | 2
  /** Hosts come by the front ends of a multipath volume. */
  readonly isMultipath?: boolean
  /** Speed of each server's clocks. */
  readonly rates?: readonly number[]
  readonly tuning?: ClusterProfile['tuning']
  readonly logBytes?: number
  /** More may be lost than the mode promises to survive: what is lost must be recorded then. */
  readonly isChaos?: boolean
}

export class Stage {
  readonly sim: ClusterSim

  private constructor(sim: ClusterSim) {
    this.sim = sim
  }

  /** What broke; undefined when all held to the end. */
  static play(
    options: StageOptions,
    work: (stage: Stage) => Promise<void>,
    print?: (line: string) => void,
  ): Promise<string | undefined> {
    const profile: ClusterProfile = {
      name: 'scenario',
      policy: options.policy,
      spares: 0,
      isBudgeted: options.isChaos !== true,
      shape: { sizeBytes: MIB, logBytes: options.logBytes ?? 256 * KIB, logicalBlockBytes: 4096 },
      blocks: 64,
      tuning: { scrubIntervalMs: 0, idleFlushMs: 600_000, ...options.tuning },
      clients: 0,
      // there are front ends; the scenario has its own hosts
      pathHosts: options.isMultipath === true ? 1 : 0,
      pathHostsKind: 'alone',
      isMultipath: options.isMultipath === true,
      blocksMax: 1,
      thinkMs: [1],
      net: { delay: 0, dribble: 0, reset: 0, corrupt: 0, duplicate: 0 },
      disk: {},
      weights: NO_WEIGHTS,
      troubleMs: 1000,
      rates: options.rates ?? [1, 1, 1],
      masterRates: Array.from({ length: options.masters ?? 1 }, () => 1),
      snapshots: { operators: 0, kept: 4, thinkMs: [1], restores: 0 },
    }
    const seed = options.seed ?? 1
    const master = options.masters === undefined ? 'stub' : 'real'
    const sim = new ClusterSim(seed, new SeededRandom(seed, 0x5ce), profile, print, master)
    sim.control.calm()
    return sim.script(async () => {
      const stage = new Stage(sim)
      sim.start()
      await work(stage)
      await sim.calmDown()
    }, LIMIT_MS)
  }

  server(name: string): SimServer {
    const server = this.sim.servers.get(serverId(name))
    if (server === undefined) fail(`there is no server ${name}`)
    return server
  }

  others(...names: string[]): SimServer[] {
    return [...this.sim.servers.values()].filter(({ name }) => !names.includes(name))
  }

  wait(forMs: number): Promise<void> {
    return this.sim.sleep(forMs)
  }

  async until(what: string, condition: () => boolean, limitMs = WAIT_MS): Promise<void> {
    const endMs = this.sim.scheduler.nowMs + limitMs
    while (!condition()) {
      if (this.sim.scheduler.nowMs > endMs) fail(`${what} does not come to pass: ${this.sim.describe()}`)
      await this.sim.sleep(1)
    }
  }

  /** Hosts are served, at that server if one is named. */
  async served(at?: string, limitMs = WAIT_MS): Promise<Path> {
    await this.until(`service ${at ?? ''}`, () => this.isServedAt(at), limitMs)
    return this.sim.path!
  }

  isServedAt(at?: string): boolean {
    const { path } = this.sim
    return path !== undefined && (at === undefined || path.server === at)
  }

  /** All are in sync, and the set is whole. */
  async well(): Promise<void> {
    await this.until('being in sync', () => this.sim.isWell(), 60_000)
  }

  /** First of all: `name` leads, for its answer comes before those of the others, and all are in sync. */
  async begin(name: string): Promise<Path> {
    this.sim.authority.preferred = serverId(name)
    // in sync_all the first that answers is enough, else enough of them are
    const isFirstEnough = this.sim.profile.policy.mode.kind === 'sync_all'
    for (const other of this.others(name))
      this.cutOneWay(other.name, MASTER, isFirstEnough ? LIMIT_MS : FIRST_ANSWER_MS)
    const path = await this.served(name)
    for (const other of this.others(name)) this.join(other.name, MASTER)
    await this.well()
    return path
  }

  /** The production masters. */
  get masters(): RealMaster {
    const { master } = this.sim
    if (!(master instanceof RealMaster)) fail('the master of this scenario is the shell')
    return master
  }

  /** Who leads of them. */
  leader(): MasterMachine {
    const machine = this.masters.machines.find(({ life }) => life !== undefined && life === this.masters.life)
    if (machine === undefined) fail('none of the masters leads')
    return machine
  }

  /** First of all where the production masters decide: hosts are served somewhere, and all are in sync. */
  async beginAnywhere(): Promise<Path> {
    await this.served()
    await this.well()
    return this.sim.path!
  }

  /** Hosts are served by another server than that. */
  async servedElsewhere(than: string, limitMs = WAIT_MS): Promise<Path> {
    await this.until(
      `service elsewhere than at ${than}`,
      () => this.isServedAt() && !this.isServedAt(than),
      limitMs,
    )
    return this.sim.path!
  }

  write(path: Path, block: number, options: { blocks?: number; fua?: boolean } = {}): Promise<Outcome> {
    const { blocks = 1, fua = false } = options
    return this.client(path).write({
      firstSector: block * BLOCK_SECTORS,
      sectors: blocks * BLOCK_SECTORS,
      fua,
    })
  }

  trim(path: Path, block: number, blocks = 1): Promise<Outcome> {
    return this.client(path).trim({ firstSector: block * BLOCK_SECTORS, sectors: blocks * BLOCK_SECTORS })
  }

  async read(path: Path, block: number): Promise<Outcome> {
    const range = { firstSector: block * BLOCK_SECTORS, sectors: BLOCK_SECTORS }
    const result = await this.client(path).read(range)
    return typeof result === 'string' ? result : 'ok'
  }

  /** Makes it, named after its number. */
  snapshot(path: Path, id: number): Promise<Outcome> {
    return this.snapshots(path).create(BigInt(id), `s${id}`)
  }

  /** All of it, held against the oracle. */
  readSnapshot(path: Path, id: number): Promise<Outcome> {
    return this.snapshots(path).read(BigInt(id), 0, this.sim.profile.blocks)
  }

  snapshots({ snapshots, model }: Path): SnapshotClient {
    return new SnapshotClient(snapshots, model)
  }

  /** Everything acknowledged goes into the extents of whoever leads. */
  async checkpoint(path: Path): Promise<void> {
    await path.device.checkpoint()
  }

  flush(path: Path): Promise<Outcome> {
    return this.client(path).flush()
  }

  client({ device, model }: Path): VolumeClient {
    return new VolumeClient(device, model, { isReplicated: true })
  }

  cut(a: string, b: string, forMs = LIMIT_MS): void {
    this.sim.network.cutBoth(a, b, forMs)
  }

  cutOneWay(from: string, to: string, forMs = LIMIT_MS): void {
    this.sim.network.cut(from, to, forMs)
  }

  join(a: string, b: string): void {
    this.cut(a, b, 0)
  }

  /** From all other servers; the master still reaches it. */
  isolate(name: string): void {
    for (const other of this.others(name)) this.cut(name, other.name)
  }

  rejoin(name: string): void {
    for (const other of this.others(name)) this.join(name, other.name)
  }

  cutMaster(name: string, forMs = LIMIT_MS): void {
    this.cut(name, MASTER, forMs)
  }

  /** Reads at a path that may be over, as long as it answers, until the time is over: the oracle judges each answer. */
  async readOn(path: Path, forMs: number): Promise<void> {
    const endMs = this.sim.scheduler.nowMs + forMs
    while (this.sim.scheduler.nowMs < endMs) {
      await this.read(path, 0)
      await this.wait(10)
    }
  }

  expect(condition: boolean, what: string): void {
    if (!condition) fail(`the scenario is not what it should be: ${what}`)
  }
}

/** A scenario of the catalogue: resolves with what broke, undefined when all held. `print` gets the timeline. */
export const scenario =
  (options: StageOptions, work: (stage: Stage) => Promise<void>) =>
  (print?: (line: string) => void): Promise<string | undefined> =>
    Stage.play(options, work, print)
