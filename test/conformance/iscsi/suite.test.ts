import { describe, expect, it } from 'vitest'
import { ExpectedList } from './expected.ts'
import { outcomeOf } from './suite.ts'

/** What iscsi-test-cu 1.19 prints at the end, with its sums of tests. */
const output = (body: string, sums: string): string => `
Suite: Family
${body}

Run Summary:    Type  Total    Ran Passed Failed Inactive
              suites      1      1    n/a      0        0
               tests      ${sums}
             asserts      1      1      1      0      n/a
`
const PASSED = '1      1      1      0        0'
const FAILED = '1      1      0      1        0'
const exit = (text: string, code = 0) => outcomeOf({ output: text, code, isOverdue: false }, 60_000)

describe('the verdict on a test', () => {
  it('is passed when it ran and nothing failed', () => {
    expect(exit(output('  Test: Simple ...passed', PASSED))).toEqual({ verdict: 'passed', notes: [] })
  })

  it('is skipped when it says so, although the tool counts it as passed', () => {
    const text = output(
      '  Test: Simple ...    [SKIPPED] Not removable.\n    [SKIPPED] Not removable.\npassed',
      PASSED,
    )
    expect(exit(text)).toEqual({ verdict: 'skipped', notes: ['[SKIPPED] Not removable.'] })
  })

  it('is failed with the assertions that failed, also when part of it was skipped', () => {
    const text = output(
      '  Test: Simple ...    [SKIPPED] a part\nFAILED\n    1. test.c:7  - CU_ASSERT_EQUAL(0,ret)',
      FAILED,
    )
    expect(exit(text, 1)).toEqual({ verdict: 'failed', notes: ['1. test.c:7  - CU_ASSERT_EQUAL(0,ret)'] })
  })

  it('is failed when no test ran, or the tool crashed or hung', () => {
    expect(exit('no such test').verdict).toBe('failed')
    const crash = { output: output('', PASSED), code: undefined, isOverdue: false }
    expect(outcomeOf(crash, 60_000).notes).toEqual(['the tool crashed'])
    expect(outcomeOf({ output: '', code: undefined, isOverdue: true }, 60_000)).toEqual({
      verdict: 'failed',
      notes: ['still running after 60 s'],
    })
  })
})

describe('the list of what does not pass', () => {
  const entry = { runs: ['512'], tests: ['A.One'], verdict: 'skipped', reason: 'why' } as const

  it('expects every other test, and every other run, to pass', () => {
    const list = new ExpectedList([entry])
    expect(list.of('512', 'A.One')).toEqual({ verdict: 'skipped', reason: 'why' })
    expect(list.of('512', 'A.Two').verdict).toBe('passed')
    expect(list.of('4096', 'A.One').verdict).toBe('passed')
  })

  it('tells what it lists and nobody has', () => {
    const list = new ExpectedList([entry])
    expect(list.unknown('512', ['A.Two'])).toEqual(['A.One'])
    expect(list.unknown('4096', ['A.Two'])).toEqual([])
  })

  it('refuses to list a test twice', () => {
    expect(() => new ExpectedList([entry, { ...entry, verdict: 'failed' }])).toThrow('A.One is listed twice')
  })

  it('that is committed can be read', () => {
    expect(ExpectedList.load().of('512', 'iSCSITMF.LUNResetSimpleAsync').verdict).toBe('failed')
  })
})
