import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BEHAVIOURS } from './cases/all.ts'
import { nameOf, runCase } from './runner.ts'
import { clock, NQN, net, OwnTarget } from './target.ts'

let own: OwnTarget
beforeAll(async () => {
  own = await OwnTarget.start()
})
afterAll(() => own[Symbol.asyncDispose]())

describe.each(BEHAVIOURS.map((behaviour) => [behaviour.name, behaviour] as const))('%s', (_, { cases }) => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', { timeout: 30_000 }, async (_name, one) => {
    const served = { net, clock, portal: own.portal, nqn: NQN, owner: own }
    const { verdict, reason } = await runCase(served, one)
    expect(`${verdict} ${reason}`.trim()).toBe('passed')
  })
})

describe('the suite', () => {
  it('has at least 120 cases, each with a name of its own', () => {
    const names = BEHAVIOURS.flatMap((behaviour) => behaviour.cases.map((one) => nameOf(behaviour, one)))
    expect(names.length).toBeGreaterThanOrEqual(120)
    expect(new Set(names).size).toBe(names.length)
  })
})
