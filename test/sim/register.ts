/** The oracle of a value that operations set as a whole, one after the other: a volume's size, its front-end state. */
import type { VolumeModel } from './model.ts'

export class Register<T> {
  #history: { value: T; issuedAt: number; acknowledgedAt: number }[]
  readonly #model: VolumeModel

  constructor(model: VolumeModel, first: T) {
    this.#model = model
    this.#history = [{ value: first, issuedAt: 0, acknowledgedAt: 0 }]
  }

  /** Runs `change`, which sets the register to `value`. */
  async set(value: T, change: () => Promise<void>): Promise<void> {
    const step = { value, issuedAt: this.#model.tick(), acknowledgedAt: Number.POSITIVE_INFINITY }
    this.#history.push(step)
    await change()
    step.acknowledgedAt = this.#model.tick()
  }

  /** A crash was recovered from and this was found: nothing else comes back. */
  rebase(value: T): void {
    this.#history = [{ value, issuedAt: 0, acknowledgedAt: 0 }]
  }

  /** What may be found after a crash at moment `at`: the last acknowledged value, or one set since. */
  allowed(at: number): T[] {
    let allowed: T[] = []
    for (const { value, issuedAt, acknowledgedAt } of this.#history) {
      if (acknowledgedAt <= at) allowed = [value]
      else if (issuedAt <= at) allowed.push(value)
    }
    return allowed
  }
}
