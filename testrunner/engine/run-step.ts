/** One step: its arguments, its attempts, and what becomes of its failure. */

import type { StepName } from '../model/event.ts'
import { isGrave, StepFailure } from '../model/failure.ts'
import { BadArgument } from '../model/parameter.ts'
import type { Step } from '../model/scenario.ts'
import type { Value, ValueMap } from '../model/value.ts'
import { type AttemptEnd, attempt, onAbort } from './attempt.ts'
import { failureOf, hungFailure, type Located, stoppedFailure } from './failures.ts'
import type { EngineOptions, StepResult } from './ports.ts'

const PAUSE_MS = 250
const PAUSE_MS_MAX = 5000

export interface StepRun {
  readonly options: EngineOptions
  readonly step: Step
  readonly name: StepName
  readonly scope: ValueMap
  /** Ends it; its reason is a StepFailure. */
  readonly stop: AbortSignal
  readonly hurry: AbortSignal
}

/** `value`: what it returned; undefined when it failed. */
export interface StepEnd {
  readonly result: StepResult
  readonly value: Value | undefined
}

/** Never rejects. */
export async function runStep(run: StepRun): Promise<StepEnd> {
  const { options, step, name } = run
  const beganMs = options.clock.monotonicMs()
  const resolved = resolveArguments(run)
  options.emit({ type: 'step-started', step: name, arguments: resolved.args })
  const end = resolved.wrong === null ? await tryOften(run, resolved.args) : resolved.wrong
  const failed = 'failure' in end ? end : null
  const isErrorIgnored = failed !== null && step.isErrorIgnored && !isGrave(failed.failure.code)
  const result: StepResult = {
    step: name,
    becauseOf: step.becauseOf,
    outcome: outcomeOf(failed, isErrorIgnored, run.stop),
    isErrorIgnored,
    failure: failed?.failure ?? null,
    durationMs: options.clock.monotonicMs() - beganMs,
  }
  const value = 'value' in end ? end.value : undefined
  emitEnd(options, result, value ?? null, failed?.position ?? step.position)
  return { result, value }
}

/** A step that is not run at all. */
export function skipStep(options: EngineOptions, step: Step, name: StepName): StepResult {
  const result: StepResult = {
    ...{ step: name, becauseOf: step.becauseOf, outcome: 'skipped', isErrorIgnored: false },
    ...{ failure: null, durationMs: 0 },
  }
  emitEnd(options, result, null, step.position)
  return result
}

/** Thrown into the steps beside one with a grave failure: they did nothing wrong, and count as skipped. */
export class NeighbourFailed extends StepFailure {
  constructor(neighbour: string) {
    super('CANCELLED', `ended because of ${neighbour}`)
  }
}

function outcomeOf(
  failed: Located | null,
  isErrorIgnored: boolean,
  stop: AbortSignal,
): StepResult['outcome'] {
  if (failed === null || isErrorIgnored) return 'passed'
  const isEndedForOthers = failed.failure.code === 'CANCELLED' && stop.reason instanceof NeighbourFailed
  return isEndedForOthers ? 'skipped' : 'failed'
}

function emitEnd(options: EngineOptions, result: StepResult, value: Value, position: Step['position']): void {
  const { step, outcome, isErrorIgnored, failure, durationMs } = result
  options.emit({
    ...{ type: 'step-ended', step, outcome, isErrorIgnored, durationMs, result: value, failure, position },
  })
}

/** Those that resolve, the others as they are written; and what is wrong with the first that does not. */
function resolveArguments(run: StepRun): { readonly args: ValueMap; readonly wrong: Located | null } {
  const { options, step, scope } = run
  const args: Record<string, Value> = {}
  let wrong: Located | null = null
  for (const [name, written] of Object.entries(step.arguments)) {
    try {
      args[name] = options.resolve(written, scope)
    } catch (error) {
      args[name] = written
      wrong ??= failureOf(named(name, error), step, step.arguments)
    }
  }
  return { args, wrong }
}

const named = (name: string, error: unknown): unknown =>
  error instanceof BadArgument && !error.message.startsWith(`${name}: `)
    ? new BadArgument(`${name}: ${error.message}`)
    : error

/** Every attempt has the step's timeout for itself. One that hangs may still do things, so it is the last one. */
async function tryOften(run: StepRun, args: ValueMap): Promise<{ readonly value: Value } | Located> {
  const { options, step, name, stop } = run
  for (let tries = 1; ; tries++) {
    const end = await tryOnce(run, args)
    if (end.kind === 'returned') return { value: end.value }
    const failed = end.located
    const { code } = failed.failure
    const isFinal = tries > step.retries || end.isHung || isGrave(code) || code === 'ARGUMENT'
    if (isFinal || stop.aborted) return failed
    options.emit({ type: 'step-retried', step: name, attempt: tries, failure: failed.failure })
    await pause(run, Math.min(PAUSE_MS * 2 ** (tries - 1), PAUSE_MS_MAX))
    if (stop.aborted)
      return { failure: stoppedFailure(stop.reason as StepFailure, null, null), position: step.position }
  }
}

type Tried =
  | { readonly kind: 'returned'; readonly value: Value }
  | { readonly kind: 'failed'; readonly located: Located; readonly isHung: boolean }

async function tryOnce(run: StepRun, args: ValueMap): Promise<Tried> {
  const { options, step, name, stop, hurry } = run
  const spec = options.catalog.get(step.action)
  if (spec === undefined) {
    const error = new StepFailure('ACTION', `there is no action ${step.action}`)
    return { kind: 'failed', located: failureOf(error, step, args), isHung: false }
  }
  let lastProgress: string | null = null
  let isOver = false
  const progress = (text: string) => {
    if (isOver) return
    lastProgress = text
    options.emit({ type: 'step-progress', step: name, text })
  }
  const timeoutMs = (step.timeoutMs ?? spec.timeoutMs) * (options.slowness ?? 1)
  const end: AttemptEnd<Value> = await attempt(
    (signal) => options.perform({ spec, args, step: name, signal, progress }),
    { clock: options.clock, timeoutMs, stop, hurry },
  )
  isOver = true
  if (end.kind === 'returned') return { kind: 'returned', value: end.value ?? null }
  return { kind: 'failed', located: locate(end, step, args, lastProgress), isHung: end.kind === 'hung' }
}

function locate(
  end: Exclude<AttemptEnd<Value>, { kind: 'returned' }>,
  step: Step,
  args: ValueMap,
  lastProgress: string | null,
): Located {
  const { position } = step
  if (end.kind === 'hung')
    return { failure: hungFailure(end.stoppedBy, end.waitedMs, lastProgress), position }
  if (end.stoppedBy === null) return failureOf(end.error, step, args)
  return { failure: stoppedFailure(end.stoppedBy, end.error, lastProgress), position }
}

/** Ends early when the step is stopped. */
async function pause({ options, stop }: StepRun, pauseMs: number): Promise<void> {
  const over = new AbortController()
  await new Promise<void>((resolve) => {
    const timer = options.clock.after(pauseMs, resolve)
    onAbort(stop, over.signal, () => {
      timer.cancel()
      resolve()
    })
  })
  over.abort()
}
