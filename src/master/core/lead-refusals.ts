/**
 * What was asked of a volume's lead and refused, or came to nothing: the last of each volume, until somebody serves it in a
 * new epoch. In memory only, for people who look why nothing happened.
 */
export interface LeadRefusal {
  readonly what: 'move' | 'promote'
  /** Stable: the `facts.reason` of the refusal, or why the move failed. */
  readonly reason: string
  readonly message: string
  /** Of the master's boot clock. */
  readonly atMs: number
}

const REFUSALS_MAX = 1000

export class LeadRefusals {
  readonly #byVolume = new Map<string, LeadRefusal>()

  note(volume: string, refusal: LeadRefusal): void {
    this.#byVolume.delete(volume)
    this.#byVolume.set(volume, refusal)
    const [oldest] = this.#byVolume.keys()
    if (this.#byVolume.size > REFUSALS_MAX && oldest !== undefined) this.#byVolume.delete(oldest)
  }

  of(volume: string): LeadRefusal | null {
    return this.#byVolume.get(volume) ?? null
  }

  forget(volume: string): void {
    this.#byVolume.delete(volume)
  }
}
