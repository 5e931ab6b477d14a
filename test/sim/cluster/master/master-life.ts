/** One life of the master: the production record store and cluster runtime over an opening of the registry. */
import { isBlockError } from '../../../../src/base/errors.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { ClusterRuntime } from '../../../../src/master/core/cluster-runtime.ts'
import { openRecordStore } from '../../../../src/master/core/record-store.ts'
import type { RecordStore } from '../../../../src/master/core/records-view.ts'
import type { ServerLinks, ToServer } from '../../../../src/master/links.ts'
import type { VolumeRecord } from '../../../../src/master/records.ts'
import { type MemoryFailure, MemoryRegistry } from '../../../../src/master/registry/memory-registry.ts'
import type { Bounds } from '../../../../src/v2engine/policy.ts'
import { Life, type MachineTime, SimClock } from '../../clock.ts'
import { SeededRandom } from '../../random.ts'
import type { Scheduler } from '../../scheduler.ts'
import { FaultyRegistry } from './faulty-registry.ts'
import { CLUSTER_ID } from './names.ts'
import type { WatchedStorage } from './watched-storage.ts'

const REGISTRY_MS_MAX = 6

export interface MasterLifeOptions {
  readonly scheduler: Scheduler
  readonly time: MachineTime
  readonly storage: WatchedStorage
  /** Of everything random in it. */
  readonly seed: number
  readonly bounds: Bounds
  readonly send: (life: MasterLife, server: string, message: ToServer) => void
  readonly onCall: (life: MasterLife, kind: 'read' | 'commit') => void
  /** It cannot go on: it is to be started again. */
  readonly lost: (life: MasterLife, why: string) => void
  readonly broken: (error: unknown) => void
  /** The volume, to be recorded if that has never been done. */
  readonly first: VolumeRecord | undefined
}

export class MasterLife {
  readonly life = new Life()
  readonly #o: MasterLifeOptions
  readonly #registry: MemoryRegistry
  readonly #clock: SimClock
  readonly #random: SeededRandom
  /** Undefined while the registry is read. */
  store: RecordStore | undefined
  runtime: ClusterRuntime | undefined

  constructor(options: MasterLifeOptions) {
    this.#o = options
    const { scheduler, time, storage, seed } = options
    this.#random = new SeededRandom(seed)
    this.#clock = new SimClock(scheduler, this.life, time)
    this.#registry = new MemoryRegistry({
      storage,
      clock: this.#clock,
      random: this.#random.fork('registry'),
      delayMsMax: REGISTRY_MS_MAX,
    })
  }

  begin(): void {
    this.#begin().catch((error: unknown) => this.failed(error, () => this.#o.lost(this, String(error))))
  }

  async #begin(): Promise<void> {
    const { bounds, onCall, lost, send, first } = this.#o
    const [clock, random] = [this.#clock, this.#random]
    const store = await openRecordStore({
      registry: new FaultyRegistry(this.#registry, (kind) => onCall(this, kind)),
      clock,
      random: random.fork('store'),
      clusterId: CLUSTER_ID,
      onLost: (error) => lost(this, error.message),
    })
    if (first !== undefined && store.view.volume(first.uuid) === undefined) {
      await store.change(() => ({ writes: [{ kind: 'volume', record: first }], result: null }))
    }
    if (this.life.ended) return
    const links: ServerLinks = {
      send: (server, message) => {
        if (!this.life.ended) send(this, server, message)
      },
      allocate: () => Promise.resolve(),
      remove: () => Promise.resolve(),
      expand: () => Promise.resolve(),
    }
    this.store = store
    this.runtime = new ClusterRuntime({
      store,
      links,
      clock,
      random: random.fork('runtime'),
      logger: silentLogger,
      clearAccess: ({ initiators, hosts }) => ({ initiators, chap: null, hosts, dhchap: [] }),
      bounds,
    })
    this.runtime.start()
  }

  failNext(failure: MemoryFailure): void {
    this.#registry.failNext(failure)
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
    this.#registry.crash()
  }
}
