/**
 * result.xml in JUnit's format: a test suite for each scenario, a test case for each step, and one named `scenario` for
 * what no step failed with: a broken rule, a place that lacks something, a run that was killed.
 */
import { positionText } from '../model/position.ts'
import type { RunCollector, ScenarioReport, StepReport } from './collect.ts'
import { type Markup, markup } from './markup.ts'
import { valueText } from './value-text.ts'

const EVIDENCE_CHARS_MAX = 64 * 1024

/** `beganMs`: since 1970. */
export function junitXml(run: RunCollector, beganMs: number): string {
  const suites = run.scenarios.map((report) => suite(report, beganMs))
  return markup`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="basalt">${suites}
</testsuites>
`.text
}

function suite(report: ScenarioReport, beganMs: number): Markup {
  const own = ownCase(report)
  const cases = [...report.steps.map((step) => stepCase(report, step)), ...(own === null ? [] : [own])]
  const count = (kind: Case['kind']) => cases.filter((one) => one.kind === kind).length
  const properties = [
    ...[property('proves', report.proves), property('tier', report.tier ?? '')],
    ...Object.entries(report.variables).map(([name, value]) =>
      property(`var.${name}`, valueText(value, 500)),
    ),
  ]
  return markup`
  <testsuite name="${report.name}" tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}" skipped="${count('skipped')}" time="${seconds(report)}" timestamp="${new Date(beganMs + report.startedMs).toISOString()}">
    <properties>${properties}
    </properties>${cases.map(({ xml }) => xml)}
  </testsuite>`
}

const property = (name: string, value: string): Markup => markup`
      <property name="${name}" value="${value}"/>`

interface Case {
  readonly kind: 'passed' | 'failure' | 'error' | 'skipped'
  readonly xml: Markup
}

function stepCase(report: ScenarioReport, step: StepReport): Case {
  const { phase, round, index, action, id } = step.step
  const name = `${index} ${action}${id === null ? '' : ` ${id}`}${round > 1 ? ` round ${round}` : ''}`
  const { kind, content } = verdictOf(step)
  const xml = markup`
    <testcase classname="${report.name}.${phase}" name="${name}" time="${seconds(step)}">${content}</testcase>`
  return { kind, xml }
}

function verdictOf(step: StepReport): { readonly kind: Case['kind']; readonly content: Markup | null } {
  const { failure, outcome, position } = step
  if (outcome === 'unfinished')
    return { kind: 'error', content: markup`<error type="UNFINISHED" message="the run ended in this step"/>` }
  if (outcome === 'skipped')
    return { kind: 'skipped', content: markup`<skipped message="${failure?.message ?? 'not run'}"/>` }
  if (failure === null) return { kind: outcome === 'failed' ? 'failure' : 'passed', content: null }
  const where = position === null ? '' : `${positionText(position)}\n`
  const text = `${where}${valueText(failure.evidence, EVIDENCE_CHARS_MAX)}`
  if (outcome === 'passed')
    return {
      kind: 'passed',
      content: markup`<system-out>ignored: ${failure.code} ${failure.message}
${text}</system-out>`,
    }
  const content = markup`<failure type="${failure.code}" message="${failure.message}">${text}</failure>`
  return { kind: 'failure', content }
}

/** Null when the steps say all of it. */
function ownCase(report: ScenarioReport): Case | null {
  const { outcome, isUnfinished, reason, failure, steps } = report
  const isTold =
    outcome === 'failed' && !isUnfinished && failure?.code !== 'HARD_FAIL' && steps.some(isFailed)
  if (isTold || (outcome === 'passed' && steps.length > 0)) return null
  const { kind, content } = ownVerdict(report)
  const why = failure?.code ?? (isUnfinished ? 'UNFINISHED' : 'ACTION')
  const xml = markup`
    <testcase classname="${report.name}" name="scenario" time="0">${content(
      why,
      reason ?? failure?.message ?? 'failed',
    )}</testcase>`
  return { kind, xml }
}

function ownVerdict({ outcome, isUnfinished, failure }: ScenarioReport): {
  readonly kind: Case['kind']
  content(type: string, message: string): Markup | null
} {
  if (outcome === 'passed') return { kind: 'passed', content: () => null }
  if (outcome === 'skipped')
    return { kind: 'skipped', content: (_, message) => markup`<skipped message="${message}"/>` }
  if (isUnfinished)
    return { kind: 'error', content: (type, message) => markup`<error type="${type}" message="${message}"/>` }
  const text = valueText(failure?.evidence ?? null, EVIDENCE_CHARS_MAX)
  return {
    kind: 'failure',
    content: (type, message) => markup`<failure type="${type}" message="${message}">${text}</failure>`,
  }
}

const isFailed = ({ outcome }: StepReport): boolean => outcome === 'failed'

const seconds = ({ startedMs, endedMs }: { readonly startedMs: number; readonly endedMs: number }): string =>
  (Math.max(0, endedMs - startedMs) / 1000).toFixed(3)
