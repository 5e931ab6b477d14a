/**
 * `npm run bench:nvme [-- --only TEXT] [--rounds 5] [--seconds 2] [--directory DIR] [--json]`: Basalt over NVMe/TCP
 * against Basalt over iSCSI, as ratios: one volume of one `basalt target`, by its two front ends. Rounds alternate between the two,
 * target on core 0 and client on core 1. A row counts only if the client used less than 85 % of its core in every
 * round. A whole run is kept in `bench/results/`. Exit 1 when a bar is missed.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MIB } from '../src/base/units.ts'
import { runClient } from './iscsi/client.ts'
import { TASKSET, whatIsMissing } from './iscsi/programs.ts'
import { describe, measure, type Row } from './iscsi/rows.ts'
import { type ServedTarget, startBasalt } from './iscsi/servers.ts'
import { NVME_WORKS } from './iscsi/works.ts'
import { conditions, preferThisSession } from './session.ts'

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

const missing = whatIsMissing([TASKSET])
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
  const directory = mkdtempSync(join(values.directory, 'nvme-'))
  let targets: readonly [ServedTarget, ServedTarget] | undefined
  process.once('exit', () => {
    targets?.[0].kill()
    rmSync(directory, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  const basalt = await startBasalt({ directory, sizeBytes: SIZE_BYTES, cpu: TARGET_CPU })
  targets = [
    { ...basalt, name: 'nvme', url: basalt.nvmeUrl },
    { ...basalt, name: 'iscsi' },
  ]
  // Reads are to find data, and writes to replace some.
  await runClient(targets[0], FILL)
  await targets[0].settle()
  const rows: Row[] = []
  const rounds = Number(values.rounds)
  const seconds = Number(values.seconds)
  const works = NVME_WORKS.filter(({ name }) => name.includes(values.only))
  for (const work of works) {
    const row = await measure(work, targets, { rounds, seconds })
    rows.push(row)
    if (!values.json) for (const line of describe(row)) console.log(line)
  }
  const record = { ...conditions(), rounds, seconds, rows }
  if (values.json) console.log(JSON.stringify(record, undefined, 2))
  if (rows.length === NVME_WORKS.length) keep(record)
  await targets[0].stop()
  return rows
}

function keep(record: { at: string }): void {
  const results = join(import.meta.dirname, 'results')
  mkdirSync(results, { recursive: true })
  const path = join(results, `${record.at.slice(0, 10)}-nvme.json`)
  writeFileSync(path, `${JSON.stringify(record, undefined, 2)}\n`)
  console.error(`kept in ${path}`)
}
