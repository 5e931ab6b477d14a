/**
 * What an action takes: a table of parameters, from which files are checked, arguments are typed and
 * `basalt scenario actions` is written.
 */
import type { Value, ValueMap } from './value.ts'

/** What names of machines begin with: `s` servers, `m` masters, `h` hosts. A number from 1 follows. */
export type MachineLetter = 's' | 'm' | 'h'

export interface Parameter<T> {
  /** As documentation names it: `size`, `duration`, `text`, `one of a, b`. */
  readonly kind: string
  readonly help: string
  readonly isRequired: boolean
  /** As a file would write it; undefined for none. */
  readonly default: Value | undefined
  /** It names machines, of these kinds: a name like s9 must be one of the topology's. Other texts may mean one all the same. */
  readonly machines?: readonly MachineLetter[]
  /** Throws `BadArgument`. `value` is what the file or the default says. */
  parse(value: Value): T
}

export type Parameters = Readonly<Record<string, Parameter<unknown>>>

export type Arguments<P extends Parameters> = {
  readonly [K in keyof P]: P[K] extends Parameter<infer T> ? T : never
}

/** An argument that its parameter does not take. */
export class BadArgument extends Error {}

/** Arguments of a step, by the parameters of its action. Names that are not parameters are refused by who reads the file. */
export function parseArguments<P extends Parameters>(parameters: P, given: ValueMap): Arguments<P> {
  const parsed: Record<string, unknown> = {}
  for (const [name, parameter] of Object.entries(parameters)) {
    const value = given[name] ?? parameter.default
    if (value === undefined || value === null) {
      if (parameter.isRequired) throw new BadArgument(`${name} is missing: ${parameter.help}`)
      parsed[name] = undefined
    } else parsed[name] = parsed1(name, parameter, value)
  }
  return parsed as Arguments<P>
}

function parsed1(name: string, parameter: Parameter<unknown>, value: Value): unknown {
  try {
    return parameter.parse(value)
  } catch (error) {
    if (error instanceof BadArgument) throw new BadArgument(`${name}: ${error.message}`)
    throw error
  }
}
