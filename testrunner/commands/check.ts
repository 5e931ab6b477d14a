/**
 * `basalt scenario check --without-faults`: runs each scenario without its fault. A statement that depends on the fault must
 * fail then; one that holds all the same proves nothing.
 */

import { runName } from '../engine/scenario-events.ts'
import { judgeWithoutFault, type Verdict } from '../engine/without-fault.ts'
import type { Scenario } from '../model/scenario.ts'
import type { RunnerPorts, RunOptions } from './options.ts'
import { EXIT_OK } from './ports.ts'
import { prepare, runAll } from './run.ts'
import type { RunOneResult } from './run-one.ts'

const EXIT_FAILED = 1

export interface CheckOptions extends RunOptions {
  readonly withoutFaults: boolean
}

/** 0 when every scenario that has a fault depends on it. */
export async function checkCommand(options: CheckOptions, ports: RunnerPorts): Promise<number> {
  const { isJson } = options
  // with --json the events are on stdout, and a verdict is one more line of JSON
  const say = (text: string): void => void (isJson ? ports.stderr : ports.stdout).write(`${text}\n`)
  const prepared = await prepare(options, ports, options.withoutFaults)
  if (typeof prepared === 'number') return prepared
  if (!options.withoutFaults) {
    say(
      `${counted(prepared.scenarios.length, 'scenario is', 'scenarios are')} valid; --without-faults runs them`,
    )
    return EXIT_OK
  }
  const harmful = prepared.scenarios.filter(({ fault }) => fault !== null)
  for (const scenario of prepared.scenarios) {
    if (scenario.fault === null) say(`${runName(scenario)}: has no fault`)
  }
  const verdicts: Verdict[] = []
  const results = await runAll(
    { ...prepared, scenarios: harmful },
    options,
    ports,
    ({ fault }) => fault,
    (scenario, result) => {
      const verdict = verdictOf(scenario, result)
      if (verdict === null) say(`${runName(scenario)}: skipped`)
      else {
        verdicts.push(verdict)
        if (isJson) {
          const line = { type: 'verdict', scenario: runName(scenario), ...verdict }
          ports.stdout.write(`${JSON.stringify(line)}\n`)
        }
        say(
          `${runName(scenario)}: ${verdict.isProven ? 'depends on its fault' : 'PROVES NOTHING'}: ${verdict.why}`,
        )
      }
    },
  )
  const proven = verdicts.filter(({ isProven }) => isProven).length
  say(
    [
      counted(proven, 'depends on its fault', 'depend on their fault'),
      counted(verdicts.length - proven, 'does not', 'do not'),
      `${harmful.length - verdicts.length} skipped`,
    ].join(', '),
  )
  return proven === verdicts.length && results.length === harmful.length ? EXIT_OK : EXIT_FAILED
}

const counted = (count: number, one: string, several: string): string =>
  `${count} ${count === 1 ? one : several}`

function verdictOf({ fault }: Scenario, { outcome, result, failure }: RunOneResult): Verdict | null {
  if (outcome === 'skipped') return null
  if (result === null || fault === null)
    return { isProven: false, why: failure?.message ?? 'nothing was run' }
  return judgeWithoutFault(result, fault)
}
