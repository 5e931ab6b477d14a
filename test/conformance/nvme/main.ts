/**
 * `npm run conformance:nvme`: every case of the suite against a target of our own, or against the one at `--portal`. Each
 * case prints a line; the last line is `N passed, N failed`, with the skipped ones before it. A target of others may
 * have a list of cases that are known to fail there (`--expected FILE`): those count as passed when they fail, and as
 * failed when they pass, unless the reason begins with `sometimes: `. Exit 0 when nothing failed, 1 when something did, 2
 * for a wrong call.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parseHostPort } from '../../../src/base/address.ts'
import { BEHAVIOURS } from './cases/all.ts'
import { NvmetJudge } from './nvmet.ts'
import { nameOf, runAll, type Served } from './runner.ts'
import { clock, NQN, net, OwnTarget } from './target.ts'

const USAGE = `usage: npm run conformance:nvme -- [OPTION]...
  --portal HOST:PORT   a target of others, with --nqn; its namespace 1 is overwritten
  --nqn NQN            of its subsystem
  --judge nvmet        the kernel's target, in a guest; what it is known to do otherwise counts as passed
  --filter PATTERN     only cases whose name matches this regular expression
  --expected FILE      JSON object: names of cases that are known to fail, and why
  --block BYTES        logical block of our own volume, 512 (default) or 4096
  --list               names of the cases, and nothing else`

const OPTIONS = {
  portal: { type: 'string' },
  nqn: { type: 'string' },
  judge: { type: 'string' },
  filter: { type: 'string', default: '' },
  expected: { type: 'string' },
  block: { type: 'string', default: '512' },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

/** Reasons that begin so are of cases that a race decides at that target: either way is known. */
const SOMETIMES = 'sometimes: '
const CONNECT_MS = 5_000

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS })
  const isForeign = values.portal !== undefined
  const isJudged = values.judge !== undefined
  const isWrong =
    isForeign !== (values.nqn !== undefined) ||
    !['512', '4096'].includes(values.block) ||
    (isJudged && (isForeign || values.judge !== 'nvmet'))
  if (values.help || isWrong) {
    console.log(USAGE)
    return values.help ? 0 : 2
  }
  const pattern = new RegExp(values.filter, 'i')
  if (values.list) {
    for (const behaviour of BEHAVIOURS) for (const one of behaviour.cases) console.log(nameOf(behaviour, one))
    return 0
  }
  const expectedFile = values.expected ?? (isJudged ? NvmetJudge.expectedFile : undefined)
  const known: Readonly<Record<string, string>> =
    expectedFile === undefined ? {} : JSON.parse(readFileSync(expectedFile, 'utf8'))
  if (isJudged) return await judgeByKernel(pattern, known)
  if (isForeign) {
    const portal = parseHostPort(values.portal ?? '', '--portal')
    // Nobody there is one failure, not one for each case.
    const connection = await net.connect({ ...portal, timeoutMs: CONNECT_MS })
    connection.destroy()
    return await judge({ net, clock, portal, nqn: values.nqn ?? '' }, pattern, known)
  }
  const own = await OwnTarget.start(values.block === '4096' ? 4096 : 512)
  try {
    return await judge({ net, clock, portal: own.portal, nqn: NQN, owner: own }, pattern, known)
  } finally {
    await own[Symbol.asyncDispose]()
  }
}

async function judgeByKernel(pattern: RegExp, known: Readonly<Record<string, string>>): Promise<number> {
  const kernel = await NvmetJudge.start()
  try {
    const status = await judge({ net, clock, portal: kernel.portal, nqn: NvmetJudge.nqn }, pattern, known)
    for (const line of kernel.alarms) console.log(`the guest's kernel: ${line}`)
    return kernel.alarms.length === 0 ? status : 1
  } finally {
    await kernel[Symbol.asyncDispose]()
  }
}

async function judge(
  served: Served,
  pattern: RegExp,
  known: Readonly<Record<string, string>>,
): Promise<number> {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  let listed = 0
  for await (const outcome of runAll(served, BEHAVIOURS, (name) => pattern.test(name))) {
    const name = nameOf(outcome.behaviour, outcome.case)
    const expected = known[name]
    const isAsListed = outcome.verdict === 'failed' && expected !== undefined
    const isSurprise =
      outcome.verdict === 'passed' && expected !== undefined && !expected.startsWith(SOMETIMES)
    if (isAsListed) listed++
    const verdict = isAsListed ? 'passed' : isSurprise ? 'failed' : outcome.verdict
    counts[verdict]++
    const reason = isSurprise ? 'passes, though it is listed as failing' : outcome.reason
    const note = isAsListed ? ` (fails as listed: ${reason})` : reason === '' ? '' : `: ${reason}`
    const clause = verdict === 'failed' ? ` [${outcome.behaviour.clause}]` : ''
    console.log(`${verdict.padEnd(7)} ${name}${note}${clause}`)
  }
  const { passed, failed, skipped } = counts
  if (skipped > 0) console.log(`${skipped} skipped`)
  if (listed > 0) console.log(`${listed} failed as listed, and count as passed`)
  console.log(`\n${passed} passed, ${failed} failed`)
  return failed === 0 && passed > 0 ? 0 : 1
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
try {
  process.exitCode = await main()
} catch (error) {
  const isUsage = (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') === true
  if (!isUsage) throw error
  console.error(`${(error as Error).message}\n${USAGE}`)
  process.exitCode = 2
}
