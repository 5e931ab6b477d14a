import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { totalsText, UNFINISHED } from './collect.ts'
import { ConsoleReport, jsonLines } from './console.ts'
import { reportHtml } from './html.ts'
import { junitXml } from './junit.ts'
import { parseEvent } from './read-events.ts'
import { resultJson } from './result.ts'
import { anyEvents, collected, elementsOf, ended, event, FAILURE, failedRun, named } from './test-support.ts'

const PAGE = { title: 'Run', facts: { backend: 'local' } }
const html = (events: Parameters<typeof collected>[0]) => reportHtml(collected(events), PAGE)

describe('any events', () => {
  it('make reports that are well-formed and have no script', () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        const run = collected(events)
        const names = new Set(elementsOf(reportHtml(run, PAGE)))
        for (const active of ['script', 'img', 'iframe', 'b ']) expect(names.has(active)).toBe(false)
        elementsOf(junitXml(run, 1_790_000_000_000))
        JSON.parse(resultJson(run))
      }),
      { numRuns: 300 },
    )
  })

  it('draw nothing at places that are no numbers', () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        const page = html(events)
        for (const attribute of page.matchAll(/ (?:x|y|x1|x2|y1|y2|cx|cy|width|height|points)="([^"]*)"/g))
          expect(attribute[1]).toMatch(/^(?:-?[\d.e+-]+[ ,]?)*(?:device-width)?$/)
      }),
      { numRuns: 200 },
    )
  })

  it('are the same after they were written and read', () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        for (const one of events) {
          const line = JSON.stringify(one)
          if (one.type === 'sample' && !Number.isSafeInteger(Math.trunc(one.value))) continue
          expect(parseEvent(line)).toEqual(JSON.parse(line))
        }
      }),
    )
  })

  it('never move the cursor of a terminal', () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        let text = ''
        const console = new ConsoleReport({
          ...{ write: (part: string) => (text += part), width: undefined, isColored: false },
        })
        for (const one of events) console.add(one)
        // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
        expect(text).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/)
      }),
    )
  })
})

describe('the page', () => {
  it('shows timeline, plot, steps, evidence and artifacts', () => {
    const page = html(failedRun())
    for (const text of ['Writes go on.', 's1 killed', 'write p99 (ms)', 'expected: s2', 'failover.yaml:31:9'])
      expect(page).toContain(text)
    expect(page).toContain('href="./artifacts/s1/server.log"')
    expect(page).toContain('Could not be cleaned up')
  })

  it('takes what is said for text', () => {
    const page = html(failedRun('<script>alert(1)</script>'))
    expect(page).not.toContain('<script')
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
  })

  it('links to nothing outside of its folder', () => {
    for (const path of ['../../etc/passwd', '/etc/passwd', 'javascript:alert(1)']) {
      const links = html([event(0, { type: 'artifact', path, about: '' })]).match(/href="[^"]*"/g) ?? []
      expect(links.filter((link) => !link.startsWith('href="./') || link.includes(':'))).toEqual([])
      expect(links.join('')).not.toContain('..')
    }
  })

  it('has a table of scenarios when there are several', () => {
    const page = html([...failedRun(), ...failedRun('ha/other')])
    expect(page).toContain('<a href="#scenario-2">ha/other</a>')
    expect(page).toContain('0 passed, 2 failed, 0 skipped')
  })
})

describe('JUnit', () => {
  const xml = (events: Parameters<typeof collected>[0]) => junitXml(collected(events), 1_790_000_000_000)

  it('has a suite for the scenario and a case for each step', () => {
    const text = xml(failedRun())
    expect(text).toContain('<testsuite name="ha/failover" tests="3" failures="1" errors="0" skipped="1"')
    expect(text).toContain('<testcase classname="ha/failover.kill" name="1 server_kill kill" time="0.500">')
    expect(text).toContain('<failure type="ASSERTION" message="the leader is s1">')
  })

  it('counts what no step failed with as a case of its own', () => {
    const broken = { code: 'HARD_FAIL', message: 'wal_full_stall', evidence: null } as const
    const step = named(1, 'print')
    const text = xml([
      event(0, { type: 'step-started', step, arguments: {} }),
      event(1, ended(step)),
      event(2, { type: 'scenario-ended', outcome: 'failed', reason: 'wal_full_stall', failure: broken }),
    ])
    expect(text).toContain('tests="2" failures="1"')
    expect(text).toContain('<failure type="HARD_FAIL" message="wal_full_stall">')
  })

  it('tells why a scenario was skipped', () => {
    const text = xml([
      event(0, { type: 'scenario-ended', outcome: 'skipped', reason: 'needs fio', failure: null }),
    ])
    expect(text).toContain('tests="1" failures="0" errors="0" skipped="1"')
    expect(text).toContain('<skipped message="needs fio"/>')
  })
})

