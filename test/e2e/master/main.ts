/**
 * `npm run e2e:master`: a cluster of real processes whose master is killed at every recorded step of its jobs, is away,
 * loses its registry, or gets an old copy of it, while hosts write. The last line of the output is `N passed, N failed`;
 * the exit status is 0 when nothing failed, 1 when something did, 2 for a wrong call.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { RealCluster } from '../cluster/fixture/real-cluster.ts'
import { Report } from '../kernel/fixture/report.ts'
import { chooseCases, runMain } from '../support/suite.ts'
import { KILLS } from './cases/kills.ts'
import { REGISTRY } from './cases/registry.ts'
import { type MasterCase, Scene, StepFailed } from './fixture/scene.ts'

const CASES: readonly MasterCase[] = [...KILLS, ...REGISTRY]
const USAGE = `usage: npm run e2e:master -- [OPTION]...
  --case NAME   run this case only; may be given several times
  --list        list the cases
  --keep        keep what every case leaves, also of those that passed`

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
  for (const one of chosen) {
    report.title(`${one.name}: ${one.summary}`)
    const folder = mkdtempSync(join(tmpdir(), `basalt-master-${one.name}-`))
    await runCase(one, folder, report)
    if (values.keep || report.failures(one.name) > 0) report.title(`  left in ${folder}`)
    else rmSync(folder, { recursive: true, force: true })
  }
  console.log(report.summary())
  return report.failures() === 0 ? 0 : 1
}

async function runCase(one: MasterCase, folder: string, report: Report): Promise<void> {
  const { servers, masterFlags = [] } = one
  const cluster = await RealCluster.start(folder, { servers, masterFlags })
  const scene = new Scene(one, cluster, report)
  try {
    await one.run(scene)
    await scene.stopLoads()
  } catch (error) {
    if (!(error instanceof StepFailed)) {
      const notes = String((error as Error).stack).split('\n')
      report.add({ caseName: one.name, name: 'the case ran to its end', passed: false, seconds: 0, notes })
    }
    for (const daemon of [cluster.master, ...cluster.servers]) {
      writeFileSync(join(folder, `${daemon.name}.log`), `${daemon.log().join('\n')}\n`)
    }
  } finally {
    await scene.destroy()
  }
}

await runMain(main, USAGE)
