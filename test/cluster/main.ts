/**
 * Random clusters of the replication engine.
 *
 *   node test/cluster/main.ts [--seeds N] [--from SEED]     runs them, prints what happened and how often
 *   node test/cluster/main.ts --seed SEED                   shows one
 *   node test/cluster/main.ts --mutants [NAME]              known bugs, each of which must be caught
 */
import { parseArgs } from 'node:util'
import { runCluster } from './cluster.ts'

const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string' },
  },
})

if (flags.seed !== undefined) {
  const { configuration, violation } = runCluster(Number(flags.seed), print)
  print(`${configuration}: ${violation ?? 'held'}`)
  process.exitCode = violation === null ? 0 : 1
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

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
