/**
 * Servers with a replica of one volume each, real but for disk, network and time: what a test drives by hand, and what is
 * the same each time. The authority is the one of the random clusters (test/cluster/authority.ts).
 */
import { assert } from '../../src/base/assert.ts'
import { isBlockError } from '../../src/base/errors.ts'
import { BLOCK_BYTES, KIB, MIB } from '../../src/base/units.ts'
import { ReplicaVolume } from '../../src/blockvol/replica/replica-volume.ts'
import type { Tuning } from '../../src/blockvol/tuning.ts'
import { Volume } from '../../src/blockvol/volume.ts'
import type { LedDevice } from '../../src/replication/device.ts'
import { ReplicationListener } from '../../src/replication/listener.ts'
import { Replica } from '../../src/replication/replica.ts'
import { ResyncSlots } from '../../src/replication/resync/slots.ts'
import type { Note } from '../../src/v2engine/effects.ts'
import { type ServerId, serverId } from '../../src/v2engine/identity.ts'
import { type Bounds, DEFAULT_BOUNDS, type Policy } from '../../src/v2engine/policy.ts'
import { Authority } from '../cluster/authority.ts'
import { Life, SimClock } from '../sim/clock.ts'
import { FaultPlan } from '../sim/faults.ts'
import { DATA_DIRECTORY, emptyStorage, type SimProcess, startProcess } from '../sim/machine.ts'
import { SeededRandom } from '../sim/random.ts'
import { Scheduler } from '../sim/scheduler.ts'
import { Machines } from './net.ts'

const DIRECTORY = `${DATA_DIRECTORY}/volume`
const UUID = new Uint8Array(16).fill(9)
const CLUSTER_ID = new Uint8Array(16).fill(1)
const CLUSTER_KEY = Buffer.from('the key of the cluster')
const PORT = 7460
const HEARTBEAT_MS = 500
const BEAT_MS = 150
const LIMIT_MS = 120_000

export interface TrioOptions {
  readonly servers?: readonly string[]
  readonly policy: Policy
  readonly bounds?: Partial<Bounds>
  readonly sizeBytes?: number
  readonly logBytes?: number
  readonly tuning?: Partial<Tuning>
}

/** A server: its disk, and the process on it while it is up. */
export class Node {
  readonly server: ServerId
  readonly #trio: Trio
  storage = emptyStorage()
  #process: SimProcess | undefined
  replica: Replica | undefined
  #listener: ReplicationListener | undefined
  /** While it leads. */
  device: LedDevice | undefined
  readonly notes: Note[] = []
  readonly halts: string[] = []
  readonly failures: unknown[] = []
  readonly port = PORT
  readonly faults: FaultPlan
  #lives = 0
  /** Its disk was lost, and another took its place. */
  #isReplacement = false
  /** The authority does not reach it, nor it the authority. */
  isCut = false

  constructor(trio: Trio, server: ServerId) {
    this.#trio = trio
    this.server = server
    this.faults = new FaultPlan(new SeededRandom(1))
  }

  get open(): Replica {
    assert(this.replica !== undefined, `${this.server} is up`)
    return this.replica
  }

