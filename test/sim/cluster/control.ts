/**
 * Between servers and the authority: messages without a connection, which are lost, doubled and late. The cuts of the
 * network hold for them too. The authority itself may be down.
 */
import type { ServerId } from '../../../src/v2engine/identity.ts'
import type { SeededRandom } from '../random.ts'
import type { Scheduler } from '../scheduler.ts'
import type { SimNetwork } from './net.ts'

export const MASTER = 'master'
/** The second of two. */
export const OTHER_MASTER = 'master2'
export type MasterName = typeof MASTER | typeof OTHER_MASTER

/** Share of the messages that are lost, come twice, or come late. */
interface Rates {
  readonly lost: number
  readonly doubled: number
  readonly late: number
}
const RATES: Rates = { lost: 0.04, doubled: 0.05, late: 0.05 }
const NO_FAULTS: Rates = { lost: 0, doubled: 0, late: 0 }

export class ControlChannel {
  readonly #scheduler: Scheduler
  readonly #network: SimNetwork
  readonly #random: SeededRandom
  #rates = RATES
  doubled = 0

  constructor(scheduler: Scheduler, network: SimNetwork, random: SeededRandom) {
    this.#scheduler = scheduler
    this.#network = network
    this.#random = random
  }

  calm(): void {
    this.#rates = NO_FAULTS
  }

  /** `isLost` is called when nothing arrives, as soon as that is certain. */
  send(
    from: ServerId | MasterName,
    to: ServerId | MasterName,
    deliver: () => void,
    isLost: () => void = () => undefined,
  ): void {
    const random = this.#random
    const { lost, doubled, late } = this.#rates
    if (this.#network.isCut(from, to) || random.chance(lost)) {
      isLost()
      return
    }
    const copies = random.chance(doubled) ? 2 : 1
    if (copies > 1) this.doubled += 1
    for (let i = 0; i < copies; i++) {
      const delayMs = 0.5 + (random.chance(late) ? random.integer(5000) : random.integer(10))
      this.#scheduler.schedule('control', `${from} ${to}`, delayMs, () => {
        if (this.#network.isCut(from, to)) isLost()
        else deliver()
      })
    }
  }
}
