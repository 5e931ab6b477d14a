/**
 * One life of a master: the production record store and cluster runtime over an opening of the registry; of several masters
 * those of a term, begun and stopped by the production election over an opening of its own.
 */

import { isBlockError } from '../../../../src/base/errors.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { ClusterRuntime } from '../../../../src/master/core/cluster-runtime.ts'
import { openRecordStore } from '../../../../src/master/core/record-store.ts'
import type { RecordStore } from '../../../../src/master/core/records-view.ts'
import {
  type Acting,
  Leadership,
  SOLE_LEADERSHIP,
  type Term,
} from '../../../../src/master/election/leadership.ts'
import type { ServerLinks, ToServer } from '../../../../src/master/links.ts'
import type { VolumeRecord } from '../../../../src/master/records.ts'
import { type MemoryFailure, MemoryRegistry } from '../../../../src/master/registry/memory-registry.ts'
import { prepare } from '../../../../src/master/registry/transaction-rules.ts'
import type { Bounds } from '../../../../src/v2engine/policy.ts'
import { NO_CALLS } from '../../../support/master/no-calls.ts'
import { Life, type MachineTime, SimClock } from '../../clock.ts'
import { SeededRandom } from '../../random.ts'
import type { Scheduler } from '../../scheduler.ts'
import { FaultyRegistry } from './faulty-registry.ts'
import { CLUSTER_ID } from './names.ts'
import type { RegistryLink } from './registry-link.ts'
import type { WatchedStorage } from './watched-storage.ts'

const REGISTRY_MS_MAX = 6

export interface MasterLifeOptions {
  readonly scheduler: Scheduler
  readonly time: MachineTime
  readonly storage: WatchedStorage
  /** The way to a registry that several masters share; undefined: the only master has its own. */
  readonly link: RegistryLink | undefined
  /** Of everything random in it. */
  readonly seed: number
  readonly bounds: Bounds
  readonly send: (life: MasterLife, server: string, message: ToServer) => void
  readonly onCall: (life: MasterLife, kind: 'read' | 'commit') => void
  /** It cannot go on: it is to be started again. */
  readonly lost: (life: MasterLife, why: string) => void
  /** It stopped leading, and runs on. */
  readonly stopped: (life: MasterLife) => void
  readonly broken: (error: unknown) => void
  /** The volume, to be recorded if that has never been done. */
  readonly first: () => VolumeRecord | undefined
}

export class MasterLife {
  readonly life = new Life()
  readonly #o: MasterLifeOptions
  readonly #clock: SimClock
  readonly #random: SeededRandom
  readonly #registries: FaultyRegistry[] = []
  readonly #leadership: Leadership | undefined
  /** Undefined while the registry is read, and while it does not lead. */
  store: RecordStore | undefined
  runtime: ClusterRuntime | undefined
  /** Of the runtime, when there are terms. */
  term: number | undefined
  #terms = 0

  constructor(options: MasterLifeOptions) {
    this.#o = options
    const { scheduler, time, seed, link, broken } = options
    this.#random = new SeededRandom(seed)
    this.#clock = new SimClock(scheduler, this.life, time)
    const registry = this.#open('registry')
    if (link === undefined) return
    this.#leadership = new Leadership({
      registry,
      clock: this.#clock,
      logger: silentLogger,
      self: { id: `life-${seed}-${scheduler.nowMs}`, grpc: '', http: '' },
      begin: (term) => this.#actIn(term),
      onFatal: broken,
    })
  }

  #open(label: string): FaultyRegistry {
    const { storage, link, onCall } = this.#o
    const registry = new MemoryRegistry({
      storage,
      clock: this.#clock,
      random: this.#random.fork(label),
      delayMsMax: REGISTRY_MS_MAX,
      isShared: link !== undefined,
    })
    const faulty = new FaultyRegistry({
      registry,
      life: this.life,
      link,
      onCall: (kind) => onCall(this, kind),
      late: (transaction) => storage.late(transaction, prepare(transaction)),
    })
    this.#registries.push(faulty)
    return faulty
  }

  begin(): void {
    if (this.#leadership !== undefined) {
      this.#leadership.start()
      return
    }
    const [registry] = this.#registries
    const { lost } = this.#o
    const leadershipMs = SOLE_LEADERSHIP.leadershipMs
    this.#act(registry!, { leadershipMs, lost: (why) => lost(this, why) }).then(
      ({ store, runtime }) => this.#lead(store, runtime),
      (error: unknown) => this.failed(error, () => lost(this, String(error))),
    )
  }

  async #actIn(term: Term): Promise<Acting> {
    const turn = ++this.#terms
    const registry = this.#open(`term ${turn}`)
    const { store, runtime } = await this.#act(registry, term)
    // it may be over by now, or begun anew, and is closed then
    if (turn === this.#terms && this.#leadership?.term === term.number) {
      this.term = term.number
      this.#lead(store, runtime)
    }
    return {
      close: () => {
        runtime.close()
        store.close().catch((error: unknown) => this.failed(error, () => undefined))
        this.#registries.splice(this.#registries.indexOf(registry), 1)
        if (this.runtime !== runtime) return
        this.store = undefined
        this.runtime = undefined
        this.term = undefined
        this.#o.stopped(this)
      },
    }
  }

  #lead(store: RecordStore, runtime: ClusterRuntime): void {
    if (this.life.ended) return
    this.store = store
    this.runtime = runtime
    runtime.start()
  }

  async #act(
    registry: FaultyRegistry,
    how: Pick<Term, 'leadershipMs' | 'lost'> & Partial<Pick<Term, 'guard' | 'heard'>>,
  ): Promise<{ readonly store: RecordStore; readonly runtime: ClusterRuntime }> {
    const { bounds, send, first } = this.#o
    const [clock, random] = [this.#clock, this.#random]
    const { guard, heard, leadershipMs, lost } = how
    const turn = guard === undefined ? '' : ` ${this.#terms}`
    const store = await openRecordStore({
      registry,
      clock,
      random: random.fork(`store${turn}`),
      clusterId: CLUSTER_ID,
      ...(guard && { guard }),
      onLost: (error) => lost(error.message),
    })
    const record = first()
    if (record !== undefined && store.view.volume(record.uuid) === undefined) {
      await store.change(() => ({ writes: [{ kind: 'volume', record }], result: null }))
    }
    const links: ServerLinks = {
      ...NO_CALLS,
      send: (server, message) => {
        if (!this.life.ended) send(this, server, message)
      },
      allocate: () => Promise.resolve(),
      remove: () => Promise.resolve(),
      expand: () => Promise.resolve(),
    }
    const runtime = new ClusterRuntime({
      store,
      links,
      clock,
      random: random.fork(`runtime${turn}`),
      logger: silentLogger,
      clearAccess: ({ initiators, hosts }) => ({ initiators, chap: null, hosts, dhchap: [] }),
      bounds,
      leadershipMs,
      ...(heard && { heard }),
    })
    return { store, runtime }
  }

  failNext(failure: MemoryFailure): void {
    const registry = this.#registries.length > 1 ? this.#random.pick(this.#registries) : this.#registries[0]
    registry?.failNext(failure)
  }

  /** What the registry or the store refused is part of life; anything else is a bug. */
  failed(error: unknown, then: () => void): void {
    if (this.life.ended) return
    if (isBlockError(error)) then()
    else this.#o.broken(error)
  }

  /** Nothing of it runs any more; of what was on its way to the registry some is carried out. */
  end(): void {
    this.life.end()
    for (const registry of this.#registries) registry.crash()
  }
}
