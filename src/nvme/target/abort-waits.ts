/** Abort commands that wait for the end of what they abort: a device may take for ever, an Abort may not. */
import { STATUS } from '../status.ts'
import type { Command } from './command.ts'

interface Wait {
  ticks: number
  readonly give: (isAborted: boolean) => void
}

/** Seconds; then the answer is that the command was not aborted. */
const ABORT_SECONDS = 2

export class AbortWaits {
  readonly #waits = new Set<Wait>()

  /** Resolves when `command`, which is executing, has ended, with whether it ended as aborted; or when that takes long. */
  whenOver(command: Command): Promise<boolean> {
    command.isWatched = true
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const wait: Wait = {
      ticks: 0,
      give: (isAborted) => {
        this.#waits.delete(wait)
        resolve(isAborted)
      },
    }
    this.#waits.add(wait)
    void command.running?.then(() => wait.give((command.status & 0x7ff) === STATUS.ABORT_REQUESTED))
    return promise
  }

  /** Once a second. */
  tick(): void {
    for (const wait of [...this.#waits]) if (++wait.ticks > ABORT_SECONDS) wait.give(false)
  }

  /** Nobody is to be told any more. */
  close(): void {
    for (const wait of [...this.#waits]) wait.give(false)
  }
}
