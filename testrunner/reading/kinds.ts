/** Kinds of values that only the files of scenarios have: names, durations within bounds. */
import { printable } from '../../src/base/names.ts'
import { BadArgument, type Parameter } from '../model/parameter.ts'
import { duration, text } from '../model/parameters.ts'

/** 7 days. */
const TIMEOUT_MAX_MS = 7 * 24 * 3_600_000
const TEXT_CHARACTERS_MAX = 400

const refined = <T>(parameter: Parameter<T>, check: (value: T) => void): Parameter<T> => ({
  ...parameter,
  parse(value) {
    const parsed = parameter.parse(value)
    check(parsed)
    return parsed
  },
})

const named = (pattern: RegExp, rule: string): Parameter<string> =>
  refined(text(''), (value) => {
    if (!pattern.test(value)) throw new BadArgument(`'${printable(value)}' is not a name: ${rule}`)
  })

/** Of a variable, a parameter or a saved value. */
export const variableName = named(
  /^[a-z][a-z0-9_]{0,39}$/,
  "use up to 40 of a-z, 0-9 and '_', beginning with a letter",
)

/** Of a step, a variant or a daemon's flag. */
export const wordName = named(
  /^[a-z][a-z0-9_-]{0,39}$/,
  "use up to 40 of a-z, 0-9, '_' and '-', beginning with a letter",
)

/** Milliseconds. */
export const timeout = refined(duration(''), (value) => {
  if (value < 1 || value > TIMEOUT_MAX_MS) throw new BadArgument('must be between 1ms and 168h')
})

/** A line for people. */
export const sentence = refined(text(''), (value) => {
  if (value.trim() === '') throw new BadArgument('must not be empty')
  if (value.length > TEXT_CHARACTERS_MAX)
    throw new BadArgument(`must be at most ${TEXT_CHARACTERS_MAX} characters`)
})
