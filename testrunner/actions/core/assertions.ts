/** Statements about values that steps saved. */
import { anything, number, optional, text } from '../../model/parameters.ts'
import type { Value } from '../../model/value.ts'
import { defineAction } from '../action.ts'
import { isSame, shown } from '../shared/expectations.ts'
import { notAsStated } from '../shared/failures.ts'

const ABOUT = optional(text('what is stated, for the report'))

const said = (about: string | undefined, plain: string): string =>
  about === undefined ? plain : `${about}: ${plain}`

export const ASSERT_EQUAL = defineAction({
  name: 'assert_equal',
  group: 'core',
  summary: 'Two values are the same',
  parameters: { actual: anything('what is'), expected: anything('what it must be'), about: ABOUT },
  run: async (_, { actual, expected, about }) => {
    if (!isSame(actual, expected))
      throw notAsStated(said(about, `${shown(actual)} is not ${shown(expected)}`), expected, actual)
    return undefined
  },
})

export const ASSERT_NOT_EQUAL = defineAction({
  name: 'assert_not_equal',
  group: 'core',
  summary: 'Two values differ',
  parameters: { actual: anything('what is'), other: anything('what it must not be'), about: ABOUT },
  run: async (_, { actual, other, about }) => {
    if (isSame(actual, other))
      throw notAsStated(said(about, `both are ${shown(actual)}`), `anything but ${shown(other)}`, actual)
    return undefined
  },
})

export const ASSERT_CONTAINS = defineAction({
  name: 'assert_contains',
  group: 'core',
  summary: 'A text has a part, or a list an item',
  parameters: {
    actual: anything('the text or the list'),
    part: anything('what must be in it'),
    about: ABOUT,
  },
  run: async (_, { actual, part, about }) => {
    if (!hasPart(actual, part))
      throw notAsStated(said(about, `${shown(actual)} does not have ${shown(part)}`), part, actual)
    return undefined
  },
})

const hasPart = (actual: Value, part: Value): boolean =>
  Array.isArray(actual)
    ? actual.some((item: Value) => isSame(item, part))
    : (typeof actual === 'object' ? JSON.stringify(actual) : `${actual}`).includes(`${part as string}`)

export const ASSERT_GREATER = defineAction({
  name: 'assert_greater',
  group: 'core',
  summary: 'A number is greater than another',
  parameters: { actual: number('what is'), than: number('what it must be greater than'), about: ABOUT },
  run: async (_, { actual, than, about }) => {
    if (!(actual > than))
      throw notAsStated(said(about, `${actual} is not greater than ${than}`), `> ${than}`, actual)
    return undefined
  },
})

export const ASSERT_LESS = defineAction({
  name: 'assert_less',
  group: 'core',
  summary: 'A number is less than another',
  parameters: { actual: number('what is'), than: number('what it must be less than'), about: ABOUT },
  run: async (_, { actual, than, about }) => {
    if (!(actual < than))
      throw notAsStated(said(about, `${actual} is not less than ${than}`), `< ${than}`, actual)
    return undefined
  },
})
