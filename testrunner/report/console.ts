/**
 * A run as it goes, for people: a line for each step that ended, with what failed and where. On a terminal the last line says
 * what is under way and is written anew; elsewhere progress is a line now and then.
 */
import { durationText } from '../model/duration-text.ts'
import type { RunEvent, StepName } from '../model/event.ts'
import type { Failure } from '../model/failure.ts'
import { type Position, positionText } from '../model/position.ts'
import { type Totals, totalsText } from './collect.ts'
import { cleanText } from './markup.ts'
import { shortText, valueText } from './value-text.ts'

const EVIDENCE_CHARS_MAX = 4000
/** Between two plain lines of progress of one step. */
const PLAIN_PROGRESS_MS = 10_000
const NAME_CHARS = 44

export interface ConsoleOptions {
  write(text: string): void
  /** Columns of the terminal; undefined when it is none. */
  readonly width: number | undefined
  readonly isColored: boolean
}

const CODES = { red: 31, green: 32, yellow: 33, grey: 90, bold: 1 } as const

export class ConsoleReport {
  readonly #options: ConsoleOptions
  readonly #started = new Map<string, number>()
  /** When a plain line was last written of a step. */
  readonly #told = new Map<string, number>()
  #hasLive = false

  constructor(options: ConsoleOptions) {
    this.#options = options
  }

  /** An EventSink. */
  readonly add = (event: RunEvent): void => {
    switch (event.type) {
      case 'scenario-started':
        this.#started.set(event.scenario, event.atMs)
        this.#line(['bold', event.scenario], ` (${event.tier}): ${event.proves}`)
        break
      case 'place-opened':
        this.#line(['grey', `  on ${event.machines.join(' ')}`])
        break
      case 'phase-started': {
        const round = event.rounds > 1 ? `, round ${event.round} of ${event.rounds}` : ''
        this.#line(`  ${event.phase}${round}`)
        break
      }
      case 'step-started':
        this.#progress(event.step, 'started', event.atMs, true)
        break
      case 'step-progress':
        this.#progress(event.step, event.text, event.atMs, false)
        break
      case 'step-retried': {
        const { code, message } = event.failure
        const what = `${nameOf(event.step)}: attempt ${event.attempt} failed, ${code} ${message}`
        this.#line(['yellow', `    ↻ ${shortText(what, 300)}`])
        break
      }
      case 'step-ended':
        this.#stepEnded(event)
        break
      case 'mark':
        this.#line(event.isHarm ? ['red', `    ! ${event.what}`] : ['green', `    + ${event.what}`])
        break
      case 'log':
        this.#line(['grey', `    ${shortText(event.text, 500)}`])
        break
      case 'cleaned-up':
        if (event.failure !== null)
          this.#line(['yellow', `    could not clean up ${event.what}: ${event.failure.message}`])
        break
      case 'scenario-ended':
        this.#scenarioEnded(event)
        break
      case 'phase-ended':
      case 'sample':
      case 'artifact':
        break
    }
  }

  /** The last lines. `bundle`: the run's folder; `kept`: that of data and logs of machines, when they stay. */
  end(totals: Totals, bundle: string, kept: string | null = null): void {
    if (kept !== null) this.#line(`kept: ${kept}`)
    this.#line(`report: ${bundle}/report.html`)
    this.#line(totalsText(totals))
  }

  #stepEnded(event: Extract<RunEvent, { readonly type: 'step-ended' }>): void {
    const { step, outcome, failure, isErrorIgnored, durationMs, position } = event
    this.#told.delete(keyOf(event))
    const name = nameOf(step).padEnd(NAME_CHARS)
    if (outcome === 'skipped') {
      this.#line(['grey', `    – ${name.trimEnd()}`])
      return
    }
    const time = durationText(Math.max(0, durationMs)).padStart(10)
    const ignored = `  ignored: ${failure?.code} ${failure?.message}`
    if (outcome === 'passed')
      this.#line('    ', ['green', '✓'], ` ${name} ${time}`, ['yellow', isErrorIgnored ? ignored : ''])
    else {
      this.#line('    ', ['red', '✗'], ` ${name} ${time}`)
      if (failure !== null) this.#failure(failure, position)
    }
  }

  #failure({ code, message, evidence }: Failure, position: Position): void {
    this.#line(['red', `      ${code}: ${message}`])
    this.#line(`      at ${positionText(position)}`)
    if (evidence !== null)
      for (const line of valueText(evidence, EVIDENCE_CHARS_MAX).split('\n')) this.#line(`        ${line}`)
  }

  #scenarioEnded({ scenario, outcome, reason, atMs }: Extract<RunEvent, { type: 'scenario-ended' }>): void {
    const color = ({ passed: 'green', failed: 'red', skipped: 'yellow' } as const)[outcome]
    const time = durationText(Math.max(0, atMs - (this.#started.get(scenario) ?? atMs)))
    this.#line([color, outcome], ` ${scenario} in ${time}${reason === null ? '' : `: ${reason}`}`)
  }

  #progress(step: StepName, text: string, atMs: number, isStart: boolean): void {
    const { width, write } = this.#options
    const line = `    … ${inert(nameOf(step))}: ${shortText(inert(text), 300)}`
    if (width !== undefined) {
      // one column less, so that no terminal wraps it
      write(`\r\x1b[2K${line.slice(0, Math.max(1, width - 1))}`)
      this.#hasLive = true
      return
    }
    const key = JSON.stringify(step)
    const lastMs = this.#told.get(key)
    if (isStart || (lastMs !== undefined && atMs - lastMs < PLAIN_PROGRESS_MS)) {
      if (lastMs === undefined) this.#told.set(key, atMs)
      return
    }
    this.#told.set(key, atMs)
    this.#line(line)
  }

  #line(...parts: readonly (string | readonly [keyof typeof CODES, string])[]): void {
    const text = parts
      .map((part) => (typeof part === 'string' ? inert(part) : this.#painted(...part)))
      .join('')
    this.#options.write(`${this.#hasLive ? '\r\x1b[2K' : ''}${text.trimEnd().replaceAll('\n', '\n      ')}\n`)
    this.#hasLive = false
  }

  #painted(color: keyof typeof CODES, text: string): string {
    const isPlain = !this.#options.isColored || text === ''
    return isPlain ? inert(text) : `\x1b[${CODES[color]}m${inert(text)}\x1b[0m`
  }
}

/** Nothing in it moves the cursor or tells the terminal anything. */
const inert = (text: string): string => cleanText(text).replaceAll('\r', '')

/** The events themselves, a line of JSON each: `--json`. */
export const jsonLines =
  (write: (text: string) => void) =>
  (event: RunEvent): void =>
    write(`${JSON.stringify(event)}\n`)

const keyOf = ({ step }: { readonly step: StepName }): string => JSON.stringify(step)

const nameOf = ({ action, id }: StepName): string => `${action}${id === null ? '' : ` ${id}`}`
