/** result.json: what a run showed, for programs. docs/scenario-reports.md describes it. */
import type { ValueMap } from '../model/value.ts'
import type { RunCollector, ScenarioReport, StepReport } from './collect.ts'

const RESULT_VERSION = 1

/** Pretty-printed, ended by a new line. */
export const resultJson = (run: RunCollector): string =>
  `${JSON.stringify({ version: RESULT_VERSION, ...run.totals, scenarios: run.scenarios.map(scenarioResult) }, null, 2)}\n`

const scenarioResult = (report: ScenarioReport) => ({
  ...{ name: report.name, proves: report.proves, tier: report.tier, outcome: report.outcome },
  ...{ isUnfinished: report.isUnfinished, reason: report.reason, failure: report.failure },
  ...{ startedMs: report.startedMs, durationMs: report.endedMs - report.startedMs },
  ...{ variables: report.variables, machines: report.machines, facts: report.facts },
  plannedSteps: report.plannedSteps,
  phases: report.phases.map(({ phase, round, rounds, outcome, startedMs, endedMs }) => ({
    ...{ phase, round, rounds, outcome, startedMs, durationMs: endedMs - startedMs },
  })),
  steps: report.steps.map(stepResult),
  samples: [...report.series.values()].flatMap((series) => series.summary() ?? []),
  ...{ marks: report.marks, artifacts: report.artifacts, cleanUps: report.cleanUps },
})

function stepResult(report: StepReport): ValueMap {
  const { step, outcome, startedMs, endedMs, isErrorIgnored, retries, lastProgress, result } = report
  const { failure, position } = report
  return {
    ...{ ...step, outcome, startedMs, durationMs: endedMs - startedMs, isErrorIgnored, retries },
    ...{ arguments: report.arguments, lastProgress, result },
    failure: failure === null ? null : { ...failure },
    position: position === null ? null : { ...position },
  }
}
