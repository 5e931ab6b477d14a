import { describe, expect, it } from 'vitest'
import { BlockError } from '../../src/base/errors.ts'
import { StepFailure } from '../model/failure.ts'
import { BadArgument } from '../model/parameter.ts'
import { type Act, at, hangs, outcomes, phase, scenario, start, step, untilStopped } from './test-support.ts'

const one = (action: string, more: Parameters<typeof step>[1] = {}) =>
  scenario([phase('a', [step(action, more)])])

describe('retries', () => {
  it('wait 250 ms, then twice as long each time, up to 5 s', async () => {
    const times: number[] = []
    const fails: Act = () => {
      times.push(run.clock.monotonicMs())
      throw new StepFailure('ACTION', 'not yet')
    }
    const run = start(one('fails', { retries: 7 }), { fails })
    const all = [250, 500, 1000, 2000, 4000, 5000, 5000]
    for (const pauseMs of all) await run.pass(pauseMs)
    expect((await run.result).failure).toMatchObject({ message: 'not yet' })
    const pauses = times.slice(1).map((time, i) => time - times[i]!)
    expect(pauses).toEqual(all)
    expect(run.events.filter(({ type }) => type === 'step-retried').length).toBe(7)
  })

  it('begin after exactly their pause', async () => {
    let calls = 0
    const fails: Act = () => {
      if (++calls < 4) throw new Error('not yet')
      return 'there'
    }
    const run = start(one('fails', { retries: 3, saveAs: 'x' }), { fails })
    for (const [pauseMs, tried] of [[250, 1] as const, [500, 2] as const, [1000, 3] as const]) {
      await run.pass(pauseMs - 1)
      expect(calls).toBe(tried)
      await run.pass(1)
      expect(calls).toBe(tried + 1)
    }
    expect(await run.result).toMatchObject({ outcome: 'passed', saved: { x: 'there' } })
    expect(run.events.filter(({ type }) => type === 'step-retried')).toMatchObject([
      ...[{ attempt: 1 }, { attempt: 2 }, { attempt: 3 }],
    ])
  })

  it('have the timeout each for itself', async () => {
    const run = start(one('untilStopped', { retries: 1, timeoutMs: 1000 }), { untilStopped })
    await run.pass(1000)
    await run.pass(250)
    expect(run.calls.length).toBe(2)
    await run.pass(1000)
    expect((await run.result).failure).toMatchObject({ code: 'TIMEOUT', message: 'took longer than 1 s' })
  })

  it.each(['DATA_MISMATCH', 'HARD_FAIL'] as const)(
    'are not made of %s, which nothing ignores',
    async (code) => {
      const grave: Act = () => Promise.reject(new StepFailure(code, 'bad'))
      const run = start(one('grave', { retries: 3, isErrorIgnored: true }), { grave })
      expect(await run.result).toMatchObject({ outcome: 'failed', failure: { code } })
      expect(run.calls.length).toBe(1)
    },
  )

  it('end when the run is stopped in a pause', async () => {
    const fails: Act = () => Promise.reject(new Error('no'))
    const run = start(one('fails', { retries: 3 }), { fails })
    await run.pass(100)
    run.cancel()
    expect((await run.result).failure).toMatchObject({ code: 'CANCELLED' })
    expect(run.calls.length).toBe(1)
  })
})

describe('a failure', () => {
  it('that is ignored is told, and passes', async () => {
    const fails: Act = () => Promise.reject(new StepFailure('ASSERTION', 'no'))
    const run = start(one('fails', { isErrorIgnored: true, saveAs: 'x' }), { fails })
    expect(await run.result).toMatchObject({ outcome: 'passed', failure: null, saved: {} })
    expect(run.events.find(({ type }) => type === 'step-ended')).toMatchObject({
      ...{ outcome: 'passed', isErrorIgnored: true, failure: { code: 'ASSERTION' } },
    })
  })

  it('has the facts of an error of the product', async () => {
    const fails: Act = () => {
      throw new BlockError('NOT_FOUND', 'no such volume', { facts: { lsn: 5n, volume: 'v' } })
    }
    expect((await start(one('fails'), { fails }).result).failure).toEqual({
      ...{ code: 'ACTION', message: 'no such volume' },
      evidence: { code: 'NOT_FOUND', lsn: '5', volume: 'v' },
    })
  })

  it('of any other kind is told with its stack', async () => {
    const fails: Act = () => Promise.reject(new TypeError('x is not a function'))
    expect((await start(one('fails'), { fails }).result).failure).toMatchObject({
      ...{ code: 'ACTION', message: 'x is not a function' },
      evidence: { stack: expect.stringContaining('TypeError') },
    })
  })
})

