/**
 * `npm run sim`: random histories of a whole cluster.
 *
 *   --seed N         shows one, with its timeline when it fails (--trace: always)
 *   --seed-start N   the first of many, 1 by default
 *   --seeds K        how many, 100 by default
 *   --faults F,…     only these: see `CLUSTER_FAULTS` in profile.ts
 *   --ops M          client operations of each, 300 by default
 *   --workers W      processes, 2 by default
 *   --failures F     stop after so many, 5 by default
 *   --brief          no counters
 *   --scenario NAME  instead: a directed scenario, with its timeline
 */
import { parseArgs } from 'node:util'
import { runClusterSeed } from './cluster-sim.ts'
import { CLUSTER_FAULTS, type ClusterFault } from './profile.ts'
import { runSeeds } from './runner.ts'
import { runScenario } from './scenarios/catalogue.ts'

const { values: flags } = parseArgs({
  options: {
    seed: { type: 'string' },
    'seed-start': { type: 'string', default: '1' },
    seeds: { type: 'string', default: '100' },
    faults: { type: 'string' },
    ops: { type: 'string', default: '300' },
    workers: { type: 'string', default: '2' },
    failures: { type: 'string', default: '5' },
    trace: { type: 'boolean' },
    brief: { type: 'boolean' },
    scenario: { type: 'string' },
  },
})

const only = parseFaults(flags.faults)
const operations = Number(flags.ops)
const suffix = `${flags.faults === undefined ? '' : ` --faults ${flags.faults}`}${operations === 300 ? '' : ` --ops ${operations}`}`

if (flags.scenario !== undefined) process.exitCode = (await directed(flags.scenario)) ? 0 : 1
else process.exitCode = (flags.seed === undefined ? await many() : await one(Number(flags.seed))) ? 0 : 1

async function directed(name: string): Promise<boolean> {
  const violation = await runScenario(name, print)
  print(`${name}: ${violation ?? 'held'}`)
  return violation === undefined
}

async function one(seed: number): Promise<boolean> {
  const lines: string[] = []
  const options = { operations, ...(only !== undefined && { only }) }
  const outcome = await runClusterSeed(seed, {
    ...options,
    print: flags.trace === true ? print : (line) => lines.push(line),
  })
  if (outcome.violation !== undefined) for (const line of lines) print(line)
  for (const [what, times] of [...outcome.counts].sort()) print(`${String(times).padStart(9)}  ${what}`)
  const verdict = outcome.violation ?? 'held'
  print(
    `seed ${seed}, ${outcome.configuration}, ${outcome.virtualMs.toFixed(0)} ms, trace ${outcome.traceHash}: ${verdict}`,
  )
  if (outcome.violation !== undefined) print(`  npm run sim -- --seed ${seed}${suffix}`)
  return outcome.violation === undefined
}

async function many(): Promise<boolean> {
  const started = performance.now()
  const report = await runSeeds({
    first: Number(flags['seed-start']),
    count: Number(flags.seeds),
    workers: Number(flags.workers),
    failuresMax: Number(flags.failures),
    operations,
    faults: flags.faults,
    failed: ({ seed, configuration, violation }) => {
      print(`seed ${seed} failed, ${configuration}: ${violation}`)
      print(`  npm run sim -- --seed ${seed}${suffix}`)
    },
  })
  const lines = report.lines()
  for (const line of flags.brief === true ? lines.slice(-1) : lines) print(line)
  const missing = only === undefined && operations >= 300 ? report.missing() : []
  for (const what of missing) print(`too little: ${what}`)
  print(`${((performance.now() - started) / 1000).toFixed(1)} s`)
  const failed = report.failures.length + missing.length
  print(`${report.seeds - report.failures.length} passed, ${failed} failed`)
  return failed === 0
}

function parseFaults(text: string | undefined): readonly ClusterFault[] | undefined {
  const names = text?.split(',').filter((name) => name !== '')
  const unknown = names?.find((name) => !CLUSTER_FAULTS.some((one) => one === name))
  if (unknown !== undefined) {
    print(`--faults: there is no ${unknown}; there are ${CLUSTER_FAULTS.join(', ')}`)
    process.exit(2)
  }
  return names && CLUSTER_FAULTS.filter((one) => names.includes(one))
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
