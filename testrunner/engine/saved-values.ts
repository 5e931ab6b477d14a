/** What steps can name: the scenario's variables, what was saved before, and the round. */
import type { Phase } from '../model/scenario.ts'
import type { Value, ValueMap } from '../model/value.ts'
import { aggregated, trimCount } from './aggregate.ts'

export class SavedValues {
  readonly #variables: ValueMap
  readonly #saved = new Map<string, Value>()
  /** Of each name, the values of the phase's rounds. */
  #ofPhase = new Map<string, Value[]>()

  constructor(variables: ValueMap) {
    this.#variables = variables
  }

  scope(round: number): ValueMap {
    return { ...this.#variables, ...this.values, round }
  }

  get values(): ValueMap {
    return Object.fromEntries(this.#saved)
  }

  save(name: string, value: Value): void {
    this.#saved.set(name, value)
    const values = this.#ofPhase.get(name)
    if (values === undefined) this.#ofPhase.set(name, [value])
    else values.push(value)
  }

  beginPhase(): void {
    this.#ofPhase = new Map()
  }

  /** What its rounds saved becomes one value each. Says what was made of what. */
  endPhase({ aggregate, trimPercent, repeat }: Phase): readonly string[] {
    if (aggregate === 'none' || repeat === 1) return []
    return [...this.#ofPhase].map(([name, values]) => {
      const value = aggregated(values, { aggregate, trimPercent })
      this.#saved.set(name, value)
      const out = trimCount(values.length, trimPercent)
      const trimmed = out === 0 ? '' : `, ${out} left out at each end`
      return `${name}: ${aggregate} of ${values.length} rounds${trimmed}: ${JSON.stringify(value)}`
    })
  }
}
