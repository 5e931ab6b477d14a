/**
 * `npm run e2e:cluster`: a cluster as `basalt dev` makes it, and the command line over its whole surface, for people and
 * for programs; what is refused and how; a server that is drained and a server that joins while hosts write; paths to volumes. The last
 * line of the output is `N passed, N failed`; the exit status is 0 when nothing failed, 1 when something did, 2 for a
 * wrong call.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Report } from '../kernel/fixture/report.ts'
import { chooseCases, runMain } from '../support/suite.ts'
import { BACKUPS } from './cases/backups.ts'
import { CERTIFICATES } from './cases/certificates.ts'
import { DRAIN } from './cases/drain.ts'
import { FILES } from './cases/files.ts'
import { GROW } from './cases/grow.ts'
import { HOSTILE } from './cases/hostile.ts'
import { PATHS } from './cases/paths.ts'
import { PUBLICATIONS } from './cases/publications.ts'
import { SERVERS } from './cases/servers.ts'
import { SNAPSHOTS } from './cases/snapshots.ts'
import { TARGET } from './cases/target.ts'
import { TOKENS } from './cases/tokens.ts'
import { VOLUMES } from './cases/volumes.ts'
import { walkedAll } from './cases/walked.ts'
import { Cli } from './fixture/cli.ts'
import { Dev } from './fixture/dev.ts'
import { type ClusterCase, Scene } from './fixture/scene.ts'

/** In this order: once there are tokens of people, everything needs one. */
const CASES: readonly ClusterCase[] = [
  FILES,
  VOLUMES,
  SERVERS,
  TARGET,
  SNAPSHOTS,
  BACKUPS,
  HOSTILE,
  DRAIN,
  GROW,
  PATHS,
  PUBLICATIONS,
  CERTIFICATES,
  TOKENS,
]
const USAGE = `usage: npm run e2e:cluster -- [OPTION]...
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
  const folder = mkdtempSync(join(tmpdir(), 'basalt-cluster-'))
  await runCases(chosen, { folder, report, isWhole: values.case === undefined })
  if (values.keep || report.failures() > 0) report.title(`left in ${folder}`)
  else rmSync(folder, { recursive: true, force: true })
  console.log(report.summary())
  return report.failures() === 0 ? 0 : 1
}

async function runCases(
  cases: readonly ClusterCase[],
  { folder, report, isWhole }: { folder: string; report: Report; isWhole: boolean },
): Promise<void> {
  const dev = await Dev.start(join(folder, 'dev'))
  const cli = new Cli({ BASALT_MASTER: dev.url })
  try {
    for (const one of cases) {
      report.title(`${one.name}: ${one.summary}`)
      const directory = join(folder, one.name)
      mkdirSync(directory)
      const scene = new Scene(one.name, { dev, cli, directory, report })
      try {
        await one.run(scene)
      } catch (error) {
        const notes = String((error as Error).stack).split('\n')
        report.add({ caseName: one.name, name: 'the case ran to its end', passed: false, seconds: 0, notes })
      } finally {
        await scene.stopLoads()
      }
    }
    const scene = new Scene('end', { dev, cli, directory: folder, report })
    report.title('end: what the program has was used, and it stops')
    if (isWhole) await walkedAll(scene)
    await scene.check('Ctrl-C ends the cluster with exit code 0', async () => {
      const code = await dev.stop()
      if (code !== 0) throw new Error(`exit code ${code}`)
    })
  } finally {
    await dev.kill()
  }
}

await runMain(main, USAGE)
