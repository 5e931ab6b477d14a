/**
 * A master in this process as it runs in production (runtime, jobs, HTTP API, records over SQLite), and block servers in
 * small behind the port by which it reaches them: they beat, seal, lead and answer, and hold no data. What the master
 * does for beats of the clock is counted apart from what it does for decisions.
 */

import { formatHostPort } from '../../src/base/address.ts'
import { silentLogger } from '../../src/base/log.ts'
import { RealClock } from '../../src/io/clock.ts'
import { RealDisk } from '../../src/io/disk.ts'
import { RealRandom } from '../../src/io/random.ts'
import { loadSyscalls } from '../../src/io/syscalls.ts'
import { ClusterRuntime } from '../../src/master/core/cluster-runtime.ts'
import { Master } from '../../src/master/core/master.ts'
import { openRecordStore } from '../../src/master/core/record-store.ts'
import type { RecordStore } from '../../src/master/core/records-view.ts'
import { testUuid, testVolume } from '../../src/master/core/test-support.ts'
import { firstLead } from '../../src/master/failover/lead-state.ts'
import { openMasterHttp } from '../../src/master/http/master-http.ts'
import { MeteredRegistry } from '../../src/master/http/registry-meter.ts'
import type { ServerLinks } from '../../src/master/links.ts'
import { DEFAULT_PLACEMENT } from '../../src/master/placement/settings.ts'
import type { VolumeRecord } from '../../src/master/records.ts'
import { SqliteRegistry } from '../../src/master/registry/sqlite-registry.ts'
import { MetricsRegistry } from '../../src/metrics/registry.ts'
import { BEAT_MS, RigServer, type ServerWorld } from '../../test/master/cluster-rig.ts'
import { NO_CALLS } from '../../test/support/master/no-calls.ts'

export const REPLICAS = 3
const CLUSTER = testUuid(1, 9)
const FILL_AT_ONCE = 200

const syscalls = loadSyscalls((reason) => {
  throw reason
})
const clock = new RealClock({ syscalls })
const random = new RealRandom()
const disk = new RealDisk({ syscalls })

const cpuUs = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}

export class BenchWorld implements ServerWorld {
  readonly clock = clock
  readonly servers: RigServer[] = []
  readonly store: RecordStore
  readonly registry: MeteredRegistry
  readonly runtime: ClusterRuntime
  readonly master: Master
  /** CPU of beats that the clock brought, with what the servers need to make them, and of looking whether it is done. */
  #asideUs = 0
  /** CPU in a millisecond without anything to do: timers, sweeps. */
  #idleUs = 0
  #isOver = false

  private constructor(store: RecordStore, registry: MeteredRegistry) {
    this.store = store
    this.registry = registry
    const links: ServerLinks = {
      ...NO_CALLS,
      send: (server, message) => {
        setImmediate(() => this.#server(server)?.hear(message))
      },
      allocate: async (server, { volume }) => {
        const record = store.view.volume(volume)
        if (record !== undefined) this.#server(server)?.hold(record)
      },
      remove: async (server, { volume }) => void this.#server(server)?.held.delete(volume),
      expand: async () => undefined,
    }
    this.runtime = new ClusterRuntime({
      ...{ store, links, clock, random, logger: silentLogger },
      clearAccess: ({ initiators, hosts }) => ({ initiators, chap: null, hosts, dhchap: [] }),
    })
    this.master = new Master({
      unseal: (sealed) => sealed,
      ...{ store, links, clock, random, log: silentLogger },
      cluster: this.runtime,
      placement: DEFAULT_PLACEMENT,
      iqnPrefix: 'iqn.2026-11.io.basalt',
      nqnPrefix: 'nqn.2026-11.io.basalt',
    })
  }

  static async open(path: string, servers: number): Promise<BenchWorld> {
    const registry = new MeteredRegistry(await SqliteRegistry.open({ path, disk, random, clock }), clock)
    const world = new BenchWorld(
      await openRecordStore({ registry, clock, random, clusterId: CLUSTER }),
      registry,
    )
    world.runtime.start()
    world.master.start()
    for (let n = 1; n <= servers; n++) world.servers.push(new RigServer(world, n))
    for (const server of world.servers) await server.up()
    return world
  }

  later(delayMs: number, run: () => void): void {
    const isBeat = delayMs === BEAT_MS
    setTimeout(() => {
      if (this.#isOver) return
      const beganUs = cpuUs()
      run()
      if (isBeat) this.#asideUs += cpuUs() - beganUs
    }, delayMs)
  }

  #server(id: string): RigServer | undefined {
    return this.servers.find((one) => one.id === id)
  }

  /** Volumes with replicas that are made; resolves when all are served. */
  async fill(volumes: number): Promise<void> {
    for (let from = 0; from < volumes; from += FILL_AT_ONCE) {
      const records = Array.from({ length: Math.min(FILL_AT_ONCE, volumes - from) }, (_, i) =>
        this.#record(from + i),
      )
      for (const record of records) {
        for (const { server } of record.replicas) this.#server(server)?.hold(record)
      }
      await this.store.change(() => ({
        writes: records.map((record) => ({ kind: 'volume', record }) as const),
        result: null,
      }))
      for (const { uuid } of records) this.runtime.leads.wake(uuid)
    }
    await this.served()
  }

  #record(n: number): VolumeRecord {
    const ids = Array.from(
      { length: REPLICAS },
      (_, i) => this.servers[(n + i) % this.servers.length]?.id ?? '',
    )
    return testVolume(n, {
      replicas: ids.map((server, slot) => ({ server, state: 'ready' as const, slot })),
      lead: firstLead(ids, random.u64()),
      state: 'creating',
    })
  }