  async create(): Promise<void> {
    const process = this.#start()
    await Volume.create(process, { directory: DIRECTORY, uuid: UUID, name: 'v', ...this.#trio.shape })
    process.life.end()
  }

  #start(): SimProcess {
    const seed = this.server.charCodeAt(0) * 1000 + this.#lives++
    return startProcess({ storage: this.storage, scheduler: this.#trio.scheduler, seed, faults: this.faults })
  }

  async up(): Promise<void> {
    const { authority, bounds, machines } = this.#trio
    const process = this.#start()
    const net = machines.of(this.server)
    this.#process = process
    const replica = await Replica.open({
      ports: process,
      net,
      server: this.server,
      clusterId: CLUSTER_ID,
      clusterKey: CLUSTER_KEY,
      bounds,
      directory: DIRECTORY,
      tuning: { scrubIntervalMs: 0, idleFlushMs: 50, ...this.#trio.tuning },
      madeIn: this.#isReplacement ? authority.registry.epoch : null,
      slots: new ResyncSlots(),
      toAuthority: (message) =>
        this.#trio.later(1, () => {
          if (!this.isCut) authority.onMessage(this.server, message, this.#trio.scheduler.nowMs)
        }),
      lead: (device) => {
        this.device = device
      },
      halt: (why) => {
        this.halts.push(why)
        this.device = undefined
      },
      note: (note) => this.notes.push(note),
      failed: (error) => this.failures.push(error),
    })
    this.replica = replica
    this.#listener = await ReplicationListener.listen(
      net,
      { host: this.server, port: PORT },
      {
        server: this.server,
        clusterId: CLUSTER_ID,
        clusterKey: CLUSTER_KEY,
        ports: process,
        replicaOf: () => this.replica,
      },
    )
    const beat = (): void => {
      if (this.replica !== replica) return
      if (!this.isCut) authority.onHeartbeat(this.server, replica.heartbeat(), this.#trio.scheduler.nowMs)
      this.#trio.later(HEARTBEAT_MS, beat)
    }
    beat()
  }

  #fileId(name: string): number {
    const id = this.storage.lookup(`${DIRECTORY}/${name}`)
    assert(id !== undefined, `${this.server} has a file ${name}`)
    return id
  }

  /** A bit of a file rots on the medium; rotten twice it is as it was. */
  rot(name: string, offsetBytes: number): void {
    this.storage.flipBit(this.#fileId(name), offsetBytes, 3)
  }

  /** The first file with the content of preserved versions. */
  versionFile(): string {
    const directory = `${DIRECTORY}/versions`
    const name = this.storage.list(directory).find((one) => /^[0-9]{6}$/.test(one))
    assert(
      name !== undefined,
      `${this.server} has preserved something: ${this.storage.list(directory).join()}`,
    )
    return `versions/${name}`
  }

  /** A bit of this content rots, wherever in the file it is. */
  rotContent(name: string, content: Uint8Array): void {
    const { sizeBytes } = this.storage.cacheOf(this.#fileId(name))
    const at = Buffer.from(this.bytes(name, 0, sizeBytes)).indexOf(content)
    assert(at >= 0, `${name} has that content`)
    this.rot(name, at + 77)
  }

  /** What a file of the volume holds there. */
  bytes(name: string, offsetBytes: number, lengthBytes = 1): Uint8Array {
    const target = new Uint8Array(lengthBytes)
    this.storage.cacheOf(this.#fileId(name)).read(target, offsetBytes)
    return target
  }

  /** The process dies; the page cache stays, or what was not synced is gone. */
  crash(kind: 'process' | 'power' = 'process'): void {
    this.#process?.life.end()
    this.replica?.kill()
    this.#forget()
    this.#trio.machines.reset(this.server)
    this.storage =
      kind === 'process' ? this.storage.afterProcessCrash() : this.storage.afterPowerLoss(() => 'none')
  }

  /** Its disk is lost; another one takes its place. */
  async replace(): Promise<void> {
    this.crash()
    this.storage = emptyStorage()
    this.#isReplacement = true
    await this.create()
    await this.up()
  }

  async close(): Promise<void> {
    await this.#listener?.close()
    await this.replica?.close()
    this.#process?.life.end()
    this.#forget()
  }

  #forget(): void {
    this.replica = undefined
    this.device = undefined
    this.#process = undefined
  }

  /** What a file of the volume holds becomes something else, durably and unnoticed; for replicas that are down. */
  async overwrite(name: string, data: Uint8Array, offsetBytes = 0): Promise<void> {
    const process = this.#start()
    const file = await process.disk.open(`${DIRECTORY}/${name}`, { create: 'never' })
    await file.write([data], offsetBytes)
    await file.datasync()
    await file.close()
    process.life.end()
  }

  /** All of a file of the volume. */
  whole(name: string): Uint8Array {
    return this.bytes(name, 0, this.storage.cacheOf(this.#fileId(name)).sizeBytes)
  }

  /** Its storage, by hand; for replicas that are closed. */
  async offline<T>(work: (volume: ReplicaVolume) => Promise<T>): Promise<T> {
    const process = this.#start()
    const nothing = (): void => undefined
    const volume = await ReplicaVolume.open(process, {
      directory: DIRECTORY,
      tuning: { scrubIntervalMs: 0 },
      resyncPhase: () => undefined,
      events: { progress: nothing, flushAsked: nothing, poisoned: nothing, pinsLost: nothing },
    })
    const done = await work(volume)
    await volume.close()
    process.life.end()
    return done
  }

  /** Fill of each block, everything in the log included; for replicas that are closed. */
  async content(): Promise<number[]> {
    const bytes = await this.offline(async (volume) => {
      volume.acknowledge(volume.local.appended)
      const all = new Uint8Array(volume.device.sizeBytes)
      await volume.device.read(0, all)
      return all
    })
    return Array.from({ length: bytes.byteLength / BLOCK_BYTES }, (_, i) => bytes[i * BLOCK_BYTES]!)
  }
}

export class Trio {
  readonly scheduler = new Scheduler(1)
  /** The test's own. */
  readonly clock = new SimClock(this.scheduler, new Life())
  readonly cluster = { clusterId: CLUSTER_ID, clusterKey: CLUSTER_KEY }
  readonly machines = new Machines()
  readonly bounds: Bounds
  readonly authority: Authority
  readonly nodes: readonly Node[]
  readonly tuning: Partial<Tuning>
  readonly shape: { sizeBytes: number; logicalBlockBytes: 512 | 4096; logBytes: number }

  private constructor(options: TrioOptions) {
    const servers = (options.servers ?? ['a', 'b', 'c']).map(serverId)
    this.bounds = { ...DEFAULT_BOUNDS, ...options.bounds }
    this.tuning = options.tuning ?? {}
    this.shape = {
      sizeBytes: options.sizeBytes ?? MIB,
      logicalBlockBytes: 512,
      logBytes: options.logBytes ?? 256 * KIB,
    }
    this.nodes = servers.map((server) => new Node(this, server))
    this.authority = new Authority({
      policy: options.policy,
      bounds: this.bounds,
      members: servers,
      replicas: servers.map((server) => ({ server, endpoint: `${server}:${PORT}` })),
      random: new SeededRandom(1),
      send: (to, message) =>
        this.later(1, () => {
          const { replica, isCut } = this.node(to)
          if (!isCut) replica?.fromAuthority(message)
        }),
      promoted: () => undefined,
    })
  }

  static run(options: TrioOptions, work: (trio: Trio) => Promise<void>): Promise<void> {
    const trio = new Trio(options)
    const all = async (): Promise<void> => {
      for (const node of trio.nodes) {
        await node.create()
        await node.up()
      }
      const beat = (): void => {
        trio.authority.onBeat(trio.scheduler.nowMs)
        trio.later(BEAT_MS, beat)
      }
      beat()
      await work(trio)
    }
    return trio.scheduler.until(all(), { what: 'the test', limitMs: LIMIT_MS })
  }

  node(server: string): Node {
    const node = this.nodes.find((one) => one.server === server)
    assert(node !== undefined, `there is a ${server}`)
    return node
  }

  later(delayMs: number, run: () => void): void {
    this.scheduler.schedule('test', '', delayMs, run)
  }

  /** Lets time pass until something is so. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    const from = this.scheduler.nowMs
    while (!isSo()) {
      assert(this.scheduler.nowMs - from < 60_000, `${what}: ${this.describe()}`)
      await new Promise<void>((resolve) => this.later(5, resolve))
    }
  }

  describe(): string {
    const { registry } = this.authority
    const nodes = this.nodes.map(({ server, replica }) => {
      if (replica === undefined) return `${server} down`
      const { view, volume } = replica.status()
      const peers = view.peers.map((peer) => `${peer.server} ${peer.session} ${peer.appended}`).join()
      return `${server} ${view.role} ${view.commit} of ${volume.appendedLsn} [${peers}]`
    })
    return `${registry.state} ${registry.epoch.number} set ${registry.set.members.join('')}; ${nodes.join('; ')}`
  }

  /** The node that leads, once it serves hosts; another than `not`. */
  async leader(not?: Node): Promise<Node> {
    let leader: Node | undefined
    await this.until('somebody leads', () => {
      leader = this.nodes.find(
        (node) => node !== not && node.device !== undefined && node.device.untilMs > this.scheduler.nowMs,
      )
      return leader !== undefined
    })
    assert(leader !== undefined, 'somebody leads')
    return leader
  }

  /** Everybody is in the set, has everything, and is sound. */
  async inSync(): Promise<void> {
    await this.until('all are in sync', () => {
      const { registry } = this.authority
      const primary = this.nodes.find(({ server }) => server === registry.primary)?.replica?.status()
      if (registry.state !== 'serving' || primary?.view.role !== 'serving') return false
      if (registry.set.members.length < this.nodes.length) return false
      return primary.view.peers.every(
        ({ isMember, session, appended }) =>
          isMember && session?.endsWith('live') === true && appended === primary.volume.appendedLsn,
      )
    })
  }
}

/** One block of a fill. Tried again for as long as it is answered BUSY. */
export async function write(device: LedDevice, block: number, fill: number): Promise<void> {
  for (;;) {
    try {
      await device.write(block * BLOCK_BYTES, new Uint8Array(BLOCK_BYTES).fill(fill))
      return
    } catch (error) {
      if (!isBlockError(error, 'BUSY')) throw error
    }
  }
}

/** Fill of a block. */
export async function read(device: LedDevice, block: number): Promise<number> {
  const target = new Uint8Array(BLOCK_BYTES)
  await device.read(block * BLOCK_BYTES, target)
  assert(
    target.every((byte) => byte === target[0]),
    'a block is of one write',
  )
  return target[0]!
}
