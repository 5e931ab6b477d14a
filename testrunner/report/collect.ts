/**
 * Events of a run, gathered to what reports tell. A run may have been killed: what began and did not end is then
 * `unfinished`, and its scenario failed.
 */
import type { Outcome, RunEvent, StepName } from '../model/event.ts'
import type { Failure } from '../model/failure.ts'
import type { Position } from '../model/position.ts'
import type { Tier } from '../model/scenario.ts'
import type { Value, ValueMap } from '../model/value.ts'
import { Series } from './series.ts'

const LOG_LINES_MAX = 2000
export const UNFINISHED = 'the run ended before the scenario did'

export interface StepReport {
  readonly step: StepName
  readonly startedMs: number
  /** Of an unfinished one, the last time that is known. */
  endedMs: number
  outcome: Outcome | 'unfinished'
  arguments: ValueMap
  isErrorIgnored: boolean
  retries: number
  lastProgress: string | null
  result: Value
  failure: Failure | null
  position: Position | null
}

interface PhaseReport {
  readonly phase: string
  readonly round: number
  readonly rounds: number
  readonly startedMs: number
  endedMs: number
  outcome: Outcome | 'unfinished'
}

export interface MarkReport {
  readonly atMs: number
  readonly what: string
  readonly isHarm: boolean
}

export interface ScenarioReport {
  readonly name: string
  proves: string
  tier: Tier | null
  variables: ValueMap
  plannedSteps: number
  machines: readonly string[]
  facts: ValueMap
  outcome: Outcome
  isUnfinished: boolean
  reason: string | null
  failure: Failure | null
  readonly startedMs: number
  endedMs: number
  readonly phases: PhaseReport[]
  readonly steps: StepReport[]
  readonly series: Map<string, Series>
  readonly marks: MarkReport[]
  readonly artifacts: { readonly path: string; readonly about: string }[]
  readonly log: { readonly atMs: number; readonly text: string }[]
  readonly cleanUps: { readonly what: string; readonly failure: Failure | null }[]
}

export interface Totals {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export class RunCollector {
  readonly #scenarios = new Map<string, Gathering>()

  /** An EventSink. */
  readonly add = (event: RunEvent): void => {
    let gathering = this.#scenarios.get(event.scenario)
    if (gathering === undefined) {
      gathering = new Gathering(event.scenario, event.atMs)
      this.#scenarios.set(event.scenario, gathering)
    }
    gathering.add(event)
  }

  /** In the order in which they began. */
  get scenarios(): readonly ScenarioReport[] {
    return [...this.#scenarios.values()].map(({ report }) => report)
  }

  get totals(): Totals {
    const totals = { passed: 0, failed: 0, skipped: 0 }
    for (const { outcome } of this.scenarios) totals[outcome]++
    return totals
  }
}

/** The last line of every run's output. */
export const totalsText = ({ passed, failed, skipped }: Totals): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`

/** Steps by phase, round and index. */
const keyOf = ({ phase, round, index }: StepName): string => JSON.stringify([phase, round, index])

type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { readonly type: T }>

class Gathering {
  readonly report: ScenarioReport
  /** Of steps that have not ended. */
  readonly #open = new Map<string, StepReport>()

  constructor(name: string, atMs: number) {
    this.report = {
      ...{ name, proves: '', tier: null, variables: {}, plannedSteps: 0, machines: [], facts: {} },
      ...{ outcome: 'failed', isUnfinished: true, reason: UNFINISHED, failure: null },
      ...{ startedMs: atMs, endedMs: atMs, phases: [], steps: [], series: new Map(), marks: [] },
      ...{ artifacts: [], log: [], cleanUps: [] },
    }
  }

  add(event: RunEvent): void {
    const { report } = this
    report.endedMs = Math.max(report.endedMs, event.atMs)
    this.#advance(event.atMs)
    switch (event.type) {
      case 'scenario-started':
        report.proves = event.proves
        report.tier = event.tier
        report.variables = event.variables
        report.plannedSteps = event.steps
        break
      case 'place-opened':
        report.machines = event.machines
        report.facts = event.facts
        break
      case 'phase-started':
      case 'phase-ended':
        this.#phase(event)
        break
      case 'step-started':
      case 'step-progress':
      case 'step-retried':
      case 'step-ended':
        this.#step(event)
        break
      case 'sample':
        this.#sample(event)
        break
      case 'mark':
        report.marks.push({ atMs: event.atMs, what: event.what, isHarm: event.isHarm })
        break
      case 'artifact':
        report.artifacts.push({ path: event.path, about: event.about })
        break
      case 'log':
        report.log.push({ atMs: event.atMs, text: event.text })
        if (report.log.length > LOG_LINES_MAX) report.log.shift()
        break
      case 'cleaned-up':
        report.cleanUps.push({ what: event.what, failure: event.failure })
        break
      case 'scenario-ended':
        report.outcome = event.outcome
        report.reason = event.reason
        report.failure = event.failure
        report.isUnfinished = false
        break
    }
  }

  /** What is under way lasts until now at least. */
  #advance(atMs: number): void {
    for (const step of this.#open.values()) step.endedMs = Math.max(step.endedMs, atMs)
    const phase = this.report.phases.at(-1)
    if (phase?.outcome === 'unfinished') phase.endedMs = Math.max(phase.endedMs, atMs)
  }

  #phase(event: EventOf<'phase-started' | 'phase-ended'>): void {
    const { phases } = this.report
    const { phase, round, atMs } = event
    if (event.type === 'phase-started') {
      const { rounds } = event
      phases.push({ phase, round, rounds, startedMs: atMs, endedMs: atMs, outcome: 'unfinished' })
      return
    }
    const last = phases.findLast((one) => one.phase === phase && one.round === round)
    if (last?.outcome === 'unfinished') {
      last.outcome = event.outcome
      last.endedMs = Math.max(last.endedMs, atMs)
    } else phases.push({ phase, round, rounds: 1, startedMs: atMs, endedMs: atMs, outcome: event.outcome })
  }

  #step(event: EventOf<'step-started' | 'step-progress' | 'step-retried' | 'step-ended'>): void {
    const step = this.#stepOf(event.step, event.atMs)
    if (event.type === 'step-started') step.arguments = event.arguments
    else if (event.type === 'step-progress') step.lastProgress = event.text
    else if (event.type === 'step-retried') step.retries++
    else {
      step.outcome = event.outcome
      step.isErrorIgnored = event.isErrorIgnored
      step.result = event.result
      step.failure = event.failure
      step.position = event.position
      step.endedMs = Math.max(step.startedMs, event.atMs)
      this.#open.delete(keyOf(event.step))
    }
  }

  /** One that was skipped ends without having begun. */
  #stepOf(name: StepName, atMs: number): StepReport {
    const key = keyOf(name)
    const known = this.#open.get(key)
    if (known !== undefined) return known
    const step: StepReport = {
      ...{ step: name, startedMs: atMs, endedMs: atMs, outcome: 'unfinished', arguments: {}, retries: 0 },
      ...{ isErrorIgnored: false, lastProgress: null, result: null, failure: null, position: null },
    }
    this.report.steps.push(step)
    this.#open.set(key, step)
    return step
  }

  #sample({ series, unit, atMs, value }: EventOf<'sample'>): void {
    let found = this.report.series.get(series)
    if (found === undefined) {
      found = new Series(series, unit)
      this.report.series.set(series, found)
    }
    found.add({ atMs, value })
  }
}
