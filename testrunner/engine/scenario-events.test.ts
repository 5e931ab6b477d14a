import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../test/e2e/iscsi/manual-clock.ts'
import type { RunEvent } from '../model/event.ts'
import { StepFailure } from '../model/failure.ts'
import { runName, scenarioEnded, scenarioStarted, stamped } from './scenario-events.ts'
import { type Act, phase, scenario, start, step } from './test-support.ts'
import { judgeWithoutFault } from './without-fault.ts'

it('names a scenario with its variant', () => {
  expect(runName(scenario([]))).toBe('ha/x')
  expect(runName(scenario([], { variant: 'nvme' }))).toBe('ha/x@nvme')
})

it('counts the steps of all rounds', () => {
  const what = scenario([phase('a', [step('ok'), step('ok')], { repeat: 3 }), phase('b', [step('ok')])])
  expect(scenarioStarted(what)).toMatchObject({ steps: 7 })
})

it('stamps events with the time since the run began', () => {
  const clock = new ManualClock()
  const events: RunEvent[] = []
  const emit = stamped((event) => events.push(event), 'ha/x', clock, clock.monotonicMs())
  clock.advance(12)
  emit({ type: 'log', text: 'hello' })
  expect(events).toEqual([{ type: 'log', text: 'hello', atMs: 12, scenario: 'ha/x' }])
})

describe('the end of a scenario', () => {
  it('says which step failed', async () => {
    const fails: Act = () => Promise.reject(new StepFailure('ASSERTION', 'no'))
    const result = await start(scenario([phase('a', [step('fails')])]), { fails }).result
    expect(scenarioEnded(result, null)).toMatchObject({ reason: "step 1 of 'a' (fails): no" })
  })

  it('fails for a broken rule though all steps passed', async () => {
    const result = await start(scenario([phase('a', [step('ok')])])).result
    expect(scenarioEnded(result, null)).toMatchObject({ outcome: 'passed', reason: null })
    const broken = { code: 'HARD_FAIL', message: 'wal_full_stall', evidence: null } as const
    expect(scenarioEnded(result, broken)).toMatchObject({ outcome: 'failed', failure: broken })
  })
})

describe('a run without its fault', () => {
  const fails: Act = () => Promise.reject(new StepFailure('ASSERTION', 'epoch is still 3'))
  const what = (action: string) =>
    scenario([phase('a', [step('ok', { id: 'kill' }), step('before'), step(action, { becauseOf: 'kill' })])])
  const judge = async (action: string, acts: Record<string, Act>) =>
    judgeWithoutFault(
      await start(what(action), { before: () => null, ...acts }, { without: 'kill' }).result,
      'kill',
    )

  it('shows something when the dependent step fails', async () => {
    expect(await judge('fails', { fails })).toMatchObject({
      ...{ isProven: true, why: expect.stringContaining('epoch is still 3') },
    })
  })

  it('shows nothing when it passes, when another fails first, or when it fails for its arguments', async () => {
    expect(await judge('ok', {})).toEqual({
      ...{ isProven: false, why: "step 3 of 'a' (ok) does not fail without kill" },
    })
    expect(await judge('fails', { fails, before: fails })).toMatchObject({
      ...{ isProven: false, why: expect.stringContaining('another step failed first') },
    })
    const mismatch: Act = () => Promise.reject(new StepFailure('DATA_MISMATCH', 'x'))
    expect(await judge('mismatch', { mismatch })).toMatchObject({ isProven: false })
  })
})
