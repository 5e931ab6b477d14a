/** Runs as events, and a strict reader of markup, for tests of reports. */
import fc from 'fast-check'
import type { RunEvent, ScenarioEvent, StepName } from '../model/event.ts'
import { FAILURE_CODES, type Failure } from '../model/failure.ts'
import { TIERS } from '../model/scenario.ts'
import type { Value } from '../model/value.ts'
import { RunCollector } from './collect.ts'

export const event = (atMs: number, what: ScenarioEvent, scenario = 'ha/failover'): RunEvent => ({
  ...{ ...what, atMs, scenario },
})

export const named = (index: number, action: string, more: Partial<StepName> = {}): StepName => ({
  ...{ phase: 'kill', round: 1, index, action, id: null, ...more },
})

const POSITION = { file: 'scenarios/ha/failover.yaml', line: 31, column: 9 }

export const ended = (
  step: StepName,
  failure: Failure | null = null,
  more: Partial<Extract<ScenarioEvent, { type: 'step-ended' }>> = {},
): ScenarioEvent => ({
  ...{ type: 'step-ended', step, outcome: failure === null ? 'passed' : 'failed', isErrorIgnored: false },
  ...{ durationMs: 1200, result: null, failure, position: POSITION },
  ...more,
})

export const FAILURE: Failure = {
  code: 'ASSERTION',
  message: 'the leader is s1',
  evidence: { expected: 's2', actual: 's1', epochs: [3, 3] },
}

/** Harm, a failed step, samples, an artifact: one of everything. */
export function failedRun(scenario = 'ha/failover'): readonly RunEvent[] {
  const kill = named(1, 'server_kill', { id: 'kill' })
  const check = named(2, 'assert_leader')
  const told: (readonly [number, ScenarioEvent])[] = [
    [
      0,
      {
        type: 'scenario-started',
        proves: 'Writes go on.',
        tier: 'ha',
        variables: { size: '64MiB' },
        steps: 3,
      },
    ],
    [900, { type: 'place-opened', machines: ['m1', 's1', 's2'], facts: { kernel: '6.1' } }],
    [1000, { type: 'phase-started', phase: 'kill', round: 1, rounds: 1 }],
    [1000, { type: 'step-started', step: kill, arguments: { server: 's1' } }],
    [1400, { type: 'mark', what: 's1 killed', isHarm: true }],
    [1500, ended(kill, null, { result: { pid: 77 } })],
    [1500, { type: 'step-started', step: check, arguments: {} }],
    [1600, { type: 'sample', series: 'write p99', unit: 'ms', value: 4.5 }],
    [2600, { type: 'sample', series: 'write p99', unit: 'ms', value: 9 }],
    [2700, { type: 'step-progress', step: check, text: 'epoch 3' }],
    [2800, { type: 'step-retried', step: check, attempt: 1, failure: FAILURE }],
    [5000, { type: 'mark', what: 's1 started', isHarm: false }],
    [6000, ended(check, FAILURE)],
    [6000, ended(named(3, 'print'), null, { outcome: 'skipped', durationMs: 0 })],
    [6000, { type: 'phase-ended', phase: 'kill', round: 1, outcome: 'failed' }],
    [6100, { type: 'log', text: 'closing' }],
    [6200, { type: 'artifact', path: 'artifacts/s1/server.log', about: 'log of s1' }],
    [6300, { type: 'cleaned-up', what: 'folder of s1', failure: FAILURE }],
    [6400, { type: 'scenario-ended', outcome: 'failed', reason: 'the leader is s1', failure: FAILURE }],
  ]
  return told.map(([atMs, what]) => event(atMs, what, scenario))
}

export function collected(events: readonly RunEvent[]): RunCollector {
  const run = new RunCollector()
  for (const one of events) run.add(one)
  return run
}

