/** Flags of a daemon: what the runner needs them to be, and what a scenario says on top. */
import { StepFailure } from '../model/failure.ts'
import type { Value, ValueMap } from '../model/value.ts'

/** By name without dashes; true is a switch, a list is given several times. */
export type Flags = Readonly<Record<string, string | boolean | readonly string[]>>

/** `given` wins: `{ drain-timeout: 2s }`. Throws StepFailure ARGUMENT for what cannot be a flag's value. */
export function mergeFlags(needed: Flags, given: ValueMap): Flags {
  const merged: Record<string, string | boolean | readonly string[]> = { ...needed }
  for (const [name, value] of Object.entries(given))
    merged[name.replaceAll('_', '-')] = flagValue(name, value)
  return merged
}

function flagValue(name: string, value: Value): string | boolean | readonly string[] {
  if (typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number') return `${value}`
  if (Array.isArray(value)) return (value as readonly Value[]).map((one) => `${one}`)
  throw new StepFailure('ARGUMENT', `flag ${name}: must be text, a number, true or false, or a list`, value)
}

export const argumentsOf = (flags: Flags): readonly string[] =>
  Object.entries(flags).flatMap(([name, value]) => {
    if (value === true) return [`--${name}`]
    if (value === false) return [`--no-${name}`]
    return (Array.isArray(value) ? (value as readonly string[]) : [value as string]).flatMap((one) => [
      `--${name}`,
      one,
    ])
  })
