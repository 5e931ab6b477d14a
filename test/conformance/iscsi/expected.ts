/**
 * What is known not to pass, and why: `expected.json`, explained in docs/conformance-iscsi.md. It holds in both
 * directions: a test that is on the list and passes is as wrong as one that is not on it and fails.
 */
import { readFileSync } from 'node:fs'
import type { Verdict } from './suite.ts'

interface ExpectedEntry {
  /** Names of the runs that it holds for. */
  readonly runs: readonly string[]
  readonly tests: readonly string[]
  readonly verdict: Exclude<Verdict, 'passed'>
  readonly reason: string
}

export interface Expectation {
  readonly verdict: Verdict
  /** Why it does not pass; empty when it is to pass. */
  readonly reason: string
}

const PASSES: Expectation = { verdict: 'passed', reason: '' }

export class ExpectedList {
  readonly #byRun = new Map<string, Map<string, Expectation>>()

  /** Throws when a test is listed twice for a run. */
  constructor(entries: readonly ExpectedEntry[]) {
    for (const { runs, tests, verdict, reason } of entries) {
      for (const run of runs) {
        const listed = this.#byRun.get(run) ?? new Map<string, Expectation>()
        this.#byRun.set(run, listed)
        for (const test of tests) {
          if (listed.has(test)) throw new Error(`${test} is listed twice for the run ${run}`)
          listed.set(test, { verdict, reason })
        }
      }
    }
  }

  static load(): ExpectedList {
    const file = new URL('expected.json', import.meta.url)
    return new ExpectedList(JSON.parse(readFileSync(file, 'utf8')) as ExpectedEntry[])
  }

  of(run: string, test: string): Expectation {
    return this.#byRun.get(run)?.get(test) ?? PASSES
  }

  /** Tests listed for a run that are not among `tests`: the list or the tool is of another version. */
  unknown(run: string, tests: readonly string[]): readonly string[] {
    const known = new Set(tests)
    return [...(this.#byRun.get(run)?.keys() ?? [])].filter((test) => !known.has(test))
  }
}
