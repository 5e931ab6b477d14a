/** Work that nobody waits for now, and that a close has to wait for. */
export class Underway {
  readonly #running = new Set<Promise<void>>()

  /** `work` must not reject. */
  add(work: Promise<void>): void {
    this.#running.add(work)
    void work.finally(() => this.#running.delete(work))
  }

  async ended(): Promise<void> {
    await Promise.all(this.#running)
  }
}
