/** What YAML, saved results and evidence are made of. */
export type Value = string | number | boolean | null | readonly Value[] | ValueMap

export interface ValueMap {
  readonly [name: string]: Value
}

export const isValueMap = (value: Value | undefined): value is ValueMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
