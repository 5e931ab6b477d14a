/** What a step expects of a value: `equals`, `at_least` and their like, as parameters that several actions share. */
import { isDeepStrictEqual } from 'node:util'
import type { Arguments } from '../../model/parameter.ts'
import { anything, number, optional } from '../../model/parameters.ts'
import type { Value } from '../../model/value.ts'
import { badArgument } from './failures.ts'

export const EXPECTATIONS = {
  equals: optional(anything('it is exactly this')),
  not: optional(anything('it is anything but this')),
  above: optional(number('it is a number greater than this')),
  below: optional(number('it is a number less than this')),
  at_least: optional(number('it is this number or a greater one')),
  at_most: optional(number('it is this number or a lesser one')),
} as const

export type Expectations = Arguments<typeof EXPECTATIONS>

/** In which way `actual` is not as expected, e.g. `3 is not above 5`; null when it is. ARGUMENT when nothing is expected. */
export function unmet(actual: Value | undefined, expected: Expectations): string | null {
  const stated = Object.entries(expected).filter(
    ([name, value]) => Object.hasOwn(EXPECTATIONS, name) && value !== undefined,
  )
  if (stated.length === 0)
    throw badArgument(`nothing is expected: give one of ${Object.keys(EXPECTATIONS).join(', ')}`)
  const failed = stated.find(([name, value]) => !holds(name, actual, value as Value))
  if (failed === undefined) return null
  const [name, value] = failed
  return `${shown(actual)} ${WORDS[name] ?? name} ${shown(value as Value)}`
}

const WORDS: Readonly<Record<string, string>> = {
  equals: 'is not',
  not: 'is',
  above: 'is not above',
  below: 'is not below',
  at_least: 'is less than',
  at_most: 'is more than',
}

function holds(name: string, actual: Value | undefined, value: Value): boolean {
  if (name === 'equals') return isSame(actual, value)
  if (name === 'not') return !isSame(actual, value)
  const figure = typeof actual === 'string' && actual.trim() !== '' ? Number(actual) : actual
  if (typeof figure !== 'number' || Number.isNaN(figure) || typeof value !== 'number') return false
  if (name === 'above') return figure > value
  if (name === 'below') return figure < value
  return name === 'at_least' ? figure >= value : figure <= value
}

/** Numbers and truths are also what files and variables write as text. */
export function isSame(one: Value | undefined, other: Value | undefined): boolean {
  if (isDeepStrictEqual(one, other)) return true
  const isText = typeof one === 'string' || typeof other === 'string'
  const isPlain = (value: Value | undefined): boolean => value !== undefined && typeof value !== 'object'
  return isText && isPlain(one) && isPlain(other) && `${one}` === `${other}`
}

const TEXT_CHARS = 200

export function shown(value: Value | undefined): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  return text.length > TEXT_CHARS ? `${text.slice(0, TEXT_CHARS)}…` : text
}
