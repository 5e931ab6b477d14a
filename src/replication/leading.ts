/**
 * What hosts are served from while this server leads: one device for each epoch, lost with it, and then what it let in and
 * did not answer.
 */
import { assert } from '../base/assert.ts'
import { BlockError, isBlockError } from '../base/errors.ts'
import type { LatencySink } from '../base/latency-sink.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { Epoch, Lsn } from '../base/units.ts'
import type { ReplicaVolume } from '../blockvol/replica/replica-volume.ts'
import type { Serve } from '../v2engine/effects.ts'
import { sameEpoch } from '../v2engine/identity.ts'
import { LedDevice } from './device.ts'
import { Leftovers } from './leftovers.ts'

export interface LeadingOptions {
  readonly clock: Clock
  readonly storage: ReplicaVolume
  /** Hosts may be served from this device until it is lost. */
  readonly lead: (device: LedDevice) => void
  /** The device drains, and nothing is under way any more; the log ends at `lsn`, as long as `isStill`. */
  readonly onQuiet: (lsn: Lsn, isStill: () => boolean) => void
  /** A command took so long, in ms. */
  readonly onLatency: (ms: number, nowMs: number) => void
  /** What was left of a lease when it was renewed. */
  readonly leaseLeft?: LatencySink | undefined
}

export class Leading {
  readonly #o: LeadingOptions
  readonly #leftovers: Leftovers
  #device: LedDevice | undefined

  constructor(options: LeadingOptions) {
    this.#o = options
    this.#leftovers = new Leftovers(options.clock, options.storage)
  }

  /** While this server leads. */
  get device(): LedDevice | undefined {
    return this.#device
  }

  /** The device, while this server leads in the epoch of that number; else CONFLICT. */
  in(epoch: number): LedDevice {
    const device = this.#device
    if (device?.epoch.number === epoch) return device
    throw new BlockError('CONFLICT', `volume ${this.#o.storage.name} is not led here in epoch ${epoch}`, {
      facts: { epoch, leads: device?.epoch.number },
    })
  }

  /** What the engine says of the lease, in `epoch`. */
  serve(serve: Serve): void {
    const isFirst = this.#device === undefined || !sameEpoch(this.#device.epoch, serve.epoch)
    if (isFirst) {
      this.#leftovers.stop()
      this.#device = this.#newDevice(serve.epoch)
    }
    assert(this.#device !== undefined, 'what is led has a device')
    this.#device.serve(serve)
    if (isFirst) this.#o.lead(this.#device)
  }

  #newDevice(epoch: Epoch): LedDevice {
    const { storage, clock, onLatency, leaseLeft } = this.#o
    const led: LedDevice = new LedDevice({
      volume: storage.device,
      clock,
      epoch,
      onQuiet: () => void this.#quiet(led),
      onLatency,
      leaseLeft,
    })
    return led
  }

  async #quiet(led: LedDevice): Promise<void> {
    const lsn = await this.#o.storage.quiet().catch((error: unknown) => {
      // it failed or is closed, which is told otherwise
      if (!isBlockError(error)) throw error
      return undefined
    })
    // what is held back may go on already, when the draining took too long
    if (lsn !== undefined) this.#o.onQuiet(lsn, () => led.isQuiet && this.#device === led)
  }

  /** The disk failed: nothing is served, and the engine is about to hear why. */
  fail(reason: string): void {
    this.#device?.lose(reason)
  }

  /** The epoch is over, at once. */
  lose(why: string): void {
    const device = this.#device
    if (device === undefined) return
    this.#device = undefined
    device.lose(why)
    this.#leftovers.add(device)
  }

  /** The volume is closed: nobody waits any more. */
  stop(): void {
    this.#leftovers.stop()
  }
}
