/**
 * `npm run conformance:csi`: what the CSI specification wants of a driver, call by call, over its socket, against a cluster of
 * real processes and a host that only remembers. Each case prints a line; the last line is `N passed, N failed`. Exit 0 when
 * nothing failed, 1 when something did, 2 for a wrong call.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runMain } from '../../e2e/support/suite.ts'
import { BEHAVIOURS } from './cases/all.ts'
import { Drivers } from './fixture/drivers.ts'
import { nameOf, runAll } from './runner.ts'

const USAGE = `usage: npm run conformance:csi -- [OPTION]...
  --filter PATTERN   only cases whose name matches this regular expression
  --list             names of the cases, and nothing else
  --keep             keep what the run leaves, also when all passed`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      filter: { type: 'string', default: '' },
      list: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  })
  if (values.list) {
    for (const behaviour of BEHAVIOURS) for (const one of behaviour.cases) console.log(nameOf(behaviour, one))
    return 0
  }
  const pattern = new RegExp(values.filter, 'i')
  const folder = mkdtempSync(join(tmpdir(), 'basalt-csi-'))
  const drivers = await Drivers.start(folder)
  const counts = { passed: 0, failed: 0 }
  try {
    for await (const { name, failure, ms } of runAll(drivers, BEHAVIOURS, (name) => pattern.test(name))) {
      const verdict = failure === undefined ? 'passed' : 'failed'
      counts[verdict]++
      console.log(
        `${verdict} ${name} (${(ms / 1000).toFixed(1)} s)${failure === undefined ? '' : `: ${failure}`}`,
      )
    }
  } finally {
    await drivers.stop()
  }
  if (values.keep || counts.failed > 0) console.log(`left in ${folder}`)
  else rmSync(folder, { recursive: true, force: true })
  console.log(`\n${counts.passed} passed, ${counts.failed} failed`)
  return counts.failed === 0 && counts.passed > 0 ? 0 : 1
}

await runMain(main, USAGE)
