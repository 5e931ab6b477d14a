/**
 * report.html: all of a run on one page that needs nothing else, no script, no network. What scenarios, machines and files
 * said is only ever text in it, and its policy forbids scripts besides.
 */
import { durationText } from '../model/duration-text.ts'
import type { ValueMap } from '../model/value.ts'
import { type RunCollector, type ScenarioReport, totalsText } from './collect.ts'
import { Markup, markup } from './markup.ts'
import { plotSvg } from './plot-svg.ts'
import { failureHtml, stepTable } from './step-table.ts'
import { STYLE } from './style.ts'
import { timelineSvg } from './timeline-svg.ts'
import { shortText } from './value-text.ts'

const PLOTS_MAX = 60
const FAILURES_MAX = 100

export interface PageFacts {
  readonly title: string
  /** What the run was made with: versions, backend. */
  readonly facts: ValueMap
}

export function reportHtml(run: RunCollector, { title, facts }: PageFacts): string {
  const { scenarios } = run
  return markup`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>${title}: ${totalsText(run.totals)}</title><style>${new Markup(STYLE)}</style></head>
<body><h1>${title}</h1>
<p>${totalsText(run.totals)}</p>
${factList(facts)}
${scenarios.length > 1 ? overview(scenarios) : null}
${scenarios.map((report, at) => scenarioHtml(report, at))}
</body></html>
`.text
}

const overview = (scenarios: readonly ScenarioReport[]): Markup => markup`<table>
<thead><tr><th>scenario</th><th>outcome</th><th>time</th><th>why</th></tr></thead>
<tbody>${scenarios.map(
  ({ name, outcome, reason, startedMs, endedMs }, at) => markup`
<tr><td><a href="#scenario-${at + 1}">${name}</a></td><td class="${outcome}">${outcome}</td><td class="number">${durationText(endedMs - startedMs)}</td><td>${shortText(reason ?? '', 300)}</td></tr>`,
)}</tbody></table>`

function scenarioHtml(report: ScenarioReport, at: number): Markup {
  const { name, outcome, proves, tier, reason } = report
  const summary = `${tier ?? ''} · ${durationText(report.endedMs - report.startedMs)} · ${report.machines.join(' ')}`
  return markup`<section id="scenario-${at + 1}"><h2>${name} <span class="badge ${outcome}">${outcome}</span></h2>
<p>${proves}</p><p class="soft">${summary}</p>
${reason === null ? null : markup`<p><b>${shortText(reason, 2000)}</b></p>`}
${failures(report)}
${factList({ ...report.variables, ...report.facts })}
${report.steps.length === 0 ? null : markup`<h3>Timeline</h3>${timelineSvg(report)}`}
${plots(report)}
${report.steps.length === 0 ? null : markup`<h3>Steps</h3>${stepTable(report.steps, report.startedMs)}`}
${artifactList(report)}
${cleanUpList(report)}
${logList(report)}</section>`
}

/** Of its steps, and its own where no step failed with it. */
function failures({ failure, steps }: ScenarioReport): readonly Markup[] {
  const failed = steps.filter(({ outcome }) => outcome === 'failed')
  const isTold = failure === null || failed.some((step) => step.failure?.message === failure.message)
  const own = isTold ? [] : [failureHtml(failure, null)]
  const ofSteps = failed
    .slice(0, FAILURES_MAX)
    .flatMap(({ failure: why, position, step }) =>
      why === null ? [] : [failureHtml(why, { position, step })],
    )
  return [...own, ...ofSteps]
}

function plots({ series, startedMs, endedMs, marks }: ScenarioReport): Markup | null {
  const drawn = [...series.values()]
    .slice(0, PLOTS_MAX)
    .flatMap((one) => plotSvg(one, { startMs: startedMs, endMs: endedMs, marks }) ?? [])
  if (drawn.length === 0) return null
  const more = series.size - PLOTS_MAX
  return markup`<h3>Figures</h3><div class="plots">${drawn}</div>${
    more > 0 ? markup`<p class="soft">${more} more are in result.json</p>` : null
  }`
}

function artifactList({ artifacts }: ScenarioReport): Markup | null {
  if (artifacts.length === 0) return null
  return markup`<h3>Artifacts</h3><ul>${artifacts.map(
    ({ path, about }) => markup`<li>${artifactLink(path)} ${about}</li>`,
  )}</ul>`
}

/** Only what is in the bundle is linked to. */
function artifactLink(path: string): Markup {
  const parts = path.split('/')
  if (parts.some((part) => part === '' || part === '.' || part === '..')) return markup`<code>${path}</code>`
  const href = `./${parts.map((part) => encodeURIComponent(part.toWellFormed())).join('/')}`
  return markup`<a href="${href}"><code>${path}</code></a>`
}

function cleanUpList({ cleanUps }: ScenarioReport): Markup | null {
  const failed = cleanUps.filter(({ failure }) => failure !== null)
  if (failed.length === 0) return null
  return markup`<h3>Could not be cleaned up</h3><ul>${failed.map(
    ({ what, failure }) => markup`<li>${what}: ${failure?.message ?? ''}</li>`,
  )}</ul>`
}

function logList({ log, startedMs }: ScenarioReport): Markup | null {
  if (log.length === 0) return null
  const text = log
    .map(({ atMs, text: line }) => `${((atMs - startedMs) / 1000).toFixed(3)}  ${line}`)
    .join('\n')
  return markup`<details><summary>Log (${log.length})</summary><pre>${text}</pre></details>`
}

function factList(facts: ValueMap): Markup | null {
  const entries = Object.entries(facts)
  if (entries.length === 0) return null
  return markup`<details><summary>Variables and facts</summary><table><tbody>${entries.map(
    ([name, value]) => markup`<tr><th>${name}</th><td><code>${shortText(value, 1000)}</code></td></tr>`,
  )}</tbody></table></details>`
}
