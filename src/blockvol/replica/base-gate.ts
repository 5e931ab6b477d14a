/**
 * What a flush of a replica waits for while its base is on its way: the primary's state, which says what snapshots see, and,
 * when it is that of a restore, the whole base, because what a restore makes of a block follows from what it was.
 */
export class BaseGate {
  #needs: 'state' | 'base' | 'nothing'
  #waiting: { readonly isRestore: boolean; resolve(): void; reject(error: unknown): void }[] = []

  constructor(isFilling: boolean) {
    this.#needs = isFilling ? 'state' : 'nothing'
  }

  /** Resolves when the flush may begin; undefined when it may at once. */
  passed({ isRestore }: { readonly isRestore: boolean }): Promise<void> | undefined {
    if (this.#isOpen(isRestore)) return undefined
    return new Promise((resolve, reject) => this.#waiting.push({ isRestore, resolve, reject }))
  }

  #isOpen(isRestore: boolean): boolean {
    return this.#needs === 'nothing' || (this.#needs === 'base' && !isRestore)
  }

  /** The primary's state came. */
  stated(): void {
    if (this.#needs === 'state') this.#open('base')
  }

  /** Every base block is here, or none is awaited yet. */
  whole(): void {
    this.#open('nothing')
  }

  #open(needs: 'base' | 'nothing'): void {
    this.#needs = needs
    const passing = this.#waiting.filter(({ isRestore }) => this.#isOpen(isRestore))
    this.#waiting = this.#waiting.filter((one) => !passing.includes(one))
    for (const { resolve } of passing) resolve()
  }

  /** Whoever waits gets `error`. */
  fail(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}
