/**
 * `npm run e2e:replication`: three `./basalt server` processes and a small authority on this machine, hosts that write
 * all the time, and processes, links and disks that fail. What was acknowledged is remembered outside of the servers, and
 * at the end of each case the replicas are compared on disk. The last line of the output is `N passed, N failed`; the exit
 * status is 0 when nothing failed, 1 when something did, 2 for a wrong call.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Report } from '../kernel/fixture/report.ts'
import { chooseCases, runMain } from '../support/suite.ts'
import { CASES } from './cases/index.ts'
import { type ReplicationCase, Scene, StepFailed } from './fixture/scene.ts'

const USAGE = `usage: npm run e2e:replication -- [OPTION]...
  --case NAME   run this case only; may be given several times
  --list        list the cases
  --pace MS     what a writer rests after each command; 0, the default, for as fast as it goes
  --keep        keep what every case leaves, also of those that passed`

const OPTIONS = {
  case: { type: 'string', multiple: true },
  pace: { type: 'string', default: '0' },
  list: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

const CLEANUP_MS = 20_000

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS })
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const chosen = chooseCases(CASES, { list: values.list, names: values.case })
  if ('exitCode' in chosen) return chosen.exitCode
  const report = new Report((line) => console.log(line))
  const folder = mkdtempSync(join(tmpdir(), 'basalt-replication-'))
  for (const one of chosen) {
    const place = join(folder, one.name)
    mkdirSync(place)
    await runCase(one, { folder: place, report, paceMs: Number(values.pace) })
    if (values.keep || report.failures(one.name) > 0) report.title(`  left in ${place}`)
    else rmSync(place, { recursive: true, force: true })
  }
  if (!values.keep && report.failures() === 0) rmSync(folder, { recursive: true, force: true })
  console.log(report.summary())
  return report.failures() === 0 ? 0 : 1
}

async function runCase(
  one: ReplicationCase,
  options: { folder: string; report: Report; paceMs: number },
): Promise<void> {
  const { folder, report } = options
  report.title(`${one.name}: ${one.summary}`)
  const scene = new Scene(one, options)
  const over = new AbortController()
  const run = async (): Promise<void> => {
    await scene.begin()
    await one.run(scene)
    await scene.finish()
  }
  const tooLong = async (): Promise<never> => {
    await delay(one.limitSeconds * 1000 + CLEANUP_MS, undefined, { signal: over.signal })
    throw new Error(`the case ran longer than ${one.limitSeconds} s`)
  }
  const running = run()
  try {
    await Promise.race([running, tooLong()])
  } catch (error) {
    if (!(error instanceof StepFailed)) {
      const notes = [String((error as Error).stack)]
      report.add({ caseName: one.name, name: 'the case ran to its end', passed: false, seconds: 0, notes })
    }
    await keepLogs(scene, folder)
  } finally {
    over.abort()
    running.catch(() => undefined)
    await scene.destroy()
  }
}

/** For whoever looks at what failed. */
async function keepLogs(scene: Scene, folder: string): Promise<void> {
  for (const server of scene.servers) {
    const status = await server.status().catch((error: unknown) => String(error))
    writeFileSync(join(folder, `${server.name}.log`), `${server.log().join('\n')}\n`)
    writeFileSync(join(folder, `${server.name}.json`), JSON.stringify(status, undefined, 2))
  }
}

await runMain(main, USAGE)
