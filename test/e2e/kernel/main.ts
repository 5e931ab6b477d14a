/**
 * `npm run e2e:kernel`: Basalt's target against the initiator of a real kernel. Debian's own kernel boots in
 * QEMU (`testrunner/backends/vm/rig/`) and mounts what `./basalt target` serves on this host's loopback. The last line of the
 * output is `N passed, N failed`; the exit status is 0 when nothing failed, 1 when something did, 2 for a wrong call.
 */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { missingRequirements } from '../../../testrunner/backends/vm/requirements.ts'
import { CASES } from './cases/index.ts'
import { Report } from './fixture/report.ts'
import { buildGuest, runCases } from './fixture/runner.ts'

const USAGE = `usage: npm run e2e:kernel -- [OPTION]...
  --case NAME      run this case only; may be given several times
  --list           list the cases
  --keep           keep what every case leaves, also of those that passed
  --json           results as one JSON document on stdout, progress on stderr
  --program FILE   what to test instead of this checkout's ./basalt`

const OPTIONS = {
  case: { type: 'string', multiple: true },
  list: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  program: { type: 'string', default: join(import.meta.dirname, '..', '..', '..', 'basalt') },
  help: { type: 'boolean', default: false },
} as const

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS })
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  if (values.list) {
    for (const { name, summary } of CASES) console.log(`${name.padEnd(12)} ${summary}`)
    return 0
  }
  const unknown = values.case?.filter((name) => !CASES.some((known) => known.name === name)) ?? []
  if (unknown.length > 0) {
    console.error(`no case ${unknown.join(', ')}; there are: ${CASES.map(({ name }) => name).join(', ')}`)
    return 2
  }

  const print = values.json ? (line: string) => console.error(line) : (line: string) => console.log(line)
  const report = new Report(print)
  const missing = missingRequirements()
  const canRun = missing.length === 0 && buildGuest()
  if (canRun) {
    const chosen = values.case ? CASES.filter(({ name }) => values.case?.includes(name)) : CASES
    const stop = new AbortController()
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort())
    await runCases(chosen, {
      ...{ report, program: resolve(values.program), keep: values.keep, stop: stop.signal },
    })
  } else {
    report.add({
      caseName: 'host',
      name: 'this host can boot the guest',
      passed: false,
      seconds: 0,
      notes: missing,
    })
  }
  if (values.json) console.log(JSON.stringify({ checks: report.checks }, undefined, 2))
  print(report.summary())
  return report.failures() === 0 ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS')) throw error
  console.error(`${(error as Error).message}\n${USAGE}`)
  process.exitCode = 2
}