/** Names of the elements of a well-formed document; throws where it is not. Attributes are quoted, entities known. */
export function elementsOf(text: string): readonly string[] {
  const open: string[] = []
  const names: string[] = []
  const tags = /<(?:\?[^?]*\?|!DOCTYPE [a-z]+|(\/)?([a-zA-Z][\w-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/)?)>/g
  let at = 0
  for (const tag of text.matchAll(tags)) {
    checkText(text.slice(at, tag.index))
    checkText(tag[3] ?? '')
    at = tag.index + tag[0].length
    const [, closes, name, , isEmpty] = tag
    if (name === undefined) continue
    if (closes !== undefined) {
      const last = open.pop()
      if (last !== name) throw new Error(`</${name}> ends <${last}>`)
    } else {
      names.push(name)
      if (isEmpty === undefined) open.push(name)
    }
  }
  checkText(text.slice(at))
  if (open.length > 0) throw new Error(`not closed: ${open.join(' ')}`)
  return names
}

function checkText(text: string): void {
  if (text.includes('<')) throw new Error(`a stray < in ${text.slice(0, 200)}`)
  if (/&(?!(?:amp|lt|gt|quot|#39);)/.test(text)) throw new Error(`a stray & in ${text.slice(0, 200)}`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: XML does not have them
  if (/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(text) || !text.isWellFormed())
    throw new Error(`a character that XML does not have in ${JSON.stringify(text.slice(0, 200))}`)
}

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '<script>alert(1)</script>',
    '"><img src=x onerror=y>',
    ']]>',
    '&amp;',
    '\u0000\ud800',
    '../..',
  ),
)
const anyValue = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Value>
const anyMap = fc.dictionary(fc.string(), anyValue)
const anyFailure: fc.Arbitrary<Failure> = fc.record({
  ...{ code: fc.constantFrom(...FAILURE_CODES), message: anyText, evidence: anyValue },
})
const anyStep: fc.Arbitrary<StepName> = fc.record({
  ...{ phase: fc.oneof(fc.constantFrom('a', 'b'), anyText), round: fc.integer({ min: 1, max: 3 }) },
  ...{ index: fc.integer({ min: 1, max: 4 }), action: anyText, id: fc.option(anyText) },
})
const anyOutcome = fc.constantFrom('passed' as const, 'failed' as const, 'skipped' as const)
const round = fc.integer({ min: 1, max: 3 })
const maybeFailure = fc.option(anyFailure)

/** Any event at all, in no order that a run would have. */
const anyScenarioEvent: fc.Arbitrary<ScenarioEvent> = fc.oneof(
  fc.record({
    ...{ type: fc.constant('scenario-started' as const), proves: anyText, tier: fc.constantFrom(...TIERS) },
    ...{ variables: anyMap, steps: fc.nat() },
  }),
  fc.record({ type: fc.constant('place-opened' as const), machines: fc.array(anyText), facts: anyMap }),
  fc.record({ type: fc.constant('phase-started' as const), phase: anyText, round, rounds: round }),
  fc.record({ type: fc.constant('phase-ended' as const), phase: anyText, round, outcome: anyOutcome }),
  fc.record({ type: fc.constant('step-started' as const), step: anyStep, arguments: anyMap }),
  fc.record({ type: fc.constant('step-progress' as const), step: anyStep, text: anyText }),
  fc.record({
    type: fc.constant('step-retried' as const),
    step: anyStep,
    attempt: round,
    failure: anyFailure,
  }),
  fc.record({
    ...{ type: fc.constant('step-ended' as const), step: anyStep, outcome: anyOutcome },
    ...{ isErrorIgnored: fc.boolean(), durationMs: fc.integer(), result: anyValue, failure: maybeFailure },
    position: fc.record({ file: anyText, line: fc.nat(), column: fc.nat() }),
  }),
  fc.record({ type: fc.constant('sample' as const), series: anyText, unit: anyText, value: fc.double() }),
  fc.record({ type: fc.constant('mark' as const), what: anyText, isHarm: fc.boolean() }),
  fc.record({ type: fc.constant('artifact' as const), path: anyText, about: anyText }),
  fc.record({ type: fc.constant('log' as const), text: anyText }),
  fc.record({ type: fc.constant('cleaned-up' as const), what: anyText, failure: maybeFailure }),
  fc.record({
    ...{ type: fc.constant('scenario-ended' as const), outcome: anyOutcome },
    ...{ reason: fc.option(anyText), failure: maybeFailure },
  }),
)

export const anyEvents: fc.Arbitrary<readonly RunEvent[]> = fc.array(
  fc
    .tuple(anyScenarioEvent, fc.double({ min: 0, max: 1e9, noNaN: true }), fc.constantFrom('x', 'x@<b>', ''))
    .map(([what, atMs, scenario]) => event(atMs, what, scenario)),
  { maxLength: 40 },
)
