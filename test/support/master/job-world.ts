/**
 * A master's jobs over scripted servers, in virtual time. The registry and the servers outlive each life of the master; a
 * life ends at the commit that the test names, and the next one begins from what is recorded.
 */

import { silentLogger } from '../../../src/base/log.ts'
import { Master } from '../../../src/master/core/master.ts'
import { openRecordStore } from '../../../src/master/core/record-store.ts'
import type { RecordStore, RecordsView, RecordWrite } from '../../../src/master/core/records-view.ts'
import { firstLead } from '../../../src/master/failover/lead-state.ts'
import { newJob } from '../../../src/master/jobs/new-job.ts'
import { isOver } from '../../../src/master/jobs/turns.ts'
import { DEFAULT_PLACEMENT } from '../../../src/master/placement/settings.ts'
import type { JobRecord, ServerRecord, VolumeRecord } from '../../../src/master/records.ts'
import {
  MemoryRegistry,
  type MemoryRegistryOptions,
  MemoryStorage,
} from '../../../src/master/registry/memory-registry.ts'
import type { Registry } from '../../../src/master/registry/registry.ts'
import { Life, SimClock } from '../../sim/clock.ts'
import { SeededRandom } from '../../sim/random.ts'
import { Scheduler } from '../../sim/scheduler.ts'
import { type CommitCount, CrashingRegistry, type CrashPoint } from './crashing-registry.ts'
import { ScriptCluster } from './script-cluster.ts'
import { ScriptServers } from './script-servers.ts'

const MIB = 1024 * 1024
/** Of a server that is away: then its replicas are made elsewhere. */
export const LOST_AFTER_MS = 120_000

/** What dies with the process. */
interface Running {
  readonly life: Life
  readonly registry: CrashingRegistry
  readonly cluster: ScriptCluster | null
  readonly master: Master | null
}

export interface JobWorldOptions {
  readonly servers?: readonly string[]
  readonly seed?: number
  /** Which commit ends a life of the master. */
  readonly crashAt?: CrashPoint | null
}

export class JobWorld {
  readonly scheduler: Scheduler
  readonly servers: ScriptServers
  readonly count: CommitCount = { commits: 0, crashAt: null }
  lives = 0
  /** How often a hand-over of a lead fails, in each life. */
  failMoves = 0
  readonly #storage: MemoryStorage
  readonly #crashAt: CrashPoint | null
  readonly #seed: number
  /** What is there before the master's first life. */
  readonly #first: RecordWrite[] = []
  #running: Running | null = null
  #records: RecordsView | null = null

  constructor({ servers = ['s1', 's2', 's3', 's4'], seed = 1, crashAt = null }: JobWorldOptions = {}) {
    this.scheduler = new Scheduler(seed)
    this.#seed = seed
    this.#crashAt = crashAt
    this.#storage = new MemoryStorage(new SeededRandom(seed))
    this.servers = new ScriptServers(this.scheduler, servers)
    for (const id of servers) this.put({ kind: 'server', record: serverRecord(id) })
  }

  /** Records that are there when the master's first life begins. */
  put(...writes: readonly RecordWrite[]): void {
    this.#first.push(...writes)
  }

  get master(): Master {
    const { master } = this.running
    if (master === null) throw new Error('the master is still starting')
    return master
  }

