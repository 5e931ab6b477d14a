/** Who did what at which virtual time, for people. Nothing is kept unless somebody will read it. */
import type { Scheduler } from '../scheduler.ts'

export class RunLog {
  readonly #scheduler: Scheduler
  readonly #print: ((line: string) => void) | undefined
  readonly counts = new Map<string, number>()

  constructor(scheduler: Scheduler, print: ((line: string) => void) | undefined) {
    this.#scheduler = scheduler
    this.#print = print
  }

  get isRead(): boolean {
    return this.#print !== undefined
  }

  note(who: string, what: string): void {
    this.#print?.(`${this.#scheduler.nowMs.toFixed(1).padStart(9)} ${who.padEnd(6)} ${what}`)
  }

  /** What costs to say. */
  trace(who: string, what: () => string): void {
    if (this.#print !== undefined) this.note(who, what())
  }

  count(what: string, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times)
  }
}

export const show = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint') return `${part % 1000n}`
    return part instanceof Map ? [...part] : part
  })
