/** A scenario as it was read: checked, included parts in place, variables of the run known. */
import type { Need } from './need.ts'
import type { Position } from './position.ts'
import type { Value, ValueMap } from './value.ts'

export const TIERS = ['core', 'block', 'ha', 'chaos', 'database', 'benchmark', 'soak'] as const
export type Tier = (typeof TIERS)[number]

export interface Scenario {
  /** Unique among files: the path below the folder of scenarios without `.yaml`, e.g. `ha/failover`. */
  readonly name: string
  /** One sentence: what is true when it passes. */
  readonly proves: string
  /** The `id` of the step that does harm; null when there is none. Without it a step with `because_of` must fail. */
  readonly fault: string | null
  readonly tier: Tier
  /** `default`, or a name of `variants`. */
  readonly variant: string
  readonly timeoutMs: number
  readonly needs: readonly Need[]
  /** Values of this run: defaults, then the variant's, then what the user gave. */
  readonly variables: ValueMap
  readonly topology: Topology
  readonly phases: readonly Phase[]
  readonly position: Position
  /** Every file that was read for it, the scenario's own first. */
  readonly files: readonly SourceFile[]
}

export interface SourceFile {
  readonly path: string
  readonly text: string
}

export interface Topology {
  /** Block servers, named s1, s2, … */
  readonly servers: number
  /** Of a server, for placement: zone of each, in order; empty for none. */
  readonly zones: readonly string[]
  /** Masters: 1, or 3 that elect one; named m1, m2, … */
  readonly masters: number
  /** Machines that attach volumes, named h1, h2, … */
  readonly hosts: number
  /** Flags of the daemons by name without dashes, e.g. `{ drain-timeout: 2s }`. */
  readonly serverFlags: ValueMap
  readonly masterFlags: ValueMap
  /** Size of the file system under the data of servers by name; others use the machine's. Needs `small-disk`. */
  readonly diskBytes: Readonly<Record<string, number>>
}

export interface Phase {
  readonly name: string
  /** Runs whatever failed before it. */
  readonly isAlways: boolean
  /** Its steps run at once. */
  readonly isParallel: boolean
  /** 1 to 100. */
  readonly repeat: number
  /** What becomes of numbers that a repeated phase saved: `{{ name }}` is then their median or mean. */
  readonly aggregate: 'median' | 'mean' | 'none'
  /** Share of values left out at each end, of all: 0 to 49. */
  readonly trimPercent: number
  readonly steps: readonly Step[]
  readonly position: Position
}

export interface Step {
  readonly action: string
  /** How `fault` and `because_of` name it; null when the file does not say. */
  readonly id: string | null
  /** The fault without which this step must fail. */
  readonly becauseOf: string | null
  /** Arguments with `{{ names }}` not yet replaced: some are saved by steps before. */
  readonly arguments: ValueMap
  readonly saveAs: string | null
  readonly isErrorIgnored: boolean
  /** How often it is tried again after it failed. */
  readonly retries: number
  /** Null: the action's own. */
  readonly timeoutMs: number | null
  readonly position: Position
  /** Of each argument, for what only turns out when it runs. */
  readonly argumentPositions: Readonly<Record<string, Position>>
}

export const DEFAULT_VARIANT = 'default'

/** What `include_params`, `vars` and `--var` give. */
export type Variables = Readonly<Record<string, Value>>
