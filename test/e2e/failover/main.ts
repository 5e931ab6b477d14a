/**
 * `npm run e2e:failover`: a master and three servers as processes, volumes in both sync modes, hosts that write and check
 * all the time; the server that leads is killed or stopped, round after round, and then leads are moved as planned. Prints
 * how long hosts waited. The last line is `N passed, N failed`; the exit status is 0 when nothing failed, 1 when something
 * did, 2 for a wrong call.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Report } from '../kernel/fixture/report.ts'
import { runMain } from '../support/suite.ts'
import { bars, summarize } from './fixture/figures.ts'
import { type Figures, Scene } from './fixture/scene.ts'
import { moves } from './moves.ts'
import { round, type Signal } from './rounds.ts'

const USAGE = `usage: npm run e2e:failover -- [OPTION]...
  --rounds N    so many losses of the primary, SIGKILL and SIGSTOP in turn (default 4)
  --signal NAME only losses by SIGKILL, or by SIGSTOP
  --moves N     so many planned moves of each volume (default 4)
  --json        figures and checks as one JSON document on stdout, progress on stderr
  --keep        keep data and logs, also when nothing failed`

const OPTIONS = {
  rounds: { type: 'string', default: '4' },
  moves: { type: 'string', default: '4' },
  signal: { type: 'string' },
  json: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const
const SIGNALS: readonly Signal[] = ['SIGKILL', 'SIGSTOP']

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS })
  const [rounds, moveCount] = [Number(values.rounds), Number(values.moves)]
  const signals = SIGNALS.filter((signal) => signal === (values.signal ?? signal))
  if (values.help || !isCount(rounds) || !isCount(moveCount) || signals.length === 0) {
    console.log(USAGE)
    return values.help ? 0 : 2
  }
  const print = values.json ? (line: string) => console.error(line) : (line: string) => console.log(line)
  const report = new Report(print)
  const folder = mkdtempSync(join(tmpdir(), 'basalt-failover-'))
  const figures = await run(folder, report, { rounds, moves: moveCount, signals })
  if (values.keep || report.failures() > 0) print(`left in ${folder}`)
  else rmSync(folder, { recursive: true, force: true })
  if (figures !== undefined) printFigures(figures, print)
  if (values.json) console.log(JSON.stringify({ ...jsonOf(figures), checks: report.checks }, undefined, 2))
  print(report.summary())
  return report.failures() === 0 ? 0 : 1
}

const isCount = (value: number): boolean => Number.isInteger(value) && value >= 0

async function run(
  folder: string,
  report: Report,
  wish: { readonly rounds: number; readonly moves: number; readonly signals: readonly Signal[] },
): Promise<Figures | undefined> {
  const scene = await Scene.open(folder, report)
  try {
    for (let i = 0; i < wish.rounds; i++) await round(scene, i + 1, wish.signals[i % wish.signals.length]!)
    if (wish.moves > 0) await moves(scene, wish.moves)
    await scene.check('all replicas are equal on disk, and hold what was acknowledged', () => scene.compare())
  } catch (error) {
    const notes = String((error as Error).stack).split('\n')
    report.add({ caseName: 'failover', name: 'the run came to its end', passed: false, seconds: 0, notes })
  } finally {
    await scene.destroy()
    for (const daemon of [scene.cluster.master, ...scene.cluster.servers]) {
      writeFileSync(join(folder, `${daemon.name}.log`), `${daemon.log().join('\n')}\n`)
    }
  }
  return scene.figures
}

function printFigures({ failovers, moves: pauses }: Figures, print: (line: string) => void): void {
  const sorted = [...failovers].toSorted(([a], [b]) => a.localeCompare(b))
  for (const [what, values] of sorted)
    for (const line of bars(`${what}: from the signal to the first answer`, values)) print(line)
  for (const [mode, values] of pauses)
    for (const line of bars(`planned move, ${mode}: longest command`, values)) print(line)
}

function jsonOf(figures: Figures | undefined): object {
  const of = (values: ReadonlyMap<string, readonly number[]> | undefined): object =>
    Object.fromEntries([...(values ?? [])].map(([what, ms]) => [what, { ...summarize(ms), valuesMs: ms }]))
  return { failovers: of(figures?.failovers), moves: of(figures?.moves) }
}

await runMain(main, USAGE)
