/**
 * `npm run bench:replication [-- --rounds 5] [--seconds 3] [--only load|dead|rebuild] [--directory DIR] [--json]`: what
 * replication costs, and what it sends. Real `./basalt server` processes and our own initiator on one machine; rounds
 * alternate between RF 1, RF 2 sync_all, RF 2 best_effort and RF 3 sync_quorum, all led by the same server, and ratios
 * are of the same round. A whole run is kept in `bench/results/`. Exit 1 when a bar is missed.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MIB } from '../src/base/units.ts'
import { Cluster } from '../test/e2e/replication/fixture/cluster.ts'
import { Host } from '../test/e2e/replication/fixture/host.ts'
import { measureWork, type Work, type WorkResult } from './replication/load.ts'
import { type MeasuredVolume, makeVolumes } from './replication/modes.ts'
import { absence, type Rebuild, rebuild, shrink } from './replication/rebuild.ts'
import { conditions, preferThisSession } from './session.ts'

const WORKS: readonly Work[] = [
  { name: '4k random write, depth 32', flags: ['--rw', 'randwrite', '--qd', '32'] },
  { name: '4k random write, depth 1', flags: ['--rw', 'randwrite', '--qd', '1'] },
  {
    name: '4k random write, depth 32, a flush after 32',
    flags: ['--rw', 'randwrite', '--qd', '32', '--sync-every', '32'],
  },
  {
    name: '4k random write and flush each, depth 1',
    flags: ['--rw', 'randwrite', '--qd', '1', '--sync-every', '1'],
  },
]
const DEPTH_32 = WORKS[0]!
const BARS = { tax: 0.35, dead: 0.1, resync: 1.05, rebuild: 1.05 } as const

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    directory: { type: 'string', default: '.basalt/bench' },
    json: { type: 'boolean', default: false },
  },
})
const pace = { rounds: Number(values.rounds), seconds: Number(values.seconds) }
const say = (line: string): void => {
  if (!values.json) console.log(line)
}

interface Verdict {
  readonly what: string
  readonly value: number
  readonly bar: number
  readonly isReached: boolean
}

const wants = (part: 'load' | 'dead' | 'rebuild'): boolean => values.only === '' || values.only === part

async function run(
  cluster: Cluster,
): Promise<{ works: WorkResult[]; rebuilds: Rebuild[]; verdicts: Verdict[] }> {
  const works: WorkResult[] = []
  const rebuilds: Rebuild[] = []
  const verdicts: Verdict[] = []
  const judge = (what: string, value: number, bar: number): void => {
    const isReached = value <= bar
    verdicts.push({ what, value, bar, isReached })
    say(`  ${what}: ${value.toFixed(3)}, ${isReached ? 'reached' : 'MISSED'} (bar ${bar})`)
  }
  if (wants('load') || wants('dead')) {
    const volumes = await makeVolumes(cluster, { sizeBytes: 512 * MIB, logBytes: 128 * MIB })
    if (wants('load')) {
      for (const work of WORKS) {
        const result = await measureWork(work, volumes, pace)
        works.push(result)
        describe(result)
        if (work === DEPTH_32)
          judge('tax of RF 2 sync_all', 1 - (result.ratios['RF 2 sync_all'] ?? 0), BARS.tax)
      }
    }
    if (wants('dead')) {
      const result = await withDeadReplica(cluster, volumes)
      works.push(result)
      describe(result)
      judge('cost of a dead replica', 1 - (result.ratios['RF 2 sync_all'] ?? 0), BARS.dead)
    }
  }
  if (wants('rebuild')) {
    for (const [measure, bar] of [
      [absence, BARS.resync],
      [rebuild, BARS.rebuild],
    ] as const) {
      const result = await measure(cluster)
      rebuilds.push(result)
      const { what, changedBytes, sentBytes, seconds } = result
      const [changed, sent] = [changedBytes / MIB, sentBytes / MIB].map((mib) => `${mib.toFixed(1)} MiB`)
      say(`${what}: ${changed} changed, ${sent} sent in ${seconds.toFixed(1)} s`)
      judge(`sent to changed, ${what}`, result.ratio, bar)
    }
  }
  return { works, rebuilds, verdicts }
}

/** The second server is dead, and the set has shrunk. */
async function withDeadReplica(cluster: Cluster, volumes: readonly MeasuredVolume[]): Promise<WorkResult> {
  const [alone, both] = [volumes[0]!, volumes[1]!]
  const dead = cluster.servers[1]!
  await dead.kill()
  const host = new Host(both.volume)
  await shrink(both.volume, host)
  await host.close()
  const result = await measureWork(
    { ...DEPTH_32, name: `${DEPTH_32.name}, one replica dead` },
    [alone, both],
    pace,
  )
  await dead.start()
  return result
}

function describe({ work, volumes, ratios }: WorkResult): void {
  say(work)
  for (const [name, { iops, p50Us, p99Us }] of Object.entries(volumes)) {
    say(
      [
        `  ${name.padEnd(18)}${iops.median.toFixed(0).padStart(7)} IOPS`,
        `(${iops.least.toFixed(0)}..${iops.greatest.toFixed(0)})`.padEnd(16),
        `p50 ${p50Us.median.toFixed(0)} µs  p99 ${p99Us.median.toFixed(0)} µs`.padEnd(28),
        `${(ratios[name] ?? Number.NaN).toFixed(2)}x`,
      ].join('  '),
    )
  }
}

function keep(record: { at: string }): void {
  const results = join(import.meta.dirname, 'results')
  mkdirSync(results, { recursive: true })
  const path = join(results, `${record.at.slice(0, 10)}-replication.json`)
  writeFileSync(path, `${JSON.stringify(record, undefined, 2)}\n`)
  console.error(`kept in ${path}`)
}

preferThisSession()
mkdirSync(values.directory, { recursive: true })
const directory = mkdtempSync(join(values.directory, 'replication-'))
process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
const cluster = await Cluster.start(directory)
try {
  const figures = await run(cluster)
  const record = { ...conditions(), ...pace, ...figures }
  if (values.json) console.log(JSON.stringify(record, undefined, 2))
  if (values.only === '') keep(record)
  process.exitCode = figures.verdicts.every(({ isReached }) => isReached) ? 0 : 1
} finally {
  await cluster.destroy()
}
