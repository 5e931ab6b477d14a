/**
 * A whole comparison, from command line to record: the same flags, rules and history for `npm run bench` and for
 * `npm run bench:nvme`, which is its second half.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MIB } from '../../src/base/units.ts'
import { conditions, preferThisSession } from '../session.ts'
import { runClient } from './client.ts'
import { type Program, whatIsMissing } from './programs.ts'
import { describe, measure, type Row } from './rows.ts'
import type { ServedBasalt, ServedTarget, ServerOptions } from './servers.ts'
import { type Work, worksNamed } from './works.ts'

/** Two targets, and what they are compared by. */
interface Contest {
  readonly works: readonly Work[]
  readonly targets: readonly [ServedTarget, ServedTarget]
}

export interface Comparison {
  /** In the name of the record: `bench/results/DATE-NAME.json`. */
  readonly name: string
  readonly programs: readonly Program[]
  /** Starts what is measured, each process once; `started` hears of it at once, so that it is ended in any case. */
  start(options: ServerOptions, started: (target: ServedTarget) => void): Promise<readonly Contest[]>
}

/** Small enough for the page cache to keep it while the other target is measured. */
const SIZE_BYTES = 512 * MIB
const TARGET_CPU = 0
/** Long enough to write the whole unit once. */
const FILL = ['--rw', 'write', '--bs', '1m', '--seconds', '4']

/** One volume of one process by its two front ends. */
export const bothFrontEnds = (basalt: ServedBasalt): readonly [ServedTarget, ServedTarget] => [
  { ...basalt, name: 'nvme', url: basalt.nvmeUrl },
  { ...basalt, name: 'iscsi' },
]

/** Sets the exit code: 1 when a bar was missed, 2 when it cannot be measured here. */
export async function compare(comparison: Comparison): Promise<void> {
  const missing = whatIsMissing(comparison.programs)
  if (missing !== undefined || availableParallelism() < 2) {
    console.error(missing ?? 'target and client need a core each, and there is only one')
    process.exitCode = 2
    return
  }
  const rows = await run(comparison)
  process.exitCode = rows.some(({ verdict }) => verdict === 'missed') ? 1 : 0
}

async function run(comparison: Comparison): Promise<Row[]> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      only: { type: 'string', default: '' },
      directory: { type: 'string', default: '.basalt/bench' },
      json: { type: 'boolean', default: false },
    },
  })
  preferThisSession()
  mkdirSync(values.directory, { recursive: true })
  const directory = mkdtempSync(join(values.directory, `${comparison.name}-`))
  const targets: ServedTarget[] = []
  process.once('exit', () => {
    for (const target of targets) target.kill()
    rmSync(directory, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  const options: ServerOptions = { directory, sizeBytes: SIZE_BYTES, cpu: TARGET_CPU }
  const contests = await comparison.start(options, (target) => targets.push(target))
  // Reads are to find data, and writes to replace some.
  for (const target of targets) {
    await runClient(target, FILL)
    await target.settle()
  }
  const rows: Row[] = []
  const rounds = Number(values.rounds)
  const seconds = Number(values.seconds)
  for (const contest of contests) {
    for (const work of worksNamed(contest.works, values.only)) {
      const row = await measure(work, contest.targets, { rounds, seconds })
      rows.push(row)
      if (!values.json) for (const line of describe(row)) console.log(line)
    }
  }
  const record = { ...conditions(), rounds, seconds, rows }
  if (values.json) console.log(JSON.stringify(record, undefined, 2))
  if (rows.length === contests.flatMap(({ works }) => works).length) keep(comparison.name, record)
  for (const target of targets) await target.stop()
  return rows
}

function keep(name: string, record: { at: string }): void {
  const results = join(import.meta.dirname, '..', 'results')
  mkdirSync(results, { recursive: true })
  const path = join(results, `${record.at.slice(0, 10)}-${name}.json`)
  writeFileSync(path, `${JSON.stringify(record, undefined, 2)}\n`)
  console.error(`kept in ${path}`)
}