describe('a run that was killed', () => {
  const killed = failedRun().slice(0, 10)

  it('has failed, in the step that was under way', () => {
    const run = collected(killed)
    expect(run.totals).toEqual({ passed: 0, failed: 1, skipped: 0 })
    expect(run.scenarios[0]).toMatchObject({ isUnfinished: true, reason: UNFINISHED })
    expect(run.scenarios[0]!.steps.map(({ outcome, endedMs }) => [outcome, endedMs])).toEqual([
      ...[['passed', 1500] as const, ['unfinished', 2700] as const],
    ])
    expect(junitXml(run, 0)).toContain('errors="2"')
  })
})

describe('result.json', () => {
  it('has steps, samples, marks and totals', () => {
    const result = JSON.parse(resultJson(collected(failedRun())))
    expect(result).toMatchObject({ version: 1, passed: 0, failed: 1, skipped: 0 })
    expect(result.scenarios[0]).toMatchObject({
      ...{ name: 'ha/failover', outcome: 'failed', durationMs: 6400, failure: FAILURE },
      samples: [{ series: 'write p99', unit: 'ms', count: 2, min: 4.5, max: 9, mean: 6.75, last: 9 }],
      marks: [{ atMs: 1400, what: 's1 killed', isHarm: true }, { atMs: 5000 }],
      phases: [{ phase: 'kill', outcome: 'failed', durationMs: 5000 }],
    })
    expect(result.scenarios[0].steps[1]).toMatchObject({
      outcome: 'failed',
      retries: 1,
      lastProgress: 'epoch 3',
    })
  })
})

describe('the console', () => {
  const shown = (width: number | undefined) => {
    const parts: string[] = []
    const console = new ConsoleReport({ write: (part) => parts.push(part), width, isColored: false })
    for (const one of failedRun()) console.add(one)
    console.end({ passed: 1, failed: 2, skipped: 3 }, 'basalt-runs/x')
    return parts
  }

  it('has a line for each step, and what failed with place and evidence', () => {
    const text = shown(undefined).join('')
    expect(text).toMatch(/ {4}✓ server_kill kill +1.2 s\n/)
    expect(text).toMatch(/ {4}✗ assert_leader +1.2 s\n {6}ASSERTION: the leader is s1\n {6}at scenarios/)
    expect(text).toContain('        expected: s2\n        actual: s1\n')
    expect(text).toContain('    – print\n')
    expect(text).toContain('    ! s1 killed\n')
    expect(text).not.toContain('epoch 3')
    expect(text).toMatch(/report: basalt-runs\/x\/report.html\n1 passed, 2 failed, 3 skipped\n$/)
  })

  it('writes progress anew on a terminal, never wider than it', () => {
    const parts = shown(20)
    expect(parts).toContain('\r\x1b[2K    … assert_leader')
    expect(parts.every((part) => !part.startsWith('\r\x1b[2K    …') || part.length <= 5 + 19)).toBe(true)
  })

  it('tells plain progress now and then', () => {
    const parts: string[] = []
    const console = new ConsoleReport({
      write: (part) => parts.push(part),
      width: undefined,
      isColored: false,
    })
    const step = named(1, 'wait_volume')
    console.add(event(0, { type: 'step-started', step, arguments: {} }))
    for (let second = 1; second <= 25; second++)
      console.add(event(second * 1000, { type: 'step-progress', step, text: `${second}` }))
    expect(parts).toEqual(['    … wait_volume: 10\n', '    … wait_volume: 20\n'])
  })

  it('is the events themselves with --json', () => {
    let text = ''
    const sink = jsonLines((part) => {
      text += part
    })
    for (const one of failedRun()) sink(one)
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(failedRun())
  })
})

it('counts scenarios', () => {
  expect(totalsText({ passed: 1, failed: 2, skipped: 3 })).toBe('1 passed, 2 failed, 3 skipped')
})
