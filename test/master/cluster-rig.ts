/**
 * For tests of the runtime: block servers in small behind the ServerLinks port, in virtual time. They obey epochs, lead,
 * stop and store settings as a block server does, and hold no data.
 */

import { silentLogger } from '../../src/base/log.ts'
import type { Clock } from '../../src/base/ports/clock.ts'
import { type Epoch, epochNumber } from '../../src/base/units.ts'
import type { ServerStreams } from '../../src/master/core/cluster.ts'
import { ClusterRuntime } from '../../src/master/core/cluster-runtime.ts'
import { openRecordStore } from '../../src/master/core/record-store.ts'
import type { RecordStore } from '../../src/master/core/records-view.ts'
import { testUuid, testVolume } from '../../src/master/core/test-support.ts'
import { firstLead } from '../../src/master/failover/lead-state.ts'
import type { ReplicaBeat, ServerBeat, ServerHello, ServerLinks, ToServer } from '../../src/master/links.ts'
import type { VolumeRecord } from '../../src/master/records.ts'
import { MemoryRegistry, MemoryStorage } from '../../src/master/registry/memory-registry.ts'
import { opening, serverId } from '../../src/v2engine/identity.ts'
import { type SetRecord, SOUND, type Standing } from '../../src/v2engine/marks.ts'
import type { AuthorityMessage, ToAuthority } from '../../src/v2engine/messages.ts'
import { Life, SimClock } from '../sim/clock.ts'
import { SeededRandom } from '../sim/random.ts'
import { Scheduler } from '../sim/scheduler.ts'
import { NO_CALLS } from '../support/master/no-calls.ts'

const CLUSTER = testUuid(1, 9)
export const BEAT_MS = 500

interface Held {
  readonly volume: string
  readonly name: string
  opening: number
  sealed: Epoch
  leads: Epoch | null
  set: SetRecord | null
  standing: Standing
  appended: number
  tag: number
  kept: string | null
  grants: number
  asked: ToAuthority[]
}

/** What the servers live in: virtual time here, real time in `bench/master.ts`. */
export interface ServerWorld {
  readonly runtime: ServerStreams
  readonly clock: Pick<Clock, 'bootMs'>
  later(delayMs: number, run: () => void): void
  /** What reaches the master: at once, or when it goes on. */
  deliver?(run: () => void): void
}

export class RigServer {
  readonly id: string
  readonly held = new Map<string, Held>()
  readonly heard: ToServer[] = []
  readonly #rig: ServerWorld
  seen: ServerHello['registrySeen'] = null
  stream: number | null = null
  isUp = false
  /** It says that it stops. */
  isDraining = false
  #process = 1
  /** Replicas with something to say. */
  readonly #news = new Set<Held>()
  #isSoon = false
  #sentAtMs = 0

  constructor(rig: ServerWorld, n: number) {
    this.#rig = rig
    this.id = testUuid(n, 1)
  }

  get hello(): ServerHello {
    return {
      id: this.id,
      name: `server-${this.id.slice(-1)}`,
      clusterId: CLUSTER,
      addresses: {
        grpc: 'h:1',
        replication: `${this.id.slice(-1)}:7460`,
        http: 'h:2',
        iscsi: ['h:3'],
        nvme: [],
      },
      zone: null,
      rack: null,
      diskType: 'ssd',
      process: `${this.id}-${this.#process}`,
      registrySeen: this.seen,
    }
  }

  hold(record: VolumeRecord): Held {
    const held: Held = {
      volume: record.uuid,
      name: record.name,
      opening: 1,
      sealed: { number: epochNumber(0), id: 0n },
      leads: null,
      set: null,
      standing: SOUND,
      appended: 5,
      tag: 0,
      kept: null,
      grants: 0,
      asked: [],
    }
    this.held.set(record.uuid, held)
    return held
  }

  async up(): Promise<void> {
    this.isUp = true
    const verdict = await this.#rig.runtime.onHello(this.hello)
    if (verdict.kind === 'refused') throw new Error(verdict.message)
    this.stream = verdict.stream
    this.beat(true)
    this.#beats(this.#process)
  }

  /** The process dies; everything that it led is over. */
  down(): void {
    this.isUp = false
    this.#process += 1
    const { stream } = this
    if (stream !== null) this.#deliver(() => this.#rig.runtime.onDisconnect(stream))
    this.stream = null
    for (const held of this.held.values()) {
      held.opening += 1
      held.leads = null
    }
  }

