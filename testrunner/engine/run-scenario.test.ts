import { describe, expect, it } from 'vitest'
import { StepFailure } from '../model/failure.ts'
import { outcomes, phase, scenario, start, step, untilStopped } from './test-support.ts'

const fails = () => Promise.reject(new StepFailure('ASSERTION', 'two is not one', { expected: 1, actual: 2 }))
const mismatches = () => Promise.reject(new StepFailure('DATA_MISMATCH', 'block 7 differs', { block: 7 }))

describe('phases', () => {
  it('run in order, with events of each', async () => {
    const run = start(
      scenario([
        phase('a', [step('ok', { id: 'x', arguments: { n: 1 } }), step('ok')]),
        phase('b', [step('ok')]),
      ]),
    )
    expect(await run.result).toMatchObject({ outcome: 'passed', failure: null, failedStep: null })
    expect(run.events.map(({ type }) => type)).toEqual([
      ...['phase-started', 'step-started', 'step-ended', 'step-started', 'step-ended', 'phase-ended'],
      ...['phase-started', 'step-started', 'step-ended', 'phase-ended'],
    ])
    expect(run.events[1]).toEqual({
      type: 'step-started',
      step: { phase: 'a', round: 1, index: 1, action: 'ok', id: 'x' },
      arguments: { n: 1 },
    })
  })

  it('are skipped after a failure, except those that always run, where every step has its turn', async () => {
    const run = start(
      scenario([
        phase('a', [step('ok'), step('fails'), step('ok')]),
        phase('b', [step('ok'), step('ok')]),
        phase('c', [step('fails'), step('ok')], { isAlways: true }),
        phase('d', [step('ok')]),
      ]),
      { fails },
    )
    const result = await run.result
    expect(outcomes(run.events)).toEqual([
      ...['a.1 passed', 'a.2 failed', 'a.3 skipped', 'b.1 skipped', 'b.2 skipped'],
      ...['c.1 failed', 'c.2 passed', 'd.1 skipped'],
    ])
    expect(result).toMatchObject({
      outcome: 'failed',
      failure: { code: 'ASSERTION', message: 'two is not one', evidence: { expected: 1, actual: 2 } },
      failedStep: { phase: 'a', index: 2 },
    })
    expect(
      run.events.flatMap((event) =>
        event.type === 'phase-ended' ? [`${event.phase} ${event.outcome}`] : [],
      ),
    ).toEqual(['a failed', 'b skipped', 'c failed', 'd skipped'])
  })

  it('fail the scenario also when only cleaning up fails', async () => {
    const run = start(scenario([phase('a', [step('ok')]), phase('c', [step('fails')], { isAlways: true })]), {
      fails,
    })
    expect(await run.result).toMatchObject({ outcome: 'failed', failedStep: { phase: 'c' } })
  })

  it('tell wrong data rather than what failed before it', async () => {
    const run = start(
      scenario([phase('a', [step('fails')]), phase('c', [step('mismatches')], { isAlways: true })]),
      { fails, mismatches },
    )
    expect(await run.result).toMatchObject({
      failure: { code: 'DATA_MISMATCH' },
      failedStep: { phase: 'c' },
    })
  })

  it('leave out the step they are told to', async () => {
    const steps = [step('fails', { id: 'harm', saveAs: 'x' }), step('ok')]
    for (const isParallel of [false, true]) {
      const run = start(scenario([phase('a', steps, { isParallel })]), { fails }, { without: 'harm' })
      expect(await run.result).toMatchObject({ outcome: 'passed', saved: {} })
      expect(outcomes(run.events)).toEqual(['a.1 skipped', 'a.2 passed'])
      expect(run.calls.map(({ action }) => action)).toEqual(['ok'])
    }
  })
})

