/**
 * Random clusters of the replication engine.
 *
 *   node test/cluster/main.ts [--seeds N] [--from SEED]     runs them, prints what happened and how often
 *   node test/cluster/main.ts --seed SEED                   shows one
 *   node test/cluster/main.ts --mutants                     known bugs, each of which must be caught
 *   node test/cluster/main.ts --mutant NAME                 only this one
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { mutantRun } from '../mutants/launch.ts'
import { REPLICATION_MUTANTS } from '../mutants/replication.ts'
import { runCluster } from './cluster.ts'

const SCRIPT = fileURLToPath(import.meta.url)

const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string' },
    mutants: { type: 'boolean' },
    mutant: { type: 'string' },
    'until-caught': { type: 'string' },
  },
})

if (flags.seed !== undefined) {
  const { configuration, violation } = runCluster(Number(flags.seed), print)
  print(`${configuration}: ${violation ?? 'held'}`)
  process.exitCode = violation === null ? 0 : 1
} else if (flags['until-caught'] !== undefined) {
  process.exitCode = hunt(Number(flags['until-caught'])) ? 0 : 1
} else if (flags.mutants === true || flags.mutant !== undefined) {
  process.exitCode = catchMutants(flags.mutant) ? 0 : 1
} else {
  process.exitCode = sweep(Number(flags.from), Number(flags.seeds)) ? 0 : 1
}

function sweep(from: number, count: number): boolean {
  const stats = new Map<string, number>()
  const failures = new Map<string, { count: number; seed: number }>()
  for (let seed = from; seed < from + count; seed++) {
    const outcome = runCluster(seed)
    for (const [what, times] of outcome.stats) stats.set(what, (stats.get(what) ?? 0) + times)
    if (outcome.violation === null) continue
    const key = `${outcome.configuration}: ${outcome.violation.replace(/\d+/g, '#')}`
    const known = failures.get(key)
    failures.set(key, { count: (known?.count ?? 0) + 1, seed: known?.seed ?? seed })
  }
  for (const [what, times] of [...stats].sort()) print(`${String(times).padStart(9)}  ${what}`)
  let failed = 0
  for (const [what, { count: times, seed }] of failures) {
    failed += times
    print(`FAILED ${times}: ${what} (--seed ${seed})`)
  }
  print(`${count - failed} passed, ${failed} failed`)
  return failed === 0
}

/** In a process that was started with a known bug: the first seed that shows it. */
function hunt(seedsMax: number): boolean {
  for (let seed = 0; seed < seedsMax; seed++) {
    const { violation, configuration } = runCluster(seed)
    if (violation === null) continue
    print(`seed ${seed}, ${configuration}: ${violation}`)
    return true
  }
  return false
}

function catchMutants(only: string | undefined): boolean {
  const mutants = REPLICATION_MUTANTS.filter(
    ({ name, clusterSeeds }) => (clusterSeeds ?? 0) > 0 && (only === undefined || name === only),
  )
  let missed = 0
  for (const mutant of mutants) {
    const { execArgv, env } = mutantRun(mutant)
    const args = [...execArgv, SCRIPT, '--until-caught', String(mutant.clusterSeeds)]
    const child = spawnSync(process.execPath, args, { env: { ...process.env, ...env }, encoding: 'utf8' })
    const isCaught = child.status === 0
    if (!isCaught) missed += 1
    const what = isCaught ? child.stdout.trim() : child.stderr.trim() || `not in ${mutant.clusterSeeds} seeds`
    print(`${isCaught ? 'caught' : 'MISSED'}  ${mutant.name}: ${what}`)
  }
  print(`${mutants.length - missed} passed, ${missed} failed`)
  return missed === 0
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
