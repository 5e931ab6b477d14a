/**
 * A master's jobs over scripted servers, in virtual time. The registry and the servers outlive each life of the master; a
 * life ends at the commit that the test names, and the next one begins from what is recorded.
 */
import { silentLogger } from '../../../src/base/log.ts'
import { newJob } from '../../../src/master/jobs/new-job.ts'
import { placementPlanner } from '../../../src/master/jobs/placement-planner.ts'
import type { JobPorts, Replacement } from '../../../src/master/jobs/ports.ts'
import { JobRunner } from '../../../src/master/jobs/runner.ts'
import { isOver } from '../../../src/master/jobs/turns.ts'
import { DEFAULT_PLACEMENT } from '../../../src/master/placement/settings.ts'
import type { JobRecord, ServerRecord, VolumeRecord } from '../../../src/master/records.ts'
import { Life, SimClock } from '../../sim/clock.ts'
import { SeededRandom } from '../../sim/random.ts'
import { Scheduler } from '../../sim/scheduler.ts'
import { type CrashPoint, DurableRecords, PlainStore } from './plain-store.ts'
import { ScriptCluster } from './script-cluster.ts'
import { ScriptServers } from './script-servers.ts'

const MIB = 1024 * 1024

export class JobWorld {
  readonly scheduler: Scheduler
  readonly durable = new DurableRecords()
  readonly servers: ScriptServers
  /** Which commit ends the life, and on which side of it. */
  crashAt: { readonly commit: number; readonly point: Exclude<CrashPoint, null> } | null = null
  lives = 0
  replacements: () => readonly Replacement[] = () => []
  #life = new Life()
  #store: PlainStore | null = null
  #cluster: ScriptCluster | null = null
  #runner: JobRunner | null = null
  failMoves = 0

  constructor(ids: readonly string[] = ['s1', 's2', 's3', 's4'], seed = 1) {
    this.scheduler = new Scheduler(seed)
    this.servers = new ScriptServers(this.scheduler, ids)
    for (const id of ids) this.durable.serverMap.set(id, serverRecord(id))
  }

  get store(): PlainStore {
    if (this.#store === null) throw new Error('no master runs')
    return this.#store
  }
  get cluster(): ScriptCluster {
    if (this.#cluster === null) throw new Error('no master runs')
    return this.#cluster
  }
  get runner(): JobRunner {
    if (this.#runner === null) throw new Error('no master runs')
    return this.#runner
  }
  get clock(): SimClock {
    return new SimClock(this.scheduler, this.#life)
  }

  /** A new life of the master. */
  start(): void {
    this.lives += 1
    const life = new Life()
    this.#life = life
    const clock = new SimClock(this.scheduler, life)
    const store = new PlainStore({
      durable: this.durable,
      later: (run) => {
        this.scheduler.schedule('commit', '', 1, () => life.deliver(run))
      },
      crash: (commit) => {
        if (life.ended) return 'before'
        if (this.crashAt?.commit !== commit) return null
        const { point } = this.crashAt
        this.crashAt = null
        this.kill()
        this.scheduler.schedule('restart', '', 20, () => this.start())
        return point
      },
    })
    const cluster = new ScriptCluster(store, this.servers, clock)
    cluster.failMoves = this.failMoves
    const ports: JobPorts = {
      store,
      links: this.servers,
      live: cluster,
      leads: cluster,
      planner: {
        ...placementPlanner(DEFAULT_PLACEMENT),
        replacements: () => this.replacements(),
      },
      clock,
      random: new SeededRandom(this.lives),
      log: silentLogger,
    }
    this.#store = store
    this.#cluster = cluster
    this.#runner = new JobRunner(ports)
    cluster.start()
    this.#runner.start()
  }

  /** The process is gone. */
  kill(): void {
    this.#life.end()
    this.#runner?.close()
    this.#cluster?.close()
  }

  /** Virtual time passes until `condition` holds; fails after ten minutes of it. */
  async until(what: string, condition: () => boolean): Promise<void> {
    const endMs = this.scheduler.nowMs + 600_000
    while (!condition()) {
      if (this.scheduler.nowMs > endMs) {
        const jobs = this.durable.jobs().map((job) => this.runner.shown(job))
        throw new Error(`${what} does not come: ${JSON.stringify(jobs, null, 1)}`)
      }
      await this.scheduler.pass(100)
    }
  }

  /** All jobs have ended. */
  async calm(): Promise<void> {
    await this.until('the end of all jobs', () => this.durable.jobs().every(isOver))
    // what was away is told, and deletes what it should not have
    await this.scheduler.pass(90_000)
  }

  /** A volume that is served, with replicas made. */
  addVolume(name: string, servers: readonly string[], changes: Partial<VolumeRecord> = {}): VolumeRecord {
    const volume = { ...servedVolume(name, servers), ...changes }
    this.durable.volumeMap.set(volume.uuid, volume)
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
    this.durable.jobMap.set(id, job)
    return job
  }

  job(id: string): JobRecord {
    const job = this.durable.job(id)
    if (job === undefined) throw new Error(`no job ${id}`)
    return job
  }

  /** Every replica that a server has is in a record, and every one that a record says is made is there. */
  orphans(): string[] {
    const recorded = this.durable
      .volumes()
      .flatMap((volume) => volume.replicas.map(({ server }) => `${server}/${volume.uuid}`))
    return this.servers.held().filter((replica) => !recorded.includes(replica))
  }
}

export const serverRecord = (id: string): ServerRecord => ({
  id,
  name: id,
  addresses: { grpc: `${id}:7461`, replication: `${id}:7460`, http: `${id}:7462`, iscsi: [`${id}:3260`] },
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
    replicas: servers.map((server) => ({ server, state: 'allocating' as const })),
    lead: {
      epoch: { number: 0, id: '0' },
      state: 'sealing',
      primary: servers[0] ?? '',
      opening: null,
      set: { epoch: 0, version: 0, members: servers },
      mayHaveLost: false,
      hasServed: false,
    },
    access: { initiators: null, chap: null },
    qos: { iops: 0, iopsBurst: 0, bytesPerSecond: 0, bytesBurst: 0 },
    state: 'creating',
    createdAt: 0,
  }
}

export function servedVolume(name: string, servers: readonly string[]): VolumeRecord {
  const volume = newVolume(name, servers)
  return {
    ...volume,
    replicas: servers.map((server) => ({ server, state: 'ready' as const })),
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
