import type { Need } from './need.ts'
import type { Parameters } from './parameter.ts'

export const ACTION_GROUPS = [
  ...(['core', 'cluster', 'volume', 'snapshot', 'backup', 'host', 'file system', 'data'] as const),
  ...(['fio', 'database', 'fault', 'wait', 'assert', 'metrics', 'benchmark'] as const),
] as const
export type ActionGroup = (typeof ACTION_GROUPS)[number]

/** What files are checked against, and what `basalt scenario actions` tells of an action. */
export interface ActionSpec {
  /** snake_case. */
  readonly name: string
  readonly group: ActionGroup
  /** One sentence, without a full stop at its end. */
  readonly summary: string
  readonly parameters: Parameters
  /** What `save_as` saves, e.g. `the volume as the API shows it`; null when nothing. */
  readonly result: string | null
  readonly needs: readonly Need[]
  /** When the step does not say. */
  readonly timeoutMs: number
  /** It does harm: only such a step can be a scenario's `fault`. */
  readonly isFault: boolean
}

export type ActionCatalog = ReadonlyMap<string, ActionSpec>
