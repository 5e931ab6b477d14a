/**
 * Runs the phases of a scenario, one after the other. What holds:
 * - After a step failed, phases that come later are skipped, except those that always run; in these every step runs,
 *   whatever became of those before it.
 * - Steps of a parallel phase are let finish when one fails; a grave failure ends the others.
 * - At the scenario's timeout, and when the user stops the run, the step under way is ended. Phases that always run
 *   then have half a minute.
 * - The scenario failed when any step failed, or when it was stopped.
 * Nothing here reads a clock, a file or a socket but by its options. Events of scenario and place are not emitted
 * here (`scenario-events.ts`): what opens the place knows them.
 */
import type { StepName } from '../model/event.ts'
import type { Failure } from '../model/failure.ts'
import type { Phase, Step } from '../model/scenario.ts'
import { stepText } from './failures.ts'
import type { EngineOptions, ScenarioResult, StepResult } from './ports.ts'
import { NeighbourFailed, runStep, skipStep } from './run-step.ts'
import { SavedValues } from './saved-values.ts'
import { TimeLimits } from './time-limits.ts'

/** Never rejects for what actions do. */
export async function runScenario(options: EngineOptions): Promise<ScenarioResult> {
  const run = new ScenarioRun(options)
  try {
    for (const phase of options.scenario.phases) await run.phase(phase)
    return run.result()
  } finally {
    run.end()
  }
}

class ScenarioRun {
  readonly #options: EngineOptions
  readonly #hurry: AbortSignal
  readonly #limits: TimeLimits
  readonly #saved: SavedValues
  readonly #steps: StepResult[] = []
  /** Steps that run now, the one that began first at the front. */
  readonly #underWay = new Set<StepName>()

  constructor(options: EngineOptions) {
    this.#options = options
    this.#hurry = options.hurry ?? new AbortController().signal
    this.#saved = new SavedValues(options.scenario.variables)
    this.#limits = new TimeLimits({
      clock: options.clock,
      timeoutMs: options.scenario.timeoutMs,
      slowness: options.slowness ?? 1,
      signal: options.signal,
      hurry: this.#hurry,
      underWay: () => this.#underWay.values().next().value ?? null,
    })
  }

  async phase(phase: Phase): Promise<void> {
    if (!this.#mayRun(phase)) return this.#skip(phase)
    if (phase.isAlways) this.#limits.cleaning()
    this.#saved.beginPhase()
    for (let round = 1; round <= phase.repeat; round++) {
      if (round > 1 && !this.#mayRun(phase)) break
      await this.#round(phase, round)
    }
    for (const text of this.#saved.endPhase(phase)) this.#options.emit({ type: 'log', text })
  }

  result(): ScenarioResult {
    const { failure, step } = this.#failure()
    return {
      outcome: failure === null ? 'passed' : 'failed',
      failure,
      failedStep: step,
      steps: this.#steps,
      saved: this.#saved.values,
    }
  }

  end(): void {
    this.#limits.end()
  }

  #mayRun(phase: Phase): boolean {
    if (phase.isAlways) return !this.#limits.clean.aborted
    return !this.#limits.work.aborted && !this.#steps.some(isFailed)
  }

  #skip(phase: Phase): void {
    const { emit } = this.#options
    for (const [at, step] of phase.steps.entries())
      this.#steps.push(skipStep(this.#options, step, nameOf(phase, 1, at, step)))
    emit({ type: 'phase-ended', phase: phase.name, round: 1, outcome: 'skipped' })
  }

  async #round(phase: Phase, round: number): Promise<void> {
    const { emit } = this.#options
    const before = this.#steps.length
    emit({ type: 'phase-started', phase: phase.name, round, rounds: phase.repeat })
    if (phase.isParallel) await this.#atOnce(phase, round)
    else await this.#inTurn(phase, round)
    const ended = this.#steps.slice(before)
    const outcome = ended.some(isFailed) ? 'failed' : ended.some(isNotSkipped) ? 'passed' : 'skipped'
    emit({ type: 'phase-ended', phase: phase.name, round, outcome })
  }

  async #inTurn(phase: Phase, round: number): Promise<void> {
    let isOver = false
    for (const [at, step] of phase.steps.entries()) {
      const stop = this.#stopOf(phase)
      const name = nameOf(phase, round, at, step)
      if (isOver || stop.aborted || this.#isLeftOut(step))
        this.#steps.push(skipStep(this.#options, step, name))
      else isOver = isFailed(await this.#step(step, name, stop)) && !phase.isAlways
    }
  }

  async #atOnce(phase: Phase, round: number): Promise<void> {
    const grave = new AbortController()
    const stop = AbortSignal.any([this.#stopOf(phase), grave.signal])
    const one = async (step: Step, name: StepName) => {
      if (stop.aborted || this.#isLeftOut(step))
        return void this.#steps.push(skipStep(this.#options, step, name))
      const { outcome, failure } = await this.#step(step, name, stop)
      const isOther = outcome === 'failed' && failure !== null && isOutranking(failure)
      if (isOther && !stop.aborted) grave.abort(new NeighbourFailed(stepText(name)))
    }
    await Promise.all(phase.steps.map((step, at) => one(step, nameOf(phase, round, at, step))))
  }

  async #step(step: Step, name: StepName, stop: AbortSignal): Promise<StepResult> {
    this.#underWay.add(name)
    const scope = this.#saved.scope(name.round)
    const { result, value } = await runStep({
      ...{ options: this.#options, step, name, scope, stop, hurry: this.#hurry },
    })
    this.#underWay.delete(name)
    this.#steps.push(result)
    if (step.saveAs !== null && value !== undefined) this.#saved.save(step.saveAs, value)
    return result
  }

  #stopOf(phase: Phase): AbortSignal {
    return phase.isAlways ? this.#limits.clean : this.#limits.work
  }

  #isLeftOut({ id }: Step): boolean {
    return id !== null && id === this.#options.without
  }

  #failure(): { readonly failure: Failure | null; readonly step: StepName | null } {
    const failed = this.#steps.filter(isFailed)
    const found = failed.find(({ failure }) => isOutranking(failure!)) ?? failed[0]
    if (found !== undefined) return { failure: found.failure, step: found.step }
    const { stopped } = this.#limits
    if (stopped === null) return { failure: null, step: null }
    const { code, message, evidence } = stopped.reason
    return { failure: { code, message, evidence }, step: stopped.step }
  }
}

const nameOf = (phase: Phase, round: number, at: number, step: Step): StepName => ({
  ...{ phase: phase.name, round, index: at + 1, action: step.action, id: step.id },
})

const isFailed = ({ outcome }: StepResult): boolean => outcome === 'failed'
const isNotSkipped = ({ outcome }: StepResult): boolean => outcome !== 'skipped'

/** What is wrong with the data counts more than what failed before it. */
const isOutranking = ({ code }: Failure): boolean => code === 'DATA_MISMATCH' || code === 'HARD_FAIL'
