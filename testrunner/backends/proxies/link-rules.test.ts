import { describe, expect, it } from 'vitest'
import { LinkRules, RUNNER } from './link-rules.ts'

const SOUND = { delayMs: 0, jitterMs: 0, lossPercent: 0, bytesPerSecond: null }

describe('rules of links', () => {
  it('cut both directions, or one', () => {
    const rules = new LinkRules()
    rules.cut('s1', 's2')
    rules.cut('s3', 's1', true)
    expect([rules.isCut('s1', 's2'), rules.isCut('s2', 's1')]).toEqual([true, true])
    expect([rules.isCut('s3', 's1'), rules.isCut('s1', 's3')]).toEqual([true, false])
    expect(rules.isCut('s2', 's3')).toBe(false)
  })

  it('cut one machine from every other, but not from itself', () => {
    const rules = new LinkRules()
    rules.cut('s1', '*')
    expect(['m1', 's2', RUNNER].map((other) => rules.isCut(other, 's1'))).toEqual([true, true, true])
    expect(rules.isCut('s1', 's1')).toBe(false)
    expect(rules.isCut('s2', 's3')).toBe(false)
  })

  it('hold for the runner when they name a host', () => {
    const rules = new LinkRules()
    rules.cut('h1', 's1')
    rules.impair('h2', { ...SOUND, delayMs: 5 })
    expect(rules.isCut(RUNNER, 's1')).toBe(true)
    expect(rules.isCut('h2', 's1')).toBe(false)
    expect(rules.impairmentOf(RUNNER)?.delayMs).toBe(5)
    expect(rules.impairmentOf('s1')).toBeUndefined()
  })

  it('end all at once, or those of one machine', () => {
    const rules = new LinkRules()
    rules.cut('s1', 's2')
    rules.cut('s2', 's3')
    rules.impair('s1', SOUND)
    rules.heal('s1')
    expect([rules.isCut('s1', 's2'), rules.isCut('s2', 's3')]).toEqual([false, true])
    expect(rules.impairments.size).toBe(0)
    rules.heal()
    expect(rules.cuts).toEqual([])
  })
})
