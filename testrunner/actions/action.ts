/** What every action is, and what it works with. */
import type { Clock } from '../../src/base/ports/clock.ts'
import type { Place } from '../backends/backend.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Host } from '../hosts/disk.ts'
import type { ActionSpec } from '../model/action-spec.ts'
import type { Arguments, Parameters } from '../model/parameter.ts'
import type { Scenario } from '../model/scenario.ts'
import type { Value } from '../model/value.ts'
import type { Oracle } from '../oracle/oracle.ts'

/** Everything that there is in a run of one scenario. */
export interface World {
  readonly scenario: Scenario
  readonly place: Place
  readonly cluster: Cluster
  readonly hosts: ReadonlyMap<string, Host>
  readonly oracle: Oracle
  /** Things that one step starts and another ends, by a name: loads, programs, mounts. */
  readonly shared: Map<string, unknown>
  /** Harm that is on now, for gates that count health without any fault. */
  readonly harm: {
    readonly isOn: boolean
    readonly wasOn: boolean
    begin(what: string): void
    /** Whether it was on. */
    end(what: string): boolean
  }
  /** Done at the end of the scenario, whatever happened, the last one first. */
  atEnd(what: string, clean: () => Promise<void>): void
}

/** What a step may use while it runs. */
export interface ActionContext {
  readonly world: World
  readonly clock: Clock
  /** Aborted at the step's or the scenario's timeout, and when the user stops the run. Actions end soon after it. */
  readonly signal: AbortSignal
  /** One line that says how far it is. */
  progress(text: string): void
  sample(series: string, value: number, unit: string): void
  /** Harm begins or ends; for the timeline. */
  mark(what: string, isHarm: boolean): void
  /** Into the bundle, under `artifacts/`. */
  artifact(path: string, content: string | Uint8Array, about: string): Promise<void>
}

export interface Action<P extends Parameters = Parameters> extends ActionSpec {
  readonly parameters: P
  /** What it resolves with is what `save_as` saves. Rejects with StepFailure, or with any error, which counts as ACTION. */
  run(context: ActionContext, args: Arguments<P>): Promise<Value | undefined>
}

/** An action with its arguments' types; those that are not told are as most have them. */
export function defineAction<P extends Parameters>(
  action: Pick<Action<P>, 'name' | 'group' | 'summary' | 'parameters' | 'run'> & Partial<Action<P>>,
): Action {
  return {
    ...{ result: null, needs: [], timeoutMs: 60_000, isFault: false },
    ...action,
    // the engine gives it what `parseArguments` made of its own parameters
    run: (context, args) => action.run(context, args as Arguments<P>),
  }
}
