/** How many requests are on their way to the master at once; the others wait in order. */
import { BlockError } from '../../base/errors.ts'

export class Slots {
  readonly #waiting: (() => void)[] = []
  #free: number

  constructor(count: number) {
    this.#free = count
  }

  /** Runs `work` when there is a slot. ABORTED when `signal` aborts before. */
  async during<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#take(signal)
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free += 1
      else next()
    }
  }

  #take(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(givenUp())
    if (this.#free > 0) {
      this.#free -= 1
      return Promise.resolve()
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const abort = (): void => {
      const index = this.#waiting.indexOf(enter)
      if (index >= 0) this.#waiting.splice(index, 1)
      reject(givenUp())
    }
    const enter = (): void => {
      signal.removeEventListener('abort', abort)
      resolve()
    }
    signal.addEventListener('abort', abort, { once: true })
    this.#waiting.push(enter)
    return promise
  }
}

const givenUp = (): BlockError =>
  new BlockError('ABORTED', 'the call was over before the master could be asked')