  get running(): Running {
    if (this.#running === null) throw new Error('no master runs')
    return this.#running
  }

  /** As the last life of the master saw them. */
  get records(): RecordsView {
    if (this.#records === null) throw new Error('no master has run')
    return this.#records
  }

  /** The master's first life begins. */
  async start(): Promise<void> {
    const life = new Life()
    const clock = new SimClock(this.scheduler, life)
    const registry = new MemoryRegistry({ ...this.#registryOptions(clock) })
    const store = await this.scheduler.until(this.#open(registry, clock), { what: 'the first registry' })
    await this.scheduler.until(
      store.change(() => ({ writes: this.#first, result: undefined })),
      { what: 'the first records' },
    )
    await this.scheduler.until(store.close(), { what: 'the end of the first store' })
    await this.scheduler.until(registry.close(), { what: 'the end of the first registry' })
    this.count.crashAt = this.#crashAt
    await this.scheduler.until(this.#begin(), { what: 'the start of the master' })
  }

  /** The next life, after `kill`. */
  async restart(): Promise<void> {
    await this.scheduler.until(this.#begin(), { what: 'the next start of the master' })
  }

  async #begin(): Promise<void> {
    this.lives += 1
    const life = new Life()
    const clock = new SimClock(this.scheduler, life)
    const registry = new CrashingRegistry(this.#registryOptions(clock), this.count, () => {
      this.kill()
      this.scheduler.schedule('restart', '', 20, () => void this.#begin())
    })
    const ending = { life, registry, cluster: null, master: null }
    this.#running = ending
    const store = await this.#open(registry, clock)
    const cluster = new ScriptCluster(store, this.servers, clock)
    cluster.failMoves = this.failMoves
    const master = new Master({
      unseal: (sealed) => sealed.replace('sealed:', ''),
      store,
      cluster,
      links: this.servers,
      clock,
      random: new SeededRandom(this.lives),
      log: silentLogger,
      placement: { ...DEFAULT_PLACEMENT, lostAfterMs: LOST_AFTER_MS },
      iqnPrefix: 'iqn.2026-11.io.basalt',
      nqnPrefix: 'nqn.2026-11.io.basalt',
    })
    this.#records = store.view
    this.#running = { life, registry, cluster, master }
    cluster.start()
    master.start()
  }

  /** The process is gone. */
  kill(): void {
    const { life, registry, cluster, master } = this.running
    life.end()
    registry.end()
    master?.close()
    cluster?.close()
  }

  #registryOptions(clock: SimClock): MemoryRegistryOptions {
    return { storage: this.#storage, clock, random: new SeededRandom(this.#seed), delayMsMax: 1 }
  }

  #open(registry: Registry, clock: SimClock): Promise<RecordStore> {
    return openRecordStore({ registry, clock, random: new SeededRandom(this.lives), clusterId: 'c0' })
  }

  /** Virtual time passes until `condition` holds; fails after ten minutes of it. */
  async until(what: string, condition: () => boolean): Promise<void> {
    const endMs = this.scheduler.nowMs + 600_000
    while (!condition()) {
      if (this.scheduler.nowMs > endMs) {
        const jobs = this.records.jobs().map((job) => this.running.master?.job(job.id))
        throw new Error(`${what} does not come: ${JSON.stringify(jobs, null, 1)}`)
      }
      await this.scheduler.pass(100)
    }
  }

  /** All jobs have ended. */
  async calm(): Promise<void> {
    await this.until('the end of all jobs', () => this.records.jobs().every(isOver))
    // what was away is told, and deletes what it should not have
    await this.scheduler.pass(90_000)
  }

  /** A volume that is served, with replicas made. */
  addVolume(name: string, servers: readonly string[], changes: Partial<VolumeRecord> = {}): VolumeRecord {
    const volume = { ...servedVolume(name, servers), ...changes }
    this.put({ kind: 'volume', record: volume })
    for (const server of servers) {
      this.servers.servers.get(server)?.replicas.set(volume.uuid, {
        volume: volume.uuid,
        sizeBytes: volume.sizeBytes,
        epoch: 1,
      })
    }
    return volume
  }

  addJob(id: string, wish: Omit<Parameters<typeof newJob>[2], 'actor'>): JobRecord {
    const job = newJob(id, 0, { actor: 'test', ...wish })
    this.put({ kind: 'job', record: job })
    return job
  }

  job(id: string): JobRecord {
    const job = this.records.job(id)
    if (job === undefined) throw new Error(`no job ${id}`)
    return job
  }

  /** Replicas that a record says are made, and that their server does not have. */
  missing(): string[] {
    const held = this.servers.held()
    return this.records
      .volumes()
      .flatMap(({ uuid, replicas }) =>
        replicas.flatMap(({ server, state }) => (state === 'ready' ? [`${server}/${uuid}`] : [])),
      )
      .filter((replica) => !held.includes(replica))
  }

  /** Replicas that a server has and no record names. */
  orphans(): string[] {
    const recorded = this.records
      .volumes()
      .flatMap((volume) => volume.replicas.map(({ server }) => `${server}/${volume.uuid}`))
    return this.servers.held().filter((replica) => !recorded.includes(replica))
  }
}

export const serverRecord = (id: string): ServerRecord => ({
  id,
  name: id,
  addresses: {
    grpc: `${id}:7461`,
    replication: `${id}:7460`,
    http: `${id}:7462`,
    iscsi: [`${id}:3260`],
    nvme: [],
  },
  zone: null,
  rack: null,
  diskType: 'ssd',
  capacityBytes: 2 ** 40,
  isCordoned: false,
  state: 'active',
  joinedAt: 0,
})

/** Before its creation has begun. */
export function newVolume(name: string, servers: readonly string[]): VolumeRecord {
  return {
    uuid: `u-${name}`,
    name,
    sizeBytes: 64 * MIB,
    logicalBlockBytes: 512,
    logBytes: null,
    preset: 'general',
    policy: { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: servers.length },
    placement: { diskType: null, zones: [], zoneSpread: 'preferred', rackSpread: 'preferred' },
    isMultipath: false,
    origin: null,
    madeOf: null,
    replicas: servers.map((server, slot) => ({ server, state: 'allocating' as const, slot })),
    lead: firstLead(servers, 1n),
    access: { initiators: null, chap: null, hosts: null, dhchap: [] },
    publications: [],
    accessVersion: 0,
    qos: { iops: 0, iopsBurst: 0, bytesPerSecond: 0, bytesBurst: 0 },
    state: 'creating',
    createdAt: 0,
  }
}

export function servedVolume(name: string, servers: readonly string[]): VolumeRecord {
  const volume = newVolume(name, servers)
  return {
    ...volume,
    replicas: servers.map((server, slot) => ({ server, state: 'ready' as const, slot })),
    lead: {
      ...volume.lead,
      epoch: { number: 1, id: '1' },
      state: 'serving',
      opening: 1,
      hasServed: true,
      set: { epoch: 1, version: 1, members: servers },
    },
    state: 'active',
  }
}