  #beats(process: number): void {
    this.#rig.later(BEAT_MS, () => {
      if (!this.isUp || process !== this.#process) return
      this.beat(false)
      this.#beats(process)
    })
  }

  beatNow(isFull: boolean, said: Iterable<Held> = this.held.values()): ServerBeat {
    const nowMs = this.#rig.clock.bootMs()
    // of one moment there may be several
    this.#sentAtMs = Math.max(nowMs, this.#sentAtMs + 0.001)
    const replicas = Array.from(said, (held): ReplicaBeat => {
      const messages = held.asked
      held.asked = []
      return {
        volume: held.volume,
        name: held.name,
        sizeBytes: 1024 ** 3,
        state: 'open',
        open: {
          opening: opening(held.opening),
          askedAtMs: nowMs,
          leads: held.leads,
          isServing: held.leads !== null,
          sealed: held.sealed,
          set: held.set,
          standing: held.standing,
          appended: held.appended,
          committed: held.appended,
          durable: held.appended,
          peers: [],
          sessions: 0,
        },
        outage: null,
        usedBytes: 0,
        settingsTag: held.tag,
        led: null,
        kept: isFull ? held.kept : null,
        messages,
      }
    })
    return {
      sentAtMs: this.#sentAtMs,
      freeBytes: 10 ** 12,
      capacityBytes: 10 ** 12,
      isDraining: this.isDraining,
      isFull,
      replicas,
    }
  }

  beat(isFull: boolean): void {
    this.#say(() => this.beatNow(isFull))
  }

  #say(beat: () => ServerBeat): void {
    const { stream } = this
    if (stream === null) return
    const said = beat()
    this.#deliver(() => this.#rig.runtime.onBeat(stream, said))
  }

  #deliver(run: () => void): void {
    if (this.#rig.deliver === undefined) run()
    else this.#rig.deliver(run)
  }

  /** Of these replicas only. */
  #beatOf(held: Iterable<Held>): void {
    this.#say(() => this.beatNow(false, held))
  }

  hear(message: ToServer): void {
    if (!this.isUp) return
    this.heard.push(message)
    if (message.kind === 'registry') this.seen = { id: message.id, seq: message.seq }
    if (message.kind === 'tellAll') this.#rig.later(1, () => this.isUp && this.beat(true))
    if (message.kind === 'settings') {
      const held = this.held.get(message.volume)
      if (held === undefined) return
      held.tag = message.tag
      held.kept = message.keep
    }
    if (message.kind !== 'replica') return
    const held = this.held.get(message.volume)
    if (held !== undefined) this.#obey(held, message.message)
  }

  #obey(held: Held, message: AuthorityMessage): void {
    switch (message.kind) {
      case 'seal': {
        const { epoch } = message
        if (epoch.number < held.sealed.number) {
          held.asked.push({ kind: 'sealRefused', epoch, sealed: held.sealed })
          break
        }
        if (epoch.number > held.sealed.number) held.leads = null
        held.sealed = epoch
        held.asked.push({
          kind: 'sealed',
          epoch,
          server: serverId(this.id),
          opening: opening(held.opening),
          last: { epoch: epochNumber(epoch.number - 1), lsn: held.appended },
          standing: held.standing,
          hasServed: false,
        })
        break
      }
      case 'assign':
        this.#hearSet(held, message.set)
        if (message.opening === held.opening && held.sealed.id === message.epoch.id)
          held.leads = message.epoch
        else held.asked.push({ kind: 'assignRefused', epoch: message.epoch, why: 'another opening' })
        break
      case 'stop':
        if (held.leads === null) break
        held.leads = null
        held.asked.push({
          kind: 'stopped',
          epoch: message.epoch,
          opening: opening(held.opening),
          isDrained: true,
        })
        break
      case 'grant':
        held.grants += 1
        return
      case 'setIs':
        this.#hearSet(held, message.set)
        return
    }
    this.#soon(held)
  }

  #hearSet(held: Held, set: SetRecord): void {
    if (set.version > (held.set?.version ?? 0)) held.set = set
  }

  /** News are told at once, and nothing else with them. */
  #soon(held: Held): void {
    this.#news.add(held)
    if (this.#isSoon) return
    this.#isSoon = true
    this.#rig.later(1, () => {
      this.#isSoon = false
      const news = [...this.#news]
      this.#news.clear()
      if (this.isUp) this.#beatOf(news)
    })
  }
}

export class ClusterRig implements ServerWorld {
  readonly scheduler = new Scheduler(1)
  /** Of the master. */
  readonly life = new Life()
  readonly clock = new SimClock(this.scheduler, this.life)
  readonly random: SeededRandom
  readonly storage: MemoryStorage
  readonly servers: RigServer[] = []
  store!: RecordStore
  runtime!: ClusterRuntime
  /** How long its master leads for certain. */
  leadershipMs = Number.POSITIVE_INFINITY
  readonly removed: string[] = []

