/** What there is while one scenario runs, and what has to be undone at its end. */
import type { World } from '../actions/action.ts'
import type { Failure } from '../model/failure.ts'

type Parts = Pick<World, 'scenario' | 'place' | 'cluster' | 'hosts' | 'oracle'>

export class RunningWorld implements World {
  readonly scenario: World['scenario']
  readonly place: World['place']
  readonly cluster: World['cluster']
  readonly hosts: World['hosts']
  readonly oracle: World['oracle']
  readonly shared = new Map<string, unknown>()
  readonly harm = new Harm()
  readonly #cleaning: { readonly what: string; readonly clean: () => Promise<void> }[] = []

  constructor(parts: Parts) {
    this.scenario = parts.scenario
    this.place = parts.place
    this.cluster = parts.cluster
    this.hosts = parts.hosts
    this.oracle = parts.oracle
  }

  atEnd(what: string, clean: () => Promise<void>): void {
    this.#cleaning.push({ what, clean })
  }

  /** The last one first; one that fails does not keep others from being done. Each is told. */
  async clean(limitMs: number, told: (what: string, failure: Failure | null) => void): Promise<void> {
    for (let next = this.#cleaning.pop(); next !== undefined; next = this.#cleaning.pop()) {
      const { what, clean } = next
      told(what, await failureOf(clean, limitMs))
    }
  }
}

class Harm {
  readonly #on = new Set<string>()
  #wasOn = false

  get isOn(): boolean {
    return this.#on.size > 0
  }

  get wasOn(): boolean {
    return this.#wasOn
  }

  begin(what: string): void {
    this.#on.add(what)
    this.#wasOn = true
  }

  end(what: string): boolean {
    return this.#on.delete(what)
  }
}

/** Null when `work` was done within the limit. */
export async function failureOf(work: () => Promise<void>, limitMs: number): Promise<Failure | null> {
  const late = Promise.withResolvers<Failure>()
  const timer = setTimeout(
    () => late.resolve({ code: 'TIMEOUT', message: `not done after ${limitMs / 1000} s`, evidence: null }),
    limitMs,
  )
  const done = work().then(
    () => null,
    (error: unknown): Failure => ({ code: 'ACTION', message: messageOf(error), evidence: null }),
  )
  return await Promise.race([done, late.promise]).finally(() => clearTimeout(timer))
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : `${error}`)
