/** Actions that need nothing of the product. */
import { anything, duration, text } from '../../model/parameters.ts'
import { type Action, defineAction } from '../action.ts'
import { pause } from '../shared/until.ts'
import { ASSERT_CONTAINS, ASSERT_EQUAL, ASSERT_GREATER, ASSERT_LESS, ASSERT_NOT_EQUAL } from './assertions.ts'
import { EXEC } from './exec.ts'

const SLEEP = defineAction({
  name: 'sleep',
  group: 'core',
  summary: 'Wait for a time; to wait for something to be so, use the wait actions',
  parameters: { for: duration('how long') },
  timeoutMs: 3_600_000,
  run: async (context, { for: delayMs }) => {
    await pause(context, delayMs)
    context.signal.throwIfAborted()
    return undefined
  },
})

const PRINT = defineAction({
  name: 'print',
  group: 'core',
  summary: 'Say something in the report',
  parameters: { text: text('what to say') },
  result: 'the text',
  run: async ({ progress }, { text: said }) => {
    progress(said)
    return said
  },
})

const SET = defineAction({
  name: 'set',
  group: 'core',
  summary: 'Keep a value under the name that save_as gives',
  parameters: { value: anything('the value') },
  result: 'the value',
  run: async (_, { value }) => value,
})

export const CORE_ACTIONS: readonly Action[] = [
  ...[EXEC, SLEEP, PRINT, SET],
  ...[ASSERT_EQUAL, ASSERT_NOT_EQUAL, ASSERT_CONTAINS, ASSERT_GREATER, ASSERT_LESS],
]
