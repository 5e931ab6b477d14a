/**
 * What must be true of terms of several masters, whatever they do: terms rise one by one; nothing that another store than
 * that of the term opened is recorded in it; and when a term begins no server believes a grant of an earlier one, nor comes
 * to believe one later.
 */
import { HEAD_KEY, LEADER_KEY } from '../../../../src/master/core/record-keys.ts'
import { RECORD_KINDS } from '../../../../src/master/core/record-schemas.ts'
import type { CommitOutcome, Transaction } from '../../../../src/master/registry/registry.ts'
import { Violation } from '../../../cluster/checker.ts'
import type { RunLog } from '../timeline.ts'

/** In which two changes of who leads are a flap. */
const FLAP_MS = 15_000

/** A grant as its server believes it. */
interface Held {
  readonly term: number
  /** Whether it is believed at this moment. */
  readonly isBelieved: () => boolean
}

export class WatchedTerms {
  readonly #log: RunLog
  readonly #nowMs: () => number
  readonly #broken: (error: unknown) => void
  readonly #termOf = new Map<string, number>()
  readonly #held = new Map<string, Held[]>()
  #changedMs = Number.NEGATIVE_INFINITY
  /** The term that is recorded; 0: there is none. */
  now = 0
  /** Called when a term begins that is not the first. */
  onChange: () => void = () => undefined

  constructor(log: RunLog, nowMs: () => number, broken: (error: unknown) => void) {
    this.#log = log
    this.#nowMs = nowMs
    this.#broken = broken
  }

  /** The registry is another one, or an old copy; all masters are down. */
  restored(term: number): void {
    this.now = term
    this.#termOf.clear()
  }

  applied(transaction: Transaction, outcome: CommitOutcome): void {
    const valueAt = (at: string): unknown => transaction.writes.find(({ key }) => key === at)?.value
    const [head, leader] = [valueAt(HEAD_KEY), valueAt(LEADER_KEY)]
    if (outcome.kind === 'conflict') {
      if (outcome.key !== LEADER_KEY || leader !== undefined) return
      this.#log.count(head === undefined ? 'renewals of an old leader' : 'decisions of an old leader')
      return
    }
    if (leader !== undefined) this.#begins(RECORD_KINDS.leader.parse(LEADER_KEY, leader).term)
    if (head === undefined || this.now === 0) return
    const { writer } = RECORD_KINDS.head.parse(HEAD_KEY, head)
    const term = this.#termOf.get(writer)
    if (term === undefined) this.#termOf.set(writer, this.now)
    else if (term !== this.now) this.#fail(`a master of term ${term} recorded a decision in term ${this.now}`)
  }

  #begins(term: number): void {
    if (term !== this.now + 1) this.#fail(`term ${term} follows term ${this.now}`)
    this.now = term
    if (term === 1) return
    const nowMs = this.#nowMs()
    this.#log.count('leader changes')
    if (nowMs - this.#changedMs < FLAP_MS) this.#log.count('leader flaps')
    this.#changedMs = nowMs
    this.#log.note('', `term ${term} begins`)
    this.onChange()
    for (const [server, list] of this.#held) for (const held of list) this.#check(server, held)
    this.#held.clear()
  }

  /** A grant reaches a server. */
  granted(server: string, term: number, isBelieved: () => boolean): void {
    const held = { term, isBelieved }
    this.#check(server, held)
    const still = (this.#held.get(server) ?? []).filter((one) => one.isBelieved())
    this.#held.set(server, [...still, held])
  }

  #check(server: string, { term, isBelieved }: Held): void {
    if (term < this.now && isBelieved()) {
      this.#fail(`${server} believes a grant of term ${term} in term ${this.now}`)
    }
  }

  #fail(what: string): void {
    this.#broken(new Violation(what))
  }
}
