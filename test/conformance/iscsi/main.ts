/**
 * `npm run conformance:iscsi`: all tests of libiscsi's `iscsi-test-cu` against `./basalt target` on a scratch volume
 * of 1 GiB, with logical blocks of 512 bytes and of 4096, and its read-only test on a read-only volume. What does not
 * pass must be listed in expected.json, and what is listed must not pass. The last line is `N passed, N failed`; the
 * exit status is 0 when nothing failed, 1 when something did, 2 for a wrong call.
 */
import { parseArgs } from 'node:util'
import { ExpectedList } from './expected.ts'
import { INSTALL_LINE, listTests, runTest, type TestOutcome, type Verdict } from './suite.ts'
import { RUNS, type Run, withTarget } from './target.ts'

const USAGE = `usage: npm run conformance:iscsi -- [OPTION]...
  --filter PATTERN   only tests whose FAMILY.TEST matches this regular expression
  --run NAME         only this run: ${RUNS.map(({ name }) => name).join(', ')}
  --timeout SECONDS  how long one test may take, 180 by default`

const OPTIONS = {
  filter: { type: 'string', default: '' },
  run: { type: 'string' },
  timeout: { type: 'string', default: '180' },
  help: { type: 'boolean', default: false },
} as const

interface Settings {
  readonly tests: readonly string[]
  readonly isWhole: boolean
  readonly expected: ExpectedList
  readonly limitMs: number
}

interface Sum {
  readonly counts: Record<Verdict, number>
  /** Verdicts that are not the expected ones, and whatever else is wrong. */
  surprises: number
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS })
  const chosen = RUNS.filter(({ name }) => values.run === undefined || values.run === name)
  const limitMs = Number(values.timeout) * 1000
  if (values.help || chosen.length === 0 || !(limitMs > 0)) {
    console.log(USAGE)
    return values.help ? 0 : 2
  }
  const all = await listTests()
  if (all === undefined) {
    console.log(`iscsi-test-cu is missing on this host; install with: ${INSTALL_LINE}\n\n0 passed, 1 failed`)
    return 1
  }
  const pattern = new RegExp(values.filter, 'i')
  const tests = all.filter((test) => pattern.test(test))
  if (tests.length === 0) {
    console.error(`no test matches ${values.filter}`)
    return 2
  }
  const settings = { tests, isWhole: tests.length === all.length, expected: ExpectedList.load(), limitMs }
  // At once: each has a target of its own, and spends most of its time in waits that the tests are made of.
  const sums = await Promise.all(chosen.map((run) => runAll(run, settings)))
  const passed = sums.reduce((total, { counts }) => total + counts.passed, 0)
  const surprises = sums.reduce((total, sum) => total + sum.surprises, 0)
  console.log(`\n${passed} passed, ${surprises} failed`)
  return surprises === 0 ? 0 : 1
}

/** One run; prints a line for each test that did not pass, and its totals. */
async function runAll(run: Run, { tests, isWhole, expected, limitMs }: Settings): Promise<Sum> {
  const sum: Sum = { counts: { passed: 0, failed: 0, skipped: 0 }, surprises: 0 }
  const own = tests.filter((test) => run.includes(test))
  const beganMs = performance.now()
  await withTarget(run, async ({ url, ended }) => {
    for (const test of own) {
      if (ended.lastWords !== undefined) break
      const outcome = await runTest(test, [url, url], limitMs)
      sum.counts[outcome.verdict]++
      if (!judge(run, test, outcome, expected)) sum.surprises++
    }
    if (ended.lastWords !== undefined) {
      sum.surprises++
      print(run, `${ended.lastWords}; the tests after that did not run`)
    }
  })
  for (const test of isWhole ? expected.unknown(run.name, own) : []) {
    sum.surprises++
    print(run, `${test} is on the list, and the tool has no such test`)
  }
  const { passed, failed, skipped } = sum.counts
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(0)
  const figures = `${passed} passed, ${failed} failed, ${skipped} skipped`
  print(run, `${figures} of ${own.length} in ${seconds} s; ${sum.surprises} not as listed`)
  return sum
}

/** Whether the outcome is the expected one. */
function judge(run: Run, test: string, { verdict, notes }: TestOutcome, list: ExpectedList): boolean {
  const expectation = list.of(run.name, test)
  if (verdict === expectation.verdict) {
    if (verdict !== 'passed') print(run, `${test} ${verdict}, as listed: ${expectation.reason}`)
    return true
  }
  print(run, `${test} ${verdict.toUpperCase()}, expected: ${expectation.verdict} ${expectation.reason}`)
  for (const note of notes) print(run, `    ${note}`)
  return false
}

const print = (run: Run, line: string): void => console.log(`${run.name.padEnd(9)} ${line.trimEnd()}`)

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
try {
  process.exitCode = await main()
} catch (error) {
  const isUsage = (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') === true
  if (!isUsage && !(error instanceof SyntaxError)) throw error
  console.error(`${(error as Error).message}\n${USAGE}`)
  process.exitCode = 2
}