  constructor(seed = 1) {
    this.random = new SeededRandom(seed)
    this.storage = new MemoryStorage(this.random)
  }

  static play(work: (rig: ClusterRig) => Promise<void>, servers = 3): Promise<void> {
    const rig = new ClusterRig()
    for (let n = 1; n <= servers; n++) rig.servers.push(new RigServer(rig, n))
    const all = async (): Promise<void> => {
      await rig.begin(rig.storage)
      await work(rig)
      rig.runtime.close()
    }
    return rig.scheduler.until(all(), { what: 'the test', limitMs: 600_000 })
  }

  /** A master over this registry. */
  async begin(storage: MemoryStorage): Promise<void> {
    const { clock, random } = this
    const registry = new MemoryRegistry({ storage, clock, random, delayMsMax: 5, isShared: true })
    this.store = await openRecordStore({ registry, clock, random, clusterId: CLUSTER })
    const links: ServerLinks = {
      ...NO_CALLS,
      send: (server, message) => this.later(1, () => this.server(server)?.hear(message)),
      allocate: () => Promise.resolve(),
      remove: (server, { volume }) => {
        this.removed.push(`${server} ${volume}`)
        return Promise.resolve()
      },
      expand: () => Promise.resolve(),
    }
    this.runtime = new ClusterRuntime({
      store: this.store,
      links,
      clock,
      random,
      logger: silentLogger,
      leadershipMs: () => this.leadershipMs,
      clearAccess: ({ initiators, hosts }) => ({ initiators, chap: null, hosts, dhchap: [] }),
    })
    this.runtime.start()
  }

  /** The master is another process, over the same registry or another one; servers connect again. */
  async restart(storage = this.storage): Promise<void> {
    this.runtime.close()
    for (const server of this.servers) server.stream = null
    await this.begin(storage)
    for (const server of this.servers) {
      if (!server.isUp) continue
      const verdict = await this.runtime.onHello(server.hello)
      if (verdict.kind === 'refused') throw new Error(verdict.message)
      server.stream = verdict.stream
    }
  }

  server(id: string): RigServer | undefined {
    return this.servers.find((one) => one.id === id)
  }

  later(delayMs: number, run: () => void): void {
    this.scheduler.schedule('rig', '', delayMs, run)
  }

  deliver(run: () => void): void {
    this.life.deliver(run)
  }

  /** The master's process is not scheduled for so long. */
  async pause(forMs: number): Promise<void> {
    this.life.stop()
    await this.wait(forMs)
    this.life.resume(this.scheduler)
  }

  wait(forMs: number): Promise<void> {
    return new Promise((resolve) => this.later(forMs, resolve))
  }

  async until(what: string, isSo: () => boolean, limitMs = 30_000): Promise<void> {
    const fromMs = this.scheduler.nowMs
    while (!isSo()) {
      if (this.scheduler.nowMs - fromMs > limitMs) throw new Error(`${what} does not come to pass`)
      await this.wait(10)
    }
  }

  /** A new volume on all servers, which hold it already. */
  async volume(n = 1, different: Partial<VolumeRecord> = {}): Promise<string> {
    const ids = this.servers.map(({ id }) => id)
    const record = testVolume(n, {
      replicas: ids.map((server, slot) => ({ server, state: 'ready', slot })),
      lead: firstLead(ids, this.random.u64()),
      policy: { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: ids.length },
      state: 'creating',
      ...different,
    })
    for (const server of this.servers) server.hold(record)
    await this.store.change(() => ({ writes: [{ kind: 'volume', record }], result: null }))
    this.runtime.leads.wake(record.uuid)
    return record.uuid
  }

  /** All servers up, and a volume that is served. */
  async served(different: Partial<VolumeRecord> = {}): Promise<string> {
    for (const server of this.servers) await server.up()
    const uuid = await this.volume(1, different)
    await this.until('service', () => this.isServed(uuid))
    return uuid
  }

  isServed(uuid: string): boolean {
    return this.runtime.leads.status(uuid).phase === 'serving'
  }

  record(uuid: string): VolumeRecord {
    const record = this.store.view.volume(uuid)
    if (record === undefined) throw new Error(`there is no ${uuid}`)
    return record
  }

  kinds(): string[] {
    return this.store.events({ limit: 1000 }).map(({ kind }) => kind)
  }
}
