import fc from 'fast-check'
import { expect, it } from 'vitest'
import { StepFailure } from '../model/failure.ts'
import { type Act, hangs, phase, scenario, start, step, untilStopped } from './test-support.ts'

const ACTS: Readonly<Record<string, Act>> = {
  fails: () => Promise.reject(new StepFailure('ASSERTION', 'no')),
  mismatches: () => Promise.reject(new StepFailure('DATA_MISMATCH', 'differs')),
  ...{ untilStopped, hangs },
}

const anyStep = fc
  .record({
    action: fc.constantFrom('ok', 'ok', 'ok', ...Object.keys(ACTS)),
    retries: fc.nat(2),
    isErrorIgnored: fc.boolean(),
    timeoutMs: fc.constantFrom(1000, 600_000),
  })
  .map(({ action, ...more }) => step(action, more))

const anyPhase = fc
  .record({ isAlways: fc.boolean(), isParallel: fc.boolean(), repeat: fc.integer({ min: 1, max: 2 }) })
  .chain((more) => fc.array(anyStep, { minLength: 1, maxLength: 3 }).map((steps) => ({ steps, more })))

it('ends, and tells the end of every step that it began, whatever happens', async () => {
  const anyStop = fc.constantFrom('none', 'cancel', 'twice')
  await fc.assert(
    fc.asyncProperty(fc.array(anyPhase, { maxLength: 4 }), anyStop, async (phases, stop) => {
      const all = phases.map(({ steps, more }, at) => phase(`p${at}`, steps, more))
      const run = start(scenario(all, { timeoutMs: 20_000 }), ACTS)
      let isOver = false
      const result = run.result.finally(() => {
        isOver = true
      })
      await run.pass(100)
      if (stop !== 'none') run.cancel()
      await run.pass(300)
      if (stop === 'twice') run.hurry()
      for (let turn = 0; turn < 400 && !isOver; turn++) await run.pass(1000)
      expect(isOver).toBe(true)
      const begun = run.events.filter(({ type }) => type === 'step-started')
      const ended = run.events.flatMap((event) => (event.type === 'step-ended' ? [event] : []))
      const ran = ended.filter(({ step: name }) =>
        begun.some((event) => event.type === 'step-started' && event.step === name),
      )
      expect(ran.length).toBe(begun.length)
      const { outcome, failure, steps } = await result
      expect(steps.length).toBe(ended.length)
      expect(failure === null).toBe(outcome === 'passed')
      expect(ended.some((event) => event.outcome === 'failed') && outcome === 'passed').toBe(false)
      const wrong = steps.some((one) => one.failure?.code === 'DATA_MISMATCH')
      if (wrong) expect(failure?.code).toBe('DATA_MISMATCH')
      // every step of every phase is told of
      for (const [at, { steps: own }] of phases.entries())
        expect(new Set(ended.filter((e) => e.step.phase === `p${at}`).map((e) => e.step.index)).size).toBe(
          own.length,
        )
    }),
    { numRuns: 100 },
  )
})
