/**
 * `npm run e2e:backup`: backups to an object store (npm's `s3rver`) behind a proxy that counts requests and harms them. First of
 * a volume of the engine, then of a cluster of real processes that are killed in the middle. The last line is
 * `N passed, N failed`; the exit status is 0 when nothing failed, 1 when something did, 2 for a wrong call.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Report } from '../kernel/fixture/report.ts'
import { chooseCases, runMain } from '../support/suite.ts'
import { CHAIN } from './cases/chain.ts'
import { CLUSTER } from './cases/cluster.ts'
import { HARM } from './cases/harm.ts'
import { type BackupCase, Scene } from './fixture/scene.ts'

const CASES: readonly BackupCase[] = [CHAIN, HARM, CLUSTER]
const USAGE = `usage: npm run e2e:backup -- [OPTION]...
  --case NAME   run this case only; may be given several times
  --list        list the cases
  --keep        keep what the run leaves, also when all passed`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      case: { type: 'string', multiple: true },
      list: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  })
  const chosen = chooseCases(CASES, { list: values.list, names: values.case })
  if ('exitCode' in chosen) return chosen.exitCode
  const report = new Report((line) => console.log(line))
  const folder = mkdtempSync(join(tmpdir(), 'basalt-backup-'))
  const scene = await Scene.open(folder, report)
  try {
    for (const one of chosen) {
      scene.begin(one.name, one.summary)
      await scene.check('the case came to its end', () => one.run(scene))
    }
  } finally {
    await scene.close()
  }
  if (values.keep || report.failures() > 0) report.title(`left in ${folder}`)
  else rmSync(folder, { recursive: true, force: true })
  console.log(report.summary())
  return report.failures() === 0 ? 0 : 1
}

await runMain(main, USAGE)
