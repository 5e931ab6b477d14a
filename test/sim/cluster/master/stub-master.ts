/** The shell over the reducer (test/cluster/authority.ts) as the master of a directed scenario. */
import type { ServerId } from '../../../../src/v2engine/identity.ts'
import type { Replica, ToAuthority } from '../../../../src/v2engine/messages.ts'
import { Authority, type Registry } from '../../../cluster/authority.ts'
import type { SeededRandom } from '../../random.ts'
import { MASTER } from '../control.ts'
import type { SimServer } from '../server.ts'
import type { Running } from '../server-world.ts'
import { show } from '../timeline.ts'
import type { MasterWorld, MemberLink, SimMaster } from './sim-master.ts'

const MASTER_BEAT_MS = 200
const BEATS_PER_ASSIGNMENT = 20
const HEARTBEAT_MS = 500

export class StubMaster implements SimMaster {
  readonly authority: Authority
  readonly #world: MasterWorld
  readonly #random: SeededRandom
  readonly names = [MASTER] as const
  isUp = true
  readonly isBeingRecovered = false
  #isEnded = false
  #beats = 0

  constructor(world: MasterWorld, members: readonly ServerId[], random: SeededRandom) {
    this.#world = world
    this.#random = random.fork('beats')
    this.authority = new Authority({
      policy: world.profile.policy,
      bounds: world.bounds,
      members,
      replicas: this.#replicas(),
      random,
      send: (to, message) => {
        world.log.trace(MASTER, () => `to ${to}: ${show(message)}`)
        world.control.send(MASTER, to, () => {
          world.delivered(to, message)
          world.servers.get(to)?.fromAuthority(message)
        })
      },
      promoted: (registry) => world.promoted(registry),
    })
  }

  get registry(): Registry {
    return this.authority.registry
  }

  get replicas(): readonly Replica[] {
    return this.authority.replicas
  }

  get isOperatorNeeded(): boolean {
    return this.authority.isOperatorNeeded
  }

  get epochMade(): Registry['epoch'] {
    return this.authority.registry.epoch
  }

  #replicas(): Replica[] {
    return [...this.#world.servers.values()].map(({ server, endpoint }) => ({ server, endpoint }))
  }

  start(): void {
    this.#world.scheduler.schedule('master beat', '', MASTER_BEAT_MS, () => {
      if (this.isUp) this.authority.onBeat(this.#world.scheduler.nowMs)
      // a primary that missed it hears again where the replicas are
      const isDue = ++this.#beats % BEATS_PER_ASSIGNMENT === 0
      if (isDue && this.isUp && this.registry.state === 'serving') this.authority.assign()
      this.start()
    })
  }

  linkOf(server: SimServer, running: Running): MemberLink {
    return {
      opened: () => this.#beat(server, running),
      send: (message) => this.#toMaster(server.server, message),
      moved: () => undefined,
      close: () => undefined,
    }
  }

  #beat(server: SimServer, running: Running): void {
    const { process, replica } = running
    const delayMs = HEARTBEAT_MS * (0.8 + 0.4 * this.#random.fraction())
    this.#world.scheduler.schedule('heartbeat', server.name, delayMs, () => {
      if (process.life.ended) return
      process.life.deliver(() => {
        if (replica === undefined || server.running !== running) return
        const beat = replica.heartbeat()
        server.tells(beat)
        const { control, scheduler } = this.#world
        control.send(server.server, MASTER, () => {
          if (!this.isUp) return
          this.#world.heard(server.server, beat)
          this.authority.onHeartbeat(server.server, beat, scheduler.nowMs)
        })
      })
      this.#beat(server, running)
    })
  }

  #toMaster(from: ServerId, message: ToAuthority): void {
    const { log, control, scheduler } = this.#world
    log.trace(from, () => `to master: ${show(message)}`)
    control.send(from, MASTER, () => {
      if (this.isUp) this.authority.onMessage(from, message, scheduler.nowMs)
    })
  }

  crash(): void {
    this.isUp = false
    this.#world.log.note(MASTER, 'is down')
  }

  restart(): void {
    if (this.isUp || this.#isEnded) return
    this.#world.log.note(MASTER, 'restarts')
    this.isUp = true
    this.authority.restart(this.#world.scheduler.nowMs)
  }

  move(to: ServerId): void {
    const { epoch, primary } = this.registry
    this.authority.preferred = to
    this.#world.control.send(MASTER, primary, () =>
      this.#world.servers.get(primary)?.fromAuthority({ kind: 'stop', epoch }),
    )
  }

  promote(): boolean {
    this.authority.seal(this.#world.scheduler.nowMs)
    return true
  }

  addressChanged(server: SimServer): void {
    this.#world.scheduler.schedule('address', server.name, 20, () => {
      this.authority.replicas = this.#replicas()
      if (this.isUp && this.registry.state === 'serving') this.authority.assign()
    })
  }

  calm(): void {
    this.restart()
  }

  end(): void {
    this.registry.state = 'sealing'
    this.isUp = false
    this.#isEnded = true
  }
}
