/**
 * An operator who puts an old copy of the registry back, or begins with an empty one. The cluster must find that out by
 * itself and lock; some seconds later it is recovered, when every server is there to say what it knows. While that goes
 * on nothing else is made to go wrong: who restores a registry starts the servers first, for a copy alone cannot be told
 * from the newest when nobody who saw more is there.
 */
import type { RegistrySnapshot } from '../../../../src/master/registry/memory-registry.ts'
import { Violation } from '../../../cluster/checker.ts'
import type { SeededRandom } from '../../random.ts'
import { MASTER } from '../control.ts'
import { VOLUME_ID } from './names.ts'
import type { RealMaster } from './real-master.ts'
import type { MasterWorld } from './sim-master.ts'

const COPIES_MAX = 30
const LOOK_MS = 500
/** In which a cluster whose servers are all there must have been locked and recovered. */
const RECOVERED_MS = 60_000

export class Recovery {
  readonly #world: MasterWorld
  readonly #random: SeededRandom
  readonly #master: RealMaster
  readonly #copies: RegistrySnapshot[] = []
  #isHoldingDown = false
  #sinceMs: number | undefined
  #lockedMs: number | undefined

  constructor(world: MasterWorld, random: SeededRandom, master: RealMaster) {
    this.#world = world
    this.#random = random
    this.#master = master
  }

  get isRunning(): boolean {
    return this.#sinceMs !== undefined
  }

  /** The registry is being replaced: the master stays down. */
  get isHoldingDown(): boolean {
    return this.#isHoldingDown
  }

  /** A copy of the registry, for later. */
  copy(): void {
    if (!this.#master.storage.isMade || this.#master.storage.isLocked) return
    this.#copies.push(this.#master.storage.snapshot())
    if (this.#copies.length > COPIES_MAX) this.#copies.shift()
  }

  /** False when it could not be found out: nobody who is there has seen more than the copy has. */
  restore(): boolean {
    const { storage } = this.#master
    if (this.isRunning || storage.isLocked) return false
    const servers = [...this.#world.servers.values()]
    const old = this.#copies.filter(
      ({ id, seq }) =>
        id === storage.id &&
        servers.every(({ member: { seen }, isUp }) => isUp && seen?.id === id && seen.seq > seq),
    )
    if (old.length === 0) return false
    const copy = this.#random.pick(old)
    this.#replace(`an old copy is put back: ${copy.seq} instead of ${storage.seq}`, () =>
      storage.restore(copy),
    )
    return true
  }

  lose(): boolean {
    const { storage } = this.#master
    if (this.isRunning || storage.isLocked) return false
    const servers = [...this.#world.servers.values()]
    const isKnown = servers.every(({ member, isUp }) => isUp && member.seen !== null && member.keep !== null)
    if (!isKnown) return false
    this.#replace('the registry is lost', () => storage.lose())
    return true
  }

  #replace(what: string, replace: () => void): void {
    const { scheduler, network, log, servers } = this.#world
    const master = this.#master
    this.#sinceMs = scheduler.nowMs
    this.#lockedMs = undefined
    this.#isHoldingDown = true
    master.crashAll()
    replace()
    this.#copies.length = 0
    log.note(MASTER, what)
    for (const { link } of master.machines) link?.cut(0)
    for (const name of servers.keys()) {
      for (const end of master.names) network.cutBoth(name, end, 0)
      for (const other of servers.keys()) if (other !== name) network.cut(name, other, 0)
    }
    scheduler.schedule('registry replaced', '', 100 + this.#random.integer(4000), () => {
      this.#isHoldingDown = false
      master.restart()
      this.#look()
    })
  }

  locked(reason: string): void {
    const { log, broken, scheduler } = this.#world
    log.note(MASTER, `locked: ${reason}`)
    log.count(`locked by ${reason}`)
    this.#lockedMs = scheduler.nowMs + 500 + this.#random.integer(5000)
    if (!this.isRunning)
      broken(new Violation(`the cluster locked itself (${reason}), and its registry is the newest`))
  }

  #look(): void {
    const { scheduler, broken } = this.#world
    scheduler.schedule('operator', '', LOOK_MS, () => {
      this.#attend().catch(broken)
    })
  }

  async #attend(): Promise<void> {
    const { scheduler, broken, log } = this.#world
    if (this.#sinceMs === undefined) return
    // as long as somebody is away the operator waits
    if (!this.#isEverybodyThere()) this.#sinceMs = scheduler.nowMs
    if (scheduler.nowMs - this.#sinceMs > RECOVERED_MS) {
      broken(
        new Violation(
          `not ${this.#lockedMs === undefined ? 'locked' : 'recovered'} within ${RECOVERED_MS} ms`,
        ),
      )
      return
    }
    if (this.#lockedMs !== undefined && !this.#master.storage.isLocked) {
      log.count('recoveries')
      this.#sinceMs = undefined
      return
    }
    this.#look()
    if (!this.#master.isUp) this.#master.restart()
    const isDue = this.#lockedMs !== undefined && scheduler.nowMs >= this.#lockedMs
    if (!isDue || !this.#isEverybodyThere()) return
    await this.#master.recover()
  }

  #isEverybodyThere(): boolean {
    const live = this.#master.life?.runtime?.live
    return [...this.#world.servers.keys()].every((id) => {
      const server = live?.server(id)
      return server?.isConnected === true && server.isComplete && server.replicas.get(VOLUME_ID)?.open != null
    })
  }
}