describe('a parallel phase', () => {
  it('runs its steps at once', async () => {
    let inside = 0
    let most = 0
    const meets = async () => {
      most = Math.max(most, ++inside)
      await Promise.resolve()
      inside--
      return null
    }
    const run = start(scenario([phase('a', [step('meets'), step('meets')], { isParallel: true })]), { meets })
    await run.result
    expect(most).toBe(2)
  })

  it('lets the others finish when one fails', async () => {
    const slow = async ({ signal }: { signal: AbortSignal }) => {
      await run.clock.sleep(5000)
      expect(signal.aborted).toBe(false)
      return 'done'
    }
    const run = start(
      scenario([phase('a', [step('fails'), step('slow', { saveAs: 'x' })], { isParallel: true })]),
      { fails, slow },
    )
    await run.pass(5000)
    expect(await run.result).toMatchObject({ outcome: 'failed', saved: { x: 'done' } })
    expect(outcomes(run.events)).toEqual(['a.1 failed', 'a.2 passed'])
  })

  it('ends the others when one finds wrong data, and does not blame them', async () => {
    const run = start(
      scenario([phase('a', [step('untilStopped'), step('mismatches')], { isParallel: true })]),
      { untilStopped, mismatches },
    )
    expect(await run.result).toMatchObject({ failure: { code: 'DATA_MISMATCH' }, failedStep: { index: 2 } })
    expect(outcomes(run.events)).toEqual(['a.2 failed', 'a.1 skipped'])
    expect(run.events.find((e) => e.type === 'step-ended' && e.step.index === 1)).toMatchObject({
      failure: { code: 'CANCELLED', message: "ended because of step 2 of 'a' (mismatches)" },
    })
  })

  it('tells of both when both find wrong data', async () => {
    const late = ({ signal }: { signal: AbortSignal }) =>
      new Promise<null>((_, reject) =>
        signal.addEventListener('abort', () => reject(new StepFailure('DATA_MISMATCH', 'here too'))),
      )
    const run = start(scenario([phase('a', [step('late'), step('mismatches')], { isParallel: true })]), {
      ...{ late, mismatches },
    })
    await run.result
    expect(outcomes(run.events)).toEqual(['a.2 failed', 'a.1 failed'])
  })
})

describe('a repeated phase', () => {
  const counting = (values: readonly number[]) => {
    let count = 0
    return () => ({ iops: values[count]!, at: `round ${++count}` })
  }

  it('runs each round with its number, and keeps the last that was saved', async () => {
    const steps = [step('count', { saveAs: 'x', arguments: { n: '{{ round }}' } })]
    const run = start(scenario([phase('a', steps, { repeat: 3 })]), { count: counting([5, 6, 7]) })
    expect((await run.result).saved).toEqual({ x: { iops: 7, at: 'round 3' } })
    expect(run.calls.map(({ args }) => args.n)).toEqual([1, 2, 3])
  })

  it('aggregates what rounds saved, after the greatest and least were left out', async () => {
    const steps = [step('count', { saveAs: 'x' })]
    const values = [10, 1000, 20, 30, 1]
    for (const [aggregate, iops] of [
      ['mean', 20],
      ['median', 20],
    ] as const) {
      const run = start(scenario([phase('a', steps, { repeat: 5, aggregate, trimPercent: 20 })]), {
        count: counting(values),
      })
      expect((await run.result).saved).toEqual({ x: { iops, at: 'round 5' } })
      expect(run.events.at(-1)).toMatchObject({
        type: 'log',
        text: expect.stringContaining(`${aggregate} of 5 rounds, 1 left out at each end`),
      })
    }
  })

  it('ends with the round that failed', async () => {
    let round = 0
    const second = () => (++round === 2 ? fails() : null)
    const run = start(scenario([phase('a', [step('second')], { repeat: 5 })]), { second })
    await run.result
    expect(outcomes(run.events)).toEqual(['a.1 passed', 'a.1 failed'])
  })

  it('goes on with its rounds when it always runs', async () => {
    const run = start(scenario([phase('a', [step('fails')], { repeat: 2, isAlways: true })]), { fails })
    await run.result
    expect(outcomes(run.events)).toEqual(['a.1 failed', 'a.1 failed'])
  })
})
