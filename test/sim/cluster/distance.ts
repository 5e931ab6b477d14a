/** Between a host or operator and a process on another machine: commands and answers reach it only while it runs. */
import { BlockError } from '../../../src/base/errors.ts'
import type { Life } from '../clock.ts'

export class Distance {
  readonly #life: Life
  readonly #waiting = new Set<(error: BlockError) => void>()

  constructor(life: Life) {
    this.#life = life
    life.onEnd(() => {
      for (const fail of this.#waiting) fail(gone())
      this.#waiting.clear()
    })
  }

  get isStopped(): boolean {
    return this.#life.isStopped
  }

  /** DISCONNECTED when the process is gone. */
  expectThere(): void {
    if (this.#life.ended) throw gone()
  }

  /** Rejects when the process ends before it answers. */
  ask<T>(run: () => Promise<T>): Promise<T> {
    if (this.#life.ended) return Promise.reject(gone())
    return new Promise<T>((resolve, reject) => {
      this.#waiting.add(reject)
      this.#life.deliver(() => {
        run()
          .then(resolve, reject)
          .finally(() => this.#waiting.delete(reject))
      })
    })
  }
}

const gone = (): BlockError => new BlockError('DISCONNECTED', 'the server is gone')