describe('arguments', () => {
  it('see variables and what was saved before, with their types', async () => {
    const made: Act = () => ({ id: 7 })
    const args = { a: '{{ size }}', b: '{{ v }}' }
    const steps = [step('made', { saveAs: 'v' }), step('ok', { arguments: args })]
    const run = start(scenario([phase('a', steps)], { variables: { size: 5 } }), { made })
    await run.result
    expect(run.calls[1]).toEqual({ action: 'ok', args: { a: 5, b: { id: 7 } } })
  })

  it('that cannot be resolved are told with their place in the file, and are not tried again', async () => {
    const more = { arguments: { n: 1, server: '{{ gone }}' }, argumentPositions: { server: at(12, 17) } }
    const run = start(one('ok', { ...more, retries: 5 }))
    expect(await run.result).toMatchObject({
      failure: {
        code: 'ARGUMENT',
        message: 'server: nothing is called gone',
        evidence: { argument: 'server', position: 'scenarios/x.yaml:12:17', written: '{{ gone }}' },
      },
    })
    expect(run.calls).toEqual([])
    expect(run.events.find(({ type }) => type === 'step-ended')).toMatchObject({ position: at(12, 17) })
  })

  it('whose type turns out wrong are told with their value', async () => {
    const parses: Act = () => Promise.reject(new BadArgument('size: must be an integer'))
    const more = { arguments: { size: '{{ s }}' }, argumentPositions: { size: at(13) } }
    const run = start(scenario([phase('a', [step('parses', more)])], { variables: { s: 'many' } }), {
      parses,
    })
    expect((await run.result).failure).toEqual({
      ...{ code: 'ARGUMENT', message: 'size: must be an integer' },
      evidence: { argument: 'size', position: 'scenarios/x.yaml:13:9', value: 'many', written: '{{ s }}' },
    })
  })

  it('that are missing are told with the place of the step', async () => {
    const parses: Act = () => Promise.reject(new BadArgument('size is missing: bytes'))
    expect((await start(one('parses'), { parses }).result).failure).toMatchObject({
      ...{ code: 'ARGUMENT', evidence: { position: 'scenarios/x.yaml:10:9' } },
    })
  })
})

describe('a step that takes too long', () => {
  it('is told to stop, and fails with what it said last', async () => {
    const waits: Act = (call) => {
      call.progress('1 of 3 replicas')
      return untilStopped(call)
    }
    const run = start(one('waits', { timeoutMs: 20_000 }), { waits })
    await run.pass(19_999)
    expect(outcomes(run.events)).toEqual([])
    await run.pass(1)
    expect((await run.result).failure).toEqual({
      ...{ code: 'TIMEOUT', message: 'took longer than 20 s', evidence: { lastProgress: '1 of 3 replicas' } },
    })
  })

  it("has its action's timeout when it does not say", async () => {
    const run = start(one('untilStopped'), { untilStopped })
    await run.pass(60_000)
    expect((await run.result).failure).toMatchObject({ message: 'took longer than 60 s' })
  })

  it('fails also when it comes back in the end', async () => {
    const late: Act = ({ signal }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve('late')))
    const run = start(one('late', { saveAs: 'x' }), { late })
    await run.pass(60_000)
    expect(await run.result).toMatchObject({ failure: { code: 'TIMEOUT' }, saved: {} })
  })

  it('adds what it saw when it was stopped', async () => {
    const waits: Act = ({ signal }) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () =>
          reject(new StepFailure('ASSERTION', 'state is degraded', { state: 'degraded' })),
        ),
      )
    const run = start(one('waits', { timeoutMs: 1000 }), { waits })
    await run.pass(1000)
    expect((await run.result).failure).toEqual({
      ...{ code: 'TIMEOUT', message: 'took longer than 1 s: state is degraded' },
      evidence: { seen: { state: 'degraded' } },
    })
  })

  it('is left behind when it hangs, and not tried again; the run goes on', async () => {
    let progress: (text: string) => void = () => undefined
    const stuck: Act = (call) => {
      progress = call.progress
      return hangs(call)
    }
    const run = start(
      scenario([
        phase('a', [step('stuck', { timeoutMs: 1000, retries: 3 })]),
        phase('c', [step('ok')], { isAlways: true }),
      ]),
      { stuck },
    )
    await run.pass(1000)
    await run.pass(9999)
    expect(outcomes(run.events)).toEqual([])
    await run.pass(1)
    expect((await run.result).failure).toMatchObject({
      code: 'TIMEOUT',
      message: 'took longer than 1 s, and it hangs: it did not end when it was told to',
      evidence: { isHung: true },
    })
    expect(outcomes(run.events)).toEqual(['a.1 failed', 'c.1 passed'])
    progress('too late')
    expect(run.events.some(({ type }) => type === 'step-progress')).toBe(false)
  })
})