  served(): Promise<void> {
    return this.until('every volume to be served', () =>
      this.store.view.volumes().every(({ uuid }) => this.runtime.leads.status(uuid).phase === 'serving'),
    )
  }

  async until(what: string, isSo: () => boolean, limitMs = 60_000): Promise<void> {
    const endMs = clock.monotonicMs() + limitMs
    const look = (): boolean => {
      const beganUs = cpuUs()
      const isDone = isSo()
      this.#asideUs += cpuUs() - beganUs
      return isDone
    }
    while (!look()) {
      if (clock.monotonicMs() > endMs) throw new Error(`${what} does not come to pass`)
      await clock.sleep(20)
    }
  }

  /** Finds out what passes without anything to do. */
  async rest(forMs: number): Promise<void> {
    this.#idleUs = 0
    const { cpuUs: us } = await this.cost(() => clock.sleep(forMs))
    this.#idleUs = us / forMs
  }

  /** What `work` costs beyond beats of the clock and rest: CPU in µs of all threads, commits of the registry. */
  async cost(work: () => Promise<void>): Promise<{ readonly cpuUs: number; readonly commits: number }> {
    const [beganUs, asideUs, commits] = [cpuUs(), this.#asideUs, this.registry.commits]
    const beganMs = clock.monotonicMs()
    await work()
    const restUs = this.#idleUs * (clock.monotonicMs() - beganMs)
    return {
      cpuUs: Math.max(0, cpuUs() - beganUs - (this.#asideUs - asideUs) - restUs),
      commits: this.registry.commits - commits,
    }
  }

  /** One beat of every server, by hand: the CPU that the master takes for all of them, in µs. */
  beatRound(): number {
    let us = 0
    for (const server of this.servers) {
      if (server.stream === null) continue
      const beat = server.beatNow(false)
      const beganUs = cpuUs()
      this.runtime.onBeat(server.stream, beat)
      us += cpuUs() - beganUs
      server.heard.length = 0
    }
    return us
  }

  /** The HTTP API; its origin, and what ends it. */
  async serve(): Promise<{ readonly url: string; close(): Promise<void> }> {
    const http = await openMasterHttp({
      ...{ api: this.master, store: this.store, clock, random, logger: silentLogger },
      seal: (text) => text,
      metrics: new MetricsRegistry(),
      version: 'bench',
      listen: { host: '127.0.0.1', port: 0 },
      flag: '--http',
    })
    return { url: `http://${formatHostPort(http.address)}`, close: () => http.close() }
  }

  async close(): Promise<void> {
    this.#isOver = true
    this.master.close()
    this.runtime.close()
    await this.store.close()
  }
}
