/**
 * A master's way to a registry that it shares with others. While it is cut off, what it asks waits, as retransmissions do; a
 * commit that waits too long has no answer, and may be carried out all the same when the way is whole again: long after
 * another master took over, perhaps. An answer may be held up as well.
 */
import { BlockError } from '../../../../src/base/errors.ts'
import type { Life } from '../../clock.ts'
import type { SeededRandom } from '../../random.ts'
import type { Scheduler } from '../../scheduler.ts'

/** What a registry's client waits for an answer. */
const ANSWER_MS = 3000
const LATE_SHARE = 0.5

export class RegistryLink {
  readonly #scheduler: Scheduler
  readonly #name: string
  readonly #random: SeededRandom
  #cutUntilMs = 0

  constructor(scheduler: Scheduler, name: string, random: SeededRandom) {
    this.#scheduler = scheduler
    this.#name = name
    this.#random = random
  }

  get isCut(): boolean {
    return this.#cutUntilMs > this.#scheduler.nowMs
  }

  cut(forMs: number): void {
    this.#cutUntilMs = this.#scheduler.nowMs + forMs
  }

  /** TIMED_OUT when nothing gets through in time. `late`: what is carried out then, if it is carried out. */
  async pass(life: Life, late?: () => void): Promise<void> {
    if (!this.isCut) return
    const leftMs = this.#cutUntilMs - this.#scheduler.nowMs
    await new Promise<void>((resolve) => {
      const waitMs = Math.min(leftMs, ANSWER_MS)
      this.#scheduler.schedule('registry', this.#name, waitMs, () => life.deliver(resolve))
    })
    if (leftMs <= ANSWER_MS) return
    if (late !== undefined && this.#random.chance(LATE_SHARE)) {
      this.#scheduler.schedule('registry late', this.#name, leftMs - ANSWER_MS, late)
    }
    throw new BlockError('TIMED_OUT', 'the registry does not answer')
  }
}
