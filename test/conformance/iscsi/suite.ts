/**
 * libiscsi's conformance suite, `iscsi-test-cu`: which tests it has, and what one of them says of a target. Each runs
 * in a process of its own, so that one that crashes or hangs takes no other with it.
 */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

const PROGRAM = 'iscsi-test-cu'
export const INSTALL_LINE = 'apt-get update && apt-get install -y --no-install-recommends libiscsi-bin'

export type Verdict = 'passed' | 'failed' | 'skipped'

export interface TestOutcome {
  readonly verdict: Verdict
  /** What the tool printed of a test that did not pass; at most a few lines. */
  readonly notes: readonly string[]
}

interface ToolExit {
  /** Standard output and then the error output. */
  readonly output: string
  /** Undefined when a signal ended it. */
  readonly code: number | undefined
  readonly isOverdue: boolean
}

const NOTES_MAX = 4

/** Names of all tests, `FAMILY.TEST`, in the order of the tool; undefined when the tool is not there. */
export async function listTests(): Promise<readonly string[] | undefined> {
  try {
    const { output } = await runTool(['--list'], 10_000)
    return output.split('\n').flatMap((line) => /^ALL\.([^.\s]+\.[^.\s]+)$/.exec(line)?.[1] ?? [])
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Runs one test, destructive as it may be, against the unit that `urls` name; two of them are two paths to it. */
export async function runTest(
  name: string,
  urls: readonly [string, string],
  limitMs: number,
): Promise<TestOutcome> {
  const args = ['--dataloss', '--allow-sanitize', `--test=ALL.${name}`, ...urls]
  return outcomeOf(await runTool(args, limitMs), limitMs)
}

/**
 * CUnit counts a skipped test as passed, and the tool exits with 0 where it knows no such test, so neither its sums
 * nor its exit code are enough: a test has passed when exactly one ran, none failed, and it says nothing of skipping.
 */
export function outcomeOf({ output, code, isOverdue }: ToolExit, limitMs: number): TestOutcome {
  if (isOverdue) return { verdict: 'failed', notes: [`still running after ${limitMs / 1000} s`] }
  const isGood = code === 0 && /^\s*tests\s+1\s+1\s+1\s+0\s+0\s*$/m.test(output)
  if (isGood) {
    const skips = linesWith(output, '[SKIPPED]')
    return skips.length > 0 ? { verdict: 'skipped', notes: skips } : { verdict: 'passed', notes: [] }
  }
  const failures = linesWith(output, '[FAILED]', ' CU_')
  const ending = code === undefined ? 'the tool crashed' : `the tool ended with ${code} and no result`
  return { verdict: 'failed', notes: failures.length > 0 ? failures : [ending] }
}

function linesWith(output: string, ...marks: readonly string[]): readonly string[] {
  const lines = output.split('\n').filter((line) => marks.some((mark) => line.includes(mark)))
  const texts = lines.map((line) => line.replace(/^\s*(?:Test: \S+ \.\.\.(?:FAILED|passed)?)?\s*/, ''))
  return [...new Set(texts)].slice(0, NOTES_MAX)
}

async function runTool(args: readonly string[], limitMs: number): Promise<ToolExit> {
  const limit = AbortSignal.timeout(limitMs)
  const child = spawn(PROGRAM, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: limit,
    killSignal: 'SIGKILL',
  })
  // Without its target the tool tries to reconnect for ever.
  const abandon = (): void => void child.kill('SIGKILL')
  process.once('exit', abandon)
  const exit = new Promise<number | undefined>((resolve, reject) => {
    child.once('exit', (code) => resolve(code ?? undefined))
    child.once('error', (error) => (limit.aborted ? resolve(undefined) : reject(error)))
  })
  try {
    const [code, stdout, stderr] = await Promise.all([exit, text(child.stdout), text(child.stderr)])
    return { output: `${stdout}\n${stderr}`, code, isOverdue: limit.aborted }
  } finally {
    process.off('exit', abandon)
  }
}
