/**
 * Commands that an epoch let in and that were not answered when it ended. What they wait for will not come, unless this
 * server leads again: they are refused, also those that come to wait only later, after a disk.
 */
import { BlockError } from '../base/errors.ts'
import type { Clock, Timer } from '../base/ports/clock.ts'
import { lsn } from '../base/units.ts'
import type { ReplicaVolume } from '../blockvol/replica/replica-volume.ts'
import type { LedDevice } from './device.ts'

const SWEEP_MS = 50
/** Everything that can be waited for. */
const ALL = lsn(Number.MAX_SAFE_INTEGER)

export class Leftovers {
  readonly #clock: Clock
  readonly #storage: Pick<ReplicaVolume, 'name' | 'refuse'>
  #devices: LedDevice[] = []
  #timer: Timer | undefined

  constructor(clock: Clock, storage: Pick<ReplicaVolume, 'name' | 'refuse'>) {
    this.#clock = clock
    this.#storage = storage
  }

  /** Its epoch is over. */
  add(device: LedDevice): void {
    this.#devices.push(device)
    this.#sweep()
  }

  #sweep(): void {
    this.stop()
    this.#devices = this.#devices.filter(({ underway }) => underway > 0)
    if (this.#devices.length === 0) return
    const { name } = this.#storage
    this.#storage.refuse(ALL, new BlockError('CLOSED', `volume ${name} is not served here any more`))
    this.#timer = this.#clock.after(SWEEP_MS, () => this.#sweep())
  }

  /** This server leads again, which commits what older epochs appended, or the volume is closed. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
