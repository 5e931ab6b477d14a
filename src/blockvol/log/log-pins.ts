/**
 * What of the log is kept for replicas that catch up. A pin keeps the ring from one entry on, also behind the checkpoint,
 * until it is given back, until it holds more than its budget, or until the log is full: a replica that lags never holds
 * up the log (invariant 8), it gets the changed blocks instead.
 */
import { type LogPosition, logPosition } from '../../base/units.ts'
import type { LogIndex } from './log-index.ts'
import type { LogWriter } from './log-writer.ts'

export interface LogPinsOptions {
  readonly index: LogIndex
  readonly writer: LogWriter
  /** Bytes of the ring that pins may keep. */
  readonly budgetBytes: number
  /** These pins are void. */
  readonly onLost: (keys: readonly string[]) => void
}

export class LogPins {
  readonly #o: LogPinsOptions
  readonly #positions = new Map<string, LogPosition>()

  constructor(options: LogPinsOptions) {
    this.#o = options
  }

  get count(): number {
    return this.#positions.size
  }

  /** Keeps the log from entry `from` on; false when it does not have that any more. */
  pin(key: string, from: number): boolean {
    const { index, writer } = this.#o
    const next = writer.appendedLsn + 1
    const position = from === next ? writer.boundary.position : index.find(from)?.position
    if (position === undefined || from > next) return false
    this.#positions.set(key, logPosition(position))
    this.#keep()
    return true
  }

  unpin(key: string): void {
    if (this.#positions.delete(key)) this.#keep()
  }

  /** The head moved: gives up what holds more than the budget. */
  check(): void {
    if (this.#positions.size > 0 && this.#o.writer.usedBytes > this.#o.budgetBytes) {
      this.#giveUp((position) => this.#o.writer.boundary.position - position > this.#o.budgetBytes)
    }
  }

  /** The log is full: its space is worth more than a short way back for a replica. */
  giveUpAll(): void {
    this.#giveUp(() => true)
  }

  #giveUp(isLost: (position: LogPosition) => boolean): void {
    const lost = [...this.#positions].filter(([, position]) => isLost(position)).map(([key]) => key)
    if (lost.length === 0) return
    for (const key of lost) this.#positions.delete(key)
    this.#keep()
    this.#o.onLost(lost)
  }

  #keep(): void {
    const oldest = Math.min(...this.#positions.values())
    this.#o.writer.keepFrom(this.#positions.size === 0 ? undefined : logPosition(oldest))
  }
}
