/**
 * `node bench/iscsi.ts [--rounds 5] [--seconds 2] [--only TEXT] [--directory DIR] [--json]`: Basalt's iSCSI target
 * against `tgt` (`rdwr`), as ratios. Rounds alternate between the two, target on core 0 and client on core 1, both on
 * the same file system; a row gives medians, least and greatest. It counts only if the client used less than 85 % of
 * its core in every round. Exit 1 when a bar is missed or a program is missing.
 */
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { GIB } from '../src/base/units.ts'
import type { BenchResult } from '../src/bench/result.ts'
import {
  PROGRAMS,
  type ServedTarget,
  type ServerOptions,
  startBasalt,
  startTgt,
  TASKSET,
} from './iscsi-servers.ts'

interface Work {
  readonly name: string
  readonly flags: readonly string[]
  /** Least ratio of operations a second to reach; undefined for a row that is only printed. */
  readonly bar: number | undefined
}

const work = (name: string, flags: string, bar?: number): Work => ({ name, flags: flags.split(' '), bar })

const WORKS: readonly Work[] = [
  work('4k random read, depth 1', '--rw randread --bs 4k --qd 1', 1.3),
  work('4k random read, depth 32', '--rw randread --bs 4k --qd 32', 1.3),
  work('4k random write, depth 1', '--rw randwrite --bs 4k --qd 1', 1),
  work('4k random write, depth 32', '--rw randwrite --bs 4k --qd 32', 1),
  work('128k sequential read, depth 32', '--rw read --bs 128k --qd 32', 1),
  work('128k sequential write, depth 32', '--rw write --bs 128k --qd 32', 1),
  work('4k write and flush each, depth 1', '--rw randwrite --bs 4k --qd 1 --sync-every 1'),
]

const SIZE_BYTES = GIB
const TARGET_CPU = 0
const CLIENT_CPU = '1'
const CLIENT_CPU_SHARE_MAX = 0.85
const FILL_SECONDS = '8'
const BASALT = join(import.meta.dirname, '..', 'basalt')

interface Sample {
  readonly iops: number
  readonly p99Us: number
  readonly cpuShare: number
}

interface Row {
  readonly work: string
  readonly ratio: number
  readonly bar: number | undefined
  readonly isClientBound: boolean
  readonly targets: Readonly<Record<string, { iops: number[]; p99Us: number[] }>>
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
    directory: { type: 'string', default: '.basalt/bench' },
    json: { type: 'boolean', default: false },
  },
})

const missing = Object.entries(PROGRAMS).filter(([program]) => !isThere(program))
if (missing.length > 0) {
  const packages = [...new Set(missing.map(([, debianPackage]) => debianPackage))].join(' ')
  console.error(`missing: ${missing.map(([program]) => program).join(', ')}`)
  console.error(`install with: apt-get update && apt-get install -y --no-install-recommends ${packages}`)
  process.exitCode = 1
} else {
  mkdirSync(values.directory, { recursive: true })
  const directory = mkdtempSync(join(values.directory, 'iscsi-'))
  const targets: ServedTarget[] = []
  process.once('exit', () => {
    for (const target of targets) target.kill()
    rmSync(directory, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  try {
    const options: ServerOptions = { directory, sizeBytes: SIZE_BYTES, cpu: TARGET_CPU }
    targets.push(await startBasalt(options), await startTgt(options))
    // Reads are to find data, and writes to replace some.
    for (const { url } of targets)
      await bench(url, ['--rw', 'write', '--bs', '1m', '--seconds', FILL_SECONDS])
    const rows: Row[] = []
    for (const one of WORKS.filter(({ name }) => name.includes(values.only))) {
      const row = await measure(one, targets)
      rows.push(row)
      if (!values.json) console.log(describe(row))
    }
    if (values.json) console.log(JSON.stringify(rows, undefined, 2))
    process.exitCode = rows.some(isMissed) ? 1 : 0
  } finally {
    for (const target of targets) await target.stop()
  }
}

async function measure({ name, flags, bar }: Work, targets: readonly ServedTarget[]): Promise<Row> {
  const samples = new Map<string, Sample[]>(targets.map((target) => [target.name, []]))
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const target of targets) {
      samples.get(target.name)?.push(await bench(target.url, [...flags, '--seconds', values.seconds]))
    }
  }
  const [ours = [], theirs = []] = samples.values()
  return {
    work: name,
    bar,
    ratio: median(ours.map((sample, round) => sample.iops / (theirs[round]?.iops ?? Number.NaN))),
    isClientBound: [...ours, ...theirs].some(({ cpuShare }) => cpuShare >= CLIENT_CPU_SHARE_MAX),
    targets: Object.fromEntries(
      [...samples].map(([target, all]) => [
        target,
        { iops: all.map(({ iops }) => iops), p99Us: all.map(({ p99Us }) => p99Us) },
      ]),
    ),
  }
}

/** One run of `basalt bench` in a process of its own on the client's core. */
async function bench(url: string, flags: readonly string[]): Promise<Sample> {
  const command = ['--cpu-list', CLIENT_CPU, BASALT, 'bench', '--iscsi', url, '--yes-destroy-data', '--json']
  const { stdout } = await promisify(execFile)(TASKSET, [...command, ...flags])
  const { read, write, cpuShare } = JSON.parse(stdout) as BenchResult
  const figures = read ?? write
  if (figures === undefined) throw new Error(`${url}: nothing was measured`)
  return { iops: figures.iops, p99Us: figures.p99Us, cpuShare }
}

function describe(row: Row): string {
  const parts = Object.entries(row.targets).map(([target, { iops, p99Us }]) => {
    const spread = `${Math.min(...iops).toFixed(0)}..${Math.max(...iops).toFixed(0)}`
    return `${target} ${median(iops).toFixed(0)} IOPS (${spread}) p99 ${median(p99Us).toFixed(0)} µs`
  })
  const verdict = row.isClientBound ? 'CLIENT-BOUND, does not count' : isMissed(row) ? 'MISSED' : 'reached'
  const bar = row.bar === undefined ? '' : `  ${verdict} (bar ${row.bar})`
  return `${row.work.padEnd(34)} ${row.ratio.toFixed(2)}x  ${parts.join('  ')}${bar}`
}

function isMissed({ ratio, bar, isClientBound }: Row): boolean {
  return bar !== undefined && !isClientBound && !(ratio >= bar)
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2
}

function isThere(program: string): boolean {
  try {
    execFileSync('/bin/sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${program}`], { stdio: 'ignore' })
    return true
  } catch (error) {
    if ((error as { status?: number }).status !== undefined) return false
    throw error
  }
}
