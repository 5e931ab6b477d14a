import { expect, it } from 'vitest'
import { ACTION_GROUPS } from '../model/action-spec.ts'
import { ACTIONS, CATALOG } from './all.ts'

it('names no action twice, and each as files write it', () => {
  expect(CATALOG.size).toBe(ACTIONS.length)
  for (const { name } of ACTIONS) expect(name).toMatch(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/)
})

/** Keys of a step that are not its action's. */
const KEYS = ['action', 'id', 'because_of', 'save_as', 'retry', 'timeout', 'ignore_error']

it('tells of each action what its documentation needs', () => {
  for (const action of ACTIONS) {
    expect(ACTION_GROUPS, action.name).toContain(action.group)
    expect(action.summary, action.name).toMatch(/^[A-Z].*[^.]$/)
    expect(action.timeoutMs, action.name).toBeGreaterThan(0)
    for (const [name, parameter] of Object.entries(action.parameters)) {
      expect(KEYS, `${action.name} ${name}`).not.toContain(name)
      expect(parameter.help, `${action.name} ${name}`).not.toBe('')
    }
  }
})

it('has parameters that take their own defaults', () => {
  for (const action of ACTIONS) {
    for (const [name, parameter] of Object.entries(action.parameters)) {
      if (parameter.default === undefined) continue
      expect(() => parameter.parse(parameter.default ?? null), `${action.name} ${name}`).not.toThrow()
    }
  }
})
