/** The kinds of parameters there are. Each comes required; `optional` and `withDefault` say otherwise. */
import { parseDuration } from '../../src/base/durations.ts'
import { isBlockError } from '../../src/base/errors.ts'
import { parseSize } from '../../src/base/sizes.ts'
import { BadArgument, type MachineLetter, type Parameter } from './parameter.ts'
import type { Value } from './value.ts'

/** A parser of the product, whose complaint is that of the argument. */
const measured =
  (parse: (text: string, what: string) => number) =>
  (value: Value): number => {
    try {
      return parse(`${value}`, 'value')
    } catch (error) {
      throw isBlockError(error) ? new BadArgument(error.message.replace(/^value: /, '')) : error
    }
  }

const required = <T>(kind: string, help: string, parse: (value: Value) => T): Parameter<T> => ({
  ...{ kind, help, isRequired: true, default: undefined, parse },
})

/** Undefined when a step does not give it. */
export const optional = <T>(parameter: Parameter<T>): Parameter<T | undefined> => ({
  ...parameter,
  isRequired: false,
})

/** `value`: as a file would write it. */
export const withDefault = <T>(parameter: Parameter<T>, value: Value): Parameter<T> => ({
  ...parameter,
  isRequired: false,
  default: value,
})

export const text = (help: string): Parameter<string> =>
  required('text', help, (value) => {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      return `${value}`
    throw new BadArgument('must be text')
  })

/** A name of a machine, of any kind unless told, or whatever else `help` says that stands for one. */
export const machineName = (
  help: string,
  machines: readonly MachineLetter[] = ['m', 's', 'h'],
): Parameter<string> => ({ ...text(help), machines })

export const integer = (help: string, min = 0, max = Number.MAX_SAFE_INTEGER): Parameter<number> =>
  required('integer', help, (value) => {
    const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value
    if (typeof number !== 'number' || !Number.isSafeInteger(number))
      throw new BadArgument('must be an integer')
    if (number < min || number > max) throw new BadArgument(`must be between ${min} and ${max}`)
    return number
  })

export const number = (help: string): Parameter<number> =>
  required('number', help, (value) => {
    const parsed = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    if (typeof parsed !== 'number' || !Number.isFinite(parsed)) throw new BadArgument('must be a number')
    return parsed
  })

export const truth = (help: string): Parameter<boolean> =>
  required('true or false', help, (value) => {
    if (value === true || value === 'true') return true
    if (value === false || value === 'false') return false
    throw new BadArgument('must be true or false')
  })

/** Bytes. */
export const size = (help: string): Parameter<number> => required('size', help, measured(parseSize))

/** Milliseconds. */
export const duration = (help: string): Parameter<number> =>
  required('duration', help, measured(parseDuration))

export const oneOf = <const T extends string>(values: readonly T[], help: string): Parameter<T> =>
  required(`one of ${values.join(', ')}`, help, (value) => {
    const found = values.find((one) => one === value)
    if (found === undefined) throw new BadArgument(`must be one of ${values.join(', ')}`)
    return found
  })

/** A list, or one of it alone. */
export const listOf = <T>(item: Parameter<T>): Parameter<readonly T[]> => ({
  ...required(`list of ${item.kind}`, item.help, (value) =>
    (Array.isArray(value) ? (value as readonly Value[]) : [value]).map((one) => item.parse(one)),
  ),
  ...(item.machines !== undefined && { machines: item.machines }),
})

/** Anything that YAML can say. */
export const anything = (help: string): Parameter<Value> => required('any value', help, (value) => value)
