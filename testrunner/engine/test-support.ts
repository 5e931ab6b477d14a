/** Scenarios, actions and a run of the engine for tests, on a manual clock. */
import { ManualClock } from '../../test/e2e/iscsi/manual-clock.ts'
import type { ActionSpec } from '../model/action-spec.ts'
import type { ScenarioEvent } from '../model/event.ts'
import { BadArgument } from '../model/parameter.ts'
import type { Position } from '../model/position.ts'
import type { Phase, Scenario, Step } from '../model/scenario.ts'
import type { Value, ValueMap } from '../model/value.ts'
import type { ActionCall, ScenarioResult } from './ports.ts'
import { runScenario } from './run-scenario.ts'

export const at = (line: number, column = 9): Position => ({ file: 'scenarios/x.yaml', line, column })

export const step = (action: string, more: Partial<Step> = {}): Step => ({
  ...{ action, id: null, becauseOf: null, arguments: {}, saveAs: null, isErrorIgnored: false },
  ...{ retries: 0, timeoutMs: null, position: at(10), argumentPositions: {} },
  ...more,
})

export const phase = (name: string, steps: readonly Step[], more: Partial<Phase> = {}): Phase => ({
  ...{ name, isAlways: false, isParallel: false, repeat: 1, aggregate: 'none', trimPercent: 20 },
  ...{ steps, position: at(5) },
  ...more,
})

export const scenario = (phases: readonly Phase[], more: Partial<Scenario> = {}): Scenario => ({
  ...{ name: 'ha/x', proves: 'It works.', fault: null, tier: 'ha', variant: 'default', timeoutMs: 180_000 },
  ...{ needs: [], variables: {}, phases, position: at(1), files: [] },
  topology: {
    ...{ servers: 1, zones: [], masters: 1, hosts: 1, serverFlags: {}, masterFlags: {}, diskBytes: {} },
  },
  ...more,
})

export type Act = (call: ActionCall) => Promise<Value> | Value

/** Never returns, and does what it is told. */
export const untilStopped: Act = ({ signal }) =>
  new Promise((_, reject) => {
    const end = () => reject(new Error('aborted'))
    if (signal.aborted) end()
    else signal.addEventListener('abort', end)
  })

/** Never returns at all. */
export const hangs: Act = () => new Promise(() => undefined)

const spec = (name: string): ActionSpec => ({
  ...{ name, group: 'core', summary: name, parameters: {}, result: null, needs: [] },
  ...{ timeoutMs: 60_000, isFault: false },
})

/** `{{ name }}` alone, and nothing else, is a template. */
function resolve(value: Value, scope: ValueMap): Value {
  const name = typeof value === 'string' ? /^\{\{ (\w+) \}\}$/.exec(value)?.[1] : undefined
  if (name === undefined) return value
  const found = scope[name]
  if (found === undefined) throw new BadArgument(`nothing is called ${name}`)
  return found
}

export interface EngineRun {
  readonly clock: ManualClock
  readonly events: readonly ScenarioEvent[]
  readonly result: Promise<ScenarioResult>
  /** Names of actions as they were called, with their arguments. */
  readonly calls: readonly { readonly action: string; readonly args: ValueMap }[]
  cancel(): void
  hurry(): void
  /** Time passes, and what waits for it has its turn. */
  pass(ms: number): Promise<void>
}

/** `acts`: what actions do; `ok` is always there. */
export function start(
  what: Scenario,
  acts: Readonly<Record<string, Act>> = {},
  { without = null, slowness = 1 }: { readonly without?: string | null; readonly slowness?: number } = {},
): EngineRun {
  const clock = new ManualClock()
  const [cancelled, hurried] = [new AbortController(), new AbortController()]
  const events: ScenarioEvent[] = []
  const calls: { action: string; args: ValueMap }[] = []
  const all: Readonly<Record<string, Act>> = { ok: () => null, ...acts }
  const result = runScenario({
    scenario: what,
    catalog: new Map(Object.keys(all).map((name) => [name, spec(name)])),
    perform: async (call) => {
      await Promise.resolve() // so that actions can use what `start` returns
      calls.push({ action: call.spec.name, args: call.args })
      return await all[call.spec.name]!(call)
    },
    resolve,
    clock,
    emit: (event) => events.push(event),
    signal: cancelled.signal,
    hurry: hurried.signal,
    ...{ without, slowness },
  })
  return {
    ...{ clock, events, result, calls },
    cancel: () => cancelled.abort(),
    hurry: () => hurried.abort(),
    pass: async (ms) => {
      await clock.yield()
      clock.advance(ms)
      await clock.yield()
    },
  }
}

/** `phase.index` and outcome of each step, as they ended. */
export const outcomes = (events: readonly ScenarioEvent[]): readonly string[] =>
  events.flatMap((event) =>
    event.type === 'step-ended' ? [`${event.step.phase}.${event.step.index} ${event.outcome}`] : [],
  )
