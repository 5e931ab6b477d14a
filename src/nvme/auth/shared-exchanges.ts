/**
 * Private values of Diffie-Hellman that the transactions of a target share for a minute. Making one is most of what a
 * Negotiate costs, and anybody who may connect can send one: so it costs nothing, and only a reply does, of which a wrong
 * one counts against its sender. The price: who gets hold of a private value can recompute the session keys of a minute,
 * which protect nothing but the challenges.
 */
import type { Clock } from '../../base/ports/clock.ts'
import type { Random } from '../../base/ports/random.ts'
import { DhExchange, type GroupName } from './groups.ts'

const LIFE_MS = 60_000

export class SharedExchanges {
  readonly #random: Random
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #made = new Map<GroupName, { readonly exchange: DhExchange; readonly untilMs: number }>()

  constructor(options: { random: Random; clock: Pick<Clock, 'monotonicMs'> }) {
    this.#random = options.random
    this.#clock = options.clock
  }

  of(group: Exclude<GroupName, 'null'>): DhExchange {
    const nowMs = this.#clock.monotonicMs()
    const made = this.#made.get(group)
    if (made !== undefined && nowMs < made.untilMs) return made.exchange
    const exchange = new DhExchange(group, this.#random)
    this.#made.set(group, { exchange, untilMs: nowMs + LIFE_MS })
    return exchange
  }
}
