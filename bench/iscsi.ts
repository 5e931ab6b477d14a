/**
 * `npm run bench [-- --only TEXT] [--rounds 5] [--seconds 2] [--directory DIR] [--json]`: Basalt's iSCSI target
 * against `tgt` (`rdwr`), as ratios. Rounds alternate between the two, target on core 0 and client on core 1, both on
 * the same file system, pages in the cache; a row gives medians, least and greatest, and both p99s. It counts only
 * if the client used less than 85 % of its core in every round. A whole run is kept in `bench/results/`. Exit 1
 * when a bar is missed, 2 when a program is missing.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MIB } from '../src/base/units.ts'
import { runClient } from './iscsi/client.ts'
import { TASKSET, TGTADM, TGTD, whatIsMissing } from './iscsi/programs.ts'
import { describe, measure, type Row } from './iscsi/rows.ts'
import { type ServedTarget, type ServerOptions, startBasalt, startTgt } from './iscsi/servers.ts'
import { WORKS, worksNamed } from './iscsi/works.ts'
import { conditions, preferThisSession } from './session.ts'

/** Small enough for the page cache to keep it while the other target is measured. */
const SIZE_BYTES = 512 * MIB
const TARGET_CPU = 0
/** Long enough to write the whole unit once. */
const FILL = ['--rw', 'write', '--bs', '1m', '--seconds', '4']

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
    directory: { type: 'string', default: '.basalt/bench' },
    json: { type: 'boolean', default: false },
  },
})

const missing = whatIsMissing([TGTD, TGTADM, TASKSET])
if (missing !== undefined) {
  console.error(missing)
  process.exitCode = 2
} else if (availableParallelism() < 2) {
  console.error('target and client need a core each, and there is only one')
  process.exitCode = 2
} else process.exitCode = (await run()).some(({ verdict }) => verdict === 'missed') ? 1 : 0

async function run(): Promise<Row[]> {
  preferThisSession()
  mkdirSync(values.directory, { recursive: true })
  const directory = mkdtempSync(join(values.directory, 'iscsi-'))
  const targets: ServedTarget[] = []
  process.once('exit', () => {
    for (const target of targets) target.kill()
    rmSync(directory, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  const options: ServerOptions = { directory, sizeBytes: SIZE_BYTES, cpu: TARGET_CPU }
  const ours = await startBasalt(options)
  targets.push(ours)
  const theirs = await startTgt(options)
  targets.push(theirs)
  // Reads are to find data, and writes to replace some.
  for (const target of targets) {
    await runClient(target, FILL)
    await target.settle()
  }
  const rows: Row[] = []
  const rounds = Number(values.rounds)
  const seconds = Number(values.seconds)
  for (const work of worksNamed(values.only)) {
    const row = await measure(work, [ours, theirs], { rounds, seconds })
    rows.push(row)
    if (!values.json) for (const line of describe(row)) console.log(line)
  }
  const record = { ...conditions(), rounds, seconds, rows }
  if (values.json) console.log(JSON.stringify(record, undefined, 2))
  if (rows.length === WORKS.length) keep(record)
  for (const target of targets) await target.stop()
  return rows
}

function keep(record: { at: string }): void {
  const results = join(import.meta.dirname, 'results')
  mkdirSync(results, { recursive: true })
  const path = join(results, `${record.at.slice(0, 10)}-iscsi.json`)
  writeFileSync(path, `${JSON.stringify(record, undefined, 2)}\n`)
  console.error(`kept in ${path}`)
}
