/**
 * Which fault hits which operation: drawn at a rate for random histories, or armed for one operation in directed
 * tests. Every fault that was injected is counted, so that a run can prove that it had some.
 */
import type { SeededRandom } from './random.ts'

/** The kinds of fault that the disk knows; `fault-disk.ts` says what each does. */
export const FAULT_KINDS = [
  'readError',
  'badPage',
  'writeError',
  'syncError',
  'syncLie',
  'misdirectedWrite',
  'misdirectedRead',
  'slow',
  'hang',
  'cacheMiss',
] as const
export type FaultKind = (typeof FAULT_KINDS)[number]

/** Share of the operations that a fault may hit which it does hit. */
export type FaultRates = Partial<Record<FaultKind, number>>

interface ArmedFault {
  readonly kind: FaultKind
  readonly path: string
  /** Operations that still pass unharmed. */
  skip: number
}

export class FaultPlan {
  rates: FaultRates
  /** Only files whose path this accepts are hit by rate. */
  targets: (path: string) => boolean = () => true
  readonly random: SeededRandom
  readonly counts: Record<FaultKind, number>
  #armed: ArmedFault[] = []

  constructor(random: SeededRandom, rates: FaultRates = {}) {
    this.random = random
    this.rates = rates
    this.counts = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as Record<FaultKind, number>
  }

  /** The next operation of that kind on a file whose path ends so (after `skip` others) is hit, once. */
  arm(kind: FaultKind, pathEnd: string, skip = 0): void {
    this.#armed.push({ kind, path: pathEnd, skip })
  }

  /** No more faults, armed ones included. */
  stop(): void {
    this.rates = {}
    this.#armed = []
  }

  /** Whether this operation is hit. */
  hits(kind: FaultKind, path: string): boolean {
    const isHit = this.#isArmed(kind, path) || this.#isDrawn(kind, path)
    if (isHit) this.counts[kind]++
    return isHit
  }

  #isDrawn(kind: FaultKind, path: string): boolean {
    const rate = this.rates[kind]
    return rate !== undefined && rate > 0 && this.targets(path) && this.random.chance(rate)
  }

  #isArmed(kind: FaultKind, path: string): boolean {
    for (const armed of this.#armed) {
      if (armed.kind !== kind || !path.endsWith(armed.path)) continue
      if (armed.skip-- > 0) continue
      this.#armed = this.#armed.filter((other) => other !== armed)
      return true
    }
    return false
  }
}
