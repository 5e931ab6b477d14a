import { describe, expect, it } from 'vitest'
import { type Act, hangs, outcomes, phase, scenario, start, step, untilStopped } from './test-support.ts'

const withCleanUp = (clean: string) =>
  scenario(
    [
      phase('a', [step('untilStopped', { id: 'wait', timeoutMs: 600_000 }), step('ok')]),
      phase('c', [step(clean, { timeoutMs: 600_000 }), step('ok')], { isAlways: true }),
    ],
    { timeoutMs: 60_000 },
  )

const untilStoppedIn20s = step('untilStopped', { timeoutMs: 20_000 })

describe('the timeout of a scenario', () => {
  it('names the step under way; what always runs, runs', async () => {
    const run = start(withCleanUp('ok'), { untilStopped })
    await run.pass(60_000)
    expect(await run.result).toMatchObject({
      failure: {
        code: 'TIMEOUT',
        message: "the scenario took longer than 60 s, in step 1 of 'a' (untilStopped, id wait)",
      },
      failedStep: { id: 'wait' },
    })
    expect(outcomes(run.events)).toEqual(['a.1 failed', 'a.2 skipped', 'c.1 passed', 'c.2 passed'])
  })

  it('leaves 30 s for cleaning up', async () => {
    const run = start(withCleanUp('untilStopped'), { untilStopped })
    await run.pass(60_000)
    await run.pass(29_999)
    expect(outcomes(run.events)).toEqual(['a.1 failed', 'a.2 skipped'])
    await run.pass(1)
    await run.result
    expect(outcomes(run.events)).toEqual(['a.1 failed', 'a.2 skipped', 'c.1 failed', 'c.2 skipped'])
    expect(run.events.find((e) => e.type === 'step-ended' && e.step.phase === 'c')).toMatchObject({
      failure: { message: 'cleaning up took longer than 30 s' },
    })
  })

  it('is longer where everything is, and so are those of steps', async () => {
    const { phases } = withCleanUp('untilStopped')
    const run = start(scenario(phases, { timeoutMs: 60_000 }), { untilStopped }, { slowness: 3 })
    await run.pass(179_999)
    expect(outcomes(run.events)).toEqual([])
    await run.pass(1)
    await run.pass(89_999)
    expect(outcomes(run.events)).toEqual(['a.1 failed', 'a.2 skipped'])
    await run.pass(1)
    await run.result
    expect(outcomes(run.events).length).toBe(4)
    const other = start(scenario([phase('a', [untilStoppedIn20s])]), { untilStopped }, { slowness: 3 })
    await other.pass(59_999)
    expect(outcomes(other.events)).toEqual([])
    await other.pass(1)
    expect(await other.result).toMatchObject({
      failure: { code: 'TIMEOUT', message: 'took longer than 60 s' },
    })
  })

  it('does not count a hung step against cleaning up', async () => {
    const run = start(withCleanUp('untilStopped'), {
      untilStopped: (call) => (call.step.phase === 'a' ? hangs(call) : untilStopped(call)),
    })
    await run.pass(60_000)
    await run.pass(10_000)
    await run.pass(29_999)
    expect(outcomes(run.events).length).toBe(2)
    await run.pass(1)
    await run.result
    expect(outcomes(run.events).length).toBe(4)
  })

  it('gives a clean-up that is under way its 30 s, and fails the scenario', async () => {
    const slow: Act = async () => {
      await run.clock.sleep(80_000)
      return null
    }
    const run = start(
      scenario([phase('c', [step('slow', { timeoutMs: 600_000 })], { isAlways: true })], {
        timeoutMs: 60_000,
      }),
      { slow },
    )
    await run.pass(80_000)
    expect(await run.result).toMatchObject({ failure: { code: 'TIMEOUT' }, failedStep: { action: 'slow' } })
    expect(outcomes(run.events)).toEqual(['c.1 passed'])
  })

  it("ends a clean-up's step at its own timeout all the same", async () => {
    const run = start(
      scenario([phase('c', [step('untilStopped', { timeoutMs: 2000 }), step('ok')], { isAlways: true })]),
      { untilStopped },
    )
    await run.pass(2000)
    await run.result
    expect(outcomes(run.events)).toEqual(['c.1 failed', 'c.2 passed'])
  })
})

describe('a run that the user stops', () => {
  it('ends the step under way, and cleans up', async () => {
    const run = start(withCleanUp('ok'), { untilStopped })
    await run.pass(5)
    run.cancel()
    expect(await run.result).toMatchObject({
      failure: { code: 'CANCELLED', message: 'the run was stopped' },
      failedStep: { id: 'wait' },
    })
    expect(outcomes(run.events)).toEqual(['a.1 failed', 'a.2 skipped', 'c.1 passed', 'c.2 passed'])
  })

  it('does not run what always runs when it is stopped twice', async () => {
    const run = start(withCleanUp('ok'), { untilStopped: hangs })
    await run.pass(5)
    run.cancel()
    await run.pass(1000)
    run.hurry()
    await run.pass(500)
    await run.result
    expect(outcomes(run.events)).toEqual(['a.1 failed', 'a.2 skipped', 'c.1 skipped', 'c.2 skipped'])
  })

  it('ends a clean-up when it is stopped a second time', async () => {
    const run = start(withCleanUp('untilStopped'), { untilStopped })
    await run.pass(5)
    run.cancel()
    await run.pass(5)
    run.hurry()
    await run.result
    expect(outcomes(run.events)).toEqual(['a.1 failed', 'a.2 skipped', 'c.1 failed', 'c.2 skipped'])
  })

  it('keeps what a step finished in spite of it, and starts no other', async () => {
    const polite: Act = ({ signal }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve('done')))
    const run = start(scenario([phase('a', [step('polite', { saveAs: 'x' }), step('ok')])]), { polite })
    await run.pass(5)
    run.cancel()
    expect(await run.result).toMatchObject({ failure: { code: 'CANCELLED' }, saved: { x: 'done' } })
    expect(outcomes(run.events)).toEqual(['a.1 passed', 'a.2 skipped'])
  })

  it('runs nothing but the clean-up when it was stopped before it began', async () => {
    const run = start(withCleanUp('ok'), { untilStopped })
    run.cancel()
    await run.pass(0)
    await run.result
    expect(run.calls.map(({ action }) => action).slice(-2)).toEqual(['ok', 'ok'])
  })
})
