/** The steps of a scenario as a table, and its failures with what was seen. */
import { durationText } from '../model/duration-text.ts'
import type { StepName } from '../model/event.ts'
import type { Failure } from '../model/failure.ts'
import { type Position, positionText } from '../model/position.ts'
import { isValueMap, type Value } from '../model/value.ts'
import type { StepReport } from './collect.ts'
import { type Markup, markup } from './markup.ts'
import { shortText, valueText } from './value-text.ts'

const ROWS_MAX = 3000
const EVIDENCE_CHARS_MAX = 16 * 1024

export function stepTable(steps: readonly StepReport[], startedMs: number): Markup {
  const more = steps.length - ROWS_MAX
  return markup`<div class="scroll"><table>
<thead><tr><th>phase</th><th>step</th><th>outcome</th><th>at</th><th>time</th><th>arguments and result</th></tr></thead>
<tbody>${steps.slice(0, ROWS_MAX).map((step) => row(step, startedMs))}</tbody></table></div>${
    more > 0 ? markup`<p class="soft">${more} more are in result.json</p>` : null
  }`
}

export function failureHtml(
  { code, message, evidence }: Failure,
  at: { readonly position: Position | null; readonly step: StepName } | null,
): Markup {
  const where =
    at === null ? '' : `${at.step.phase}, step ${at.step.index}: ${at.step.action} ${at.step.id ?? ''}`
  const position = at?.position ?? null
  return markup`<div class="failure"><p><b>${code}</b> ${message}</p>
<p class="soft">${where} ${position === null ? null : markup`<code>${positionText(position)}</code>`}</p>
${evidence === null ? null : markup`<pre>${valueText(evidence, EVIDENCE_CHARS_MAX)}</pre>`}</div>`
}

function row(report: StepReport, startedMs: number): Markup {
  const { step, outcome, retries, failure, isErrorIgnored, lastProgress } = report
  const phase = step.round > 1 ? `${step.phase} (round ${step.round})` : step.phase
  const notes = [
    isErrorIgnored ? `ignored: ${failure?.code} ${failure?.message}` : '',
    outcome === 'failed' || (outcome === 'skipped' && failure !== null) ? (failure?.message ?? '') : '',
    retries > 0 ? `${retries} retries` : '',
    outcome === 'unfinished' && lastProgress !== null ? `last: ${lastProgress}` : '',
  ].filter((note) => note !== '')
  return markup`
<tr><td>${phase}</td><td>${step.index} ${step.action}${step.id === null ? null : markup` <code>${step.id}</code>`}</td><td class="${outcome}">${outcome}</td>
<td class="number">${((report.startedMs - startedMs) / 1000).toFixed(1)} s</td><td class="number">${outcome === 'skipped' ? '' : durationText(Math.max(0, report.endedMs - report.startedMs))}</td>
<td>${valueCode(report.arguments)}${report.result === null ? null : markup` → ${valueCode(report.result)}`}${notes.map((note) => markup`<br/>${shortText(note, 500)}`)}</td></tr>`
}

function valueCode(value: Value): Markup | null {
  if (isValueMap(value) && Object.keys(value).length === 0) return null
  return markup`<code>${shortText(value, 300)}</code>`
}
