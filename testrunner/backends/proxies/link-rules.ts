/** Which links between machines are cut or impaired now. Knows nothing of sockets or packets. */
import type { Impairment } from '../backend.ts'

/** Who connects from the runner's own process: the hosts h1…, which cannot be told apart there. A rule for any of them holds for it. */
export const RUNNER = 'h*'
const EVERYONE = '*'
const HOST = /^h\d+$/

/** Ends of a cut, as they were told: names of machines, or `*`. */
export interface Cut {
  readonly from: string
  readonly to: string
}

export class LinkRules {
  readonly #cuts = new Map<string, Cut>()
  readonly #impairments = new Map<string, Impairment>()

  get cuts(): readonly Cut[] {
    return [...this.#cuts.values()]
  }

  get impairments(): ReadonlyMap<string, Impairment> {
    return this.#impairments
  }

  cut(from: string, to: string, isOneWay = false): void {
    this.#add(from, to)
    if (!isOneWay) this.#add(to, from)
  }

  impair(machine: string, impairment: Impairment): void {
    this.#impairments.set(machine, impairment)
  }

  /** Ends every rule, or those that name `machine` as an end. */
  heal(machine?: string): void {
    for (const [key, { from, to }] of this.#cuts) {
      if (machine === undefined || from === machine || to === machine) this.#cuts.delete(key)
    }
    if (machine === undefined) this.#impairments.clear()
    else this.#impairments.delete(machine)
  }

  /** Whether what `from` sends does not get to `to`. A machine always reaches itself. */
  isCut(from: string, to: string): boolean {
    if (from === to) return false
    for (const cut of this.#cuts.values()) {
      if (isMeant(cut.from, from) && isMeant(cut.to, to)) return true
    }
    return false
  }

  /** Of `machine` as an end of a link; undefined when it is sound. */
  impairmentOf(machine: string): Impairment | undefined {
    for (const [name, impairment] of this.#impairments) if (isMeant(name, machine)) return impairment
    return undefined
  }

  #add(from: string, to: string): void {
    this.#cuts.set(`${from} ${to}`, { from, to })
  }
}

/** Whether the name in a rule means `machine`. */
export const isMeant = (named: string, machine: string): boolean =>
  named === machine || named === EVERYONE || (machine === RUNNER && HOST.test(named))
