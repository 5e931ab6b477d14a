/**
 * How late bytes between two machines are, by what impairs either end. Each machine has one line out and one in, which all of
 * its connections share: with a limited rate they wait for each other.
 */
import type { Random } from '../../../src/base/ports/random.ts'
import type { Impairment } from '../backend.ts'
import type { LinkRules } from './link-rules.ts'

/** What TCP waits at least before it sends again what got lost (RFC 6298 wants a second, Linux takes this). */
const RETRANSMIT_MS = 200
const CERTAIN = 1_000_000

export class Lateness {
  readonly #rules: LinkRules
  readonly #random: Random
  /** Until when a line is busy, by `MACHINE out` and `MACHINE in`. */
  readonly #busyUntilMs = new Map<string, number>()

  constructor(rules: LinkRules, random: Random) {
    this.#rules = rules
    this.#random = random
  }

  /** When `lengthBytes` that `from` sends at `nowMs` are at `to`. */
  arrivalMs(from: string, to: string, lengthBytes: number, nowMs: number): number {
    if (from === to || this.#rules.impairments.size === 0) return nowMs
    const sent = this.#through(`${from} out`, this.#rules.impairmentOf(from), lengthBytes, nowMs)
    return this.#through(`${to} in`, this.#rules.impairmentOf(to), lengthBytes, sent)
  }

  #through(line: string, impairment: Impairment | undefined, lengthBytes: number, atMs: number): number {
    if (impairment === undefined) return atMs
    const { delayMs, jitterMs, lossPercent, bytesPerSecond } = impairment
    let arrivalMs = atMs
    if (bytesPerSecond !== null) {
      const startMs = Math.max(atMs, this.#busyUntilMs.get(line) ?? 0)
      arrivalMs = startMs + (lengthBytes / bytesPerSecond) * 1000
      this.#busyUntilMs.set(line, arrivalMs)
    }
    arrivalMs += Math.max(0, delayMs + jitterMs * (2 * this.#chance() - 1))
    if (this.#chance() * 100 < lossPercent) arrivalMs += RETRANSMIT_MS + 2 * delayMs
    return arrivalMs
  }

  /** 0 to below 1. */
  #chance(): number {
    return this.#random.integer(CERTAIN) / CERTAIN
  }
}
