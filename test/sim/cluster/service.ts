/**
 * Where hosts are served: the device of whoever leads, read as a whole and judged before the first host sees it, and the
 * production iSCSI target on it.
 */
import { isBlockError } from '../../../src/base/errors.ts'
import type { Epoch } from '../../../src/base/units.ts'
import { NO_QOS_LIMITS } from '../../../src/frontend/qos/limiter.ts'
import type { LedDevice } from '../../../src/replication/device.ts'
import type { Loss } from '../../cluster/checker.ts'
import type { Scheduler } from '../scheduler.ts'
import { findSnapshots } from '../snapshot-client.ts'
import { AttachedSnapshots } from './attached-snapshots.ts'
import { Attachment } from './attachment.ts'
import { Distance } from './distance.ts'
import type { Found, History } from './history.ts'
import type { Path } from './hosts.ts'
import { JudgedDevice } from './judged-device.ts'
import { FrontEnds } from './paths/front-ends.ts'
import type { ReservationRule } from './paths/reservation-rule.ts'
import type { ClusterProfile } from './profile.ts'
import { readVolume } from './read-volume.ts'
import type { SimServer } from './server.ts'
import type { Running } from './server-world.ts'
import type { RunLog } from './timeline.ts'

/** So few that writes wait, and are overtaken by a PREEMPT. */
const FENCED_IOPS = 15

export interface ServiceWorld {
  readonly scheduler: Scheduler
  readonly log: RunLog
  readonly profile: ClusterProfile
  readonly history: History
  readonly mayDamage: boolean
  readonly reservations: ReservationRule
  sleep(forMs: number): Promise<void>
  /** Acknowledged writes may be lost with this epoch, which holds that. */
  lossTaken(valueAt: (sector: number) => number): void
  /** Hosts are served at a new path. */
  served(path: Path): void
  broken(error: unknown): void
}

export class Service {
  readonly #world: ServiceWorld
  readonly #takeLoss: (epoch: Epoch) => Loss
  /** A path is over. */
  readonly #over: (path: Path) => void
  readonly #frontEnds: FrontEnds
  #path: Path | undefined

  constructor(world: ServiceWorld, takeLoss: (epoch: Epoch) => Loss, over: (path: Path) => void) {
    this.#world = world
    this.#takeLoss = takeLoss
    this.#over = over
    const limits =
      world.profile.pathHostsKind === 'fenced' ? { ...NO_QOS_LIMITS, iops: FENCED_IOPS } : NO_QOS_LIMITS
    this.#frontEnds = new FrontEnds({ limits, broken: (error) => world.broken(error) })
  }

  /** Where hosts are served now. */
  get path(): Path | undefined {
    return this.#path
  }

  /** A process begins. */
  async started(server: SimServer, running: Running): Promise<void> {
    if (this.#world.profile.pathHosts > 0) await this.#frontEnds.open(server, running)
  }

  leads(server: SimServer, device: LedDevice): void {
    const { log, history } = this.#world
    const { epoch } = device
    log.note(server.name, `leads epoch ${epoch.number}`)
    const { running } = server
    const opening = server.replica?.heartbeat().opening
    if (running === undefined) return
    history.leads(epoch, `${server.name} ${opening}`)
    const distance = new Distance(running.process.life)
    this.#verify(server, epoch, distance, device).catch((error: unknown) => this.#world.broken(error))
  }

  halted(server: SimServer): void {
    if (this.#path?.server !== server.name) return
    this.#over(this.#path)
    this.#path = undefined
    if (server.running !== undefined) this.#frontEnds.halted(server.running)
  }

  /** Hosts are served when the whole volume has been read, and holds what it must. */
  async #verify(server: SimServer, epoch: Epoch, distance: Distance, led: LedDevice): Promise<void> {
    const { history, log, profile } = this.#world
    const device = new Attachment(led, distance)
    const { replica } = server
    if (replica === undefined) return
    const appendedLsn = (): number => replica.status().volume.appendedLsn
    const snapshots = new AttachedSnapshots(led, distance, appendedLsn)
    const values = await readVolume(device, this.#world)
    if (values === undefined) return
    const found = await foundAt(led, (forMs) => this.#world.sleep(forMs))
    if (found === undefined) return
    const loss = this.#takeLoss(epoch)
    const model = history.begin(epoch, loss, { values, ...found })
    if (loss.entriesMax > 0) this.#world.lossTaken((sector) => values[sector] ?? 0)
    log.note(server.name, `serves epoch ${epoch.number}`)
    if (this.#path !== undefined) this.#over(this.#path)
    this.#path = { server: server.name, epoch, device, snapshots, model }
    this.#world.served(this.#path)
    if (server.running !== undefined && profile.pathHosts > 0) {
      this.#frontEnds.serve(server.running, new JudgedDevice(led, model, this.#world.reservations), led)
    }
  }
}

/** What else a volume that begins to serve says of itself; undefined when that is over already. */
async function foundAt(
  led: LedDevice,
  sleep: (forMs: number) => Promise<void>,
): Promise<Omit<Found, 'values'> | undefined> {
  for (;;) {
    try {
      return { list: await findSnapshots(led), sizeBytes: led.sizeBytes }
    } catch (error) {
      if (!isBlockError(error)) throw error
      if (error.code !== 'BUSY') return undefined
    }
    await sleep(50)
  }
}
