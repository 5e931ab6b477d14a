/**
 * What an engine says to whoever decides for its volume, until it is told. Of each kind only the newest waits, for it
 * replaces the ones before: an authority that is away costs no memory.
 */
import type { ToAuthority } from '../../v2engine/messages.ts'

export class Outbox {
  readonly #waiting = new Map<ToAuthority['kind'], ToAuthority>()

  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  /** An older one of its kind that has not been told is dropped. */
  add(message: ToAuthority): void {
    this.#waiting.delete(message.kind)
    this.#waiting.set(message.kind, message)
  }

  /** In the order of their coming. */
  list(): readonly ToAuthority[] {
    return [...this.#waiting.values()]
  }

  /** These were heard; what came for them in the meantime stays. */
  told(messages: readonly ToAuthority[]): void {
    for (const message of messages) {
      if (this.#waiting.get(message.kind) === message) this.#waiting.delete(message.kind)
    }
  }

  /** Of an opening that is over: nobody is to hear it. */
  clear(): void {
    this.#waiting.clear()
  }
}
