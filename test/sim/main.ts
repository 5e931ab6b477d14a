/**
 * `npm run sim:volume`: random histories of one volume, and, of every fourth seed, of a clone that is filled.
 *
 *   --seed N     the first seed, 1 by default
 *   --seeds K    how many seeds, 1 by default (100 without --seed)
 *   --ops M      client operations of each, 300 by default
 *   --faults F,… these instead of what each seed draws: see `SWARM_FAULTS` in profile.ts
 *   --failures F stop after so many, 10 by default
 *   --verbose    outcomes and faults of each seed
 *   --mutants    instead: every known bug that the simulator must catch; --mutant NAME only this one
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { MUTANTS } from '../mutants/catalogue.ts'
import { mutantRun } from '../mutants/launch.ts'
import { SNAPSHOT_MUTANTS } from '../mutants/snapshots.ts'
import { simulateClone } from './clone-sim.ts'
import { SWARM_FAULTS, type Swarm } from './profile.ts'
import { describeSeed, type SimResult, simulate } from './volume-sim.ts'

const { values: flags } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    ops: { type: 'string', default: '300' },
    verbose: { type: 'boolean' },
    mutants: { type: 'boolean' },
    mutant: { type: 'string' },
    faults: { type: 'string' },
    failures: { type: 'string', default: '10' },
  },
})

const first = Number(flags.seed ?? 1)
const count = Number(flags.seeds ?? (flags.seed === undefined ? 100 : 1))
const steps = Number(flags.ops)
const failuresMax = Number(flags.failures)
const faults = parseFaults(flags.faults)
/** Every so manieth seed fills a clone too. */
const CLONE_EACH = 4
const SCRIPT = fileURLToPath(import.meta.url)
let current = first
let failed = 0
const totals: Record<string, number> = {}

process.on('unhandledRejection', (error) => {
  report(current, error)
  process.exit(1)
})

if (flags.mutants === true || flags.mutant !== undefined) await catchMutants()
else await runSeeds()

async function runSeeds(): Promise<void> {
  const started = performance.now()
  for (current = first; current < first + count && failed < failuresMax; current++) {
    try {
      add(await simulate(current, steps, faults))
      if (current % CLONE_EACH === 0 && faults === undefined) await clone(current)
    } catch (error) {
      report(current, error)
      failed++
    }
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  print(`${current - first} seeds, ${failed} failed, ${seconds} s: ${JSON.stringify(totals)}`)
  process.exitCode = failed === 0 ? 0 : 1
}

async function clone(seed: number): Promise<void> {
  totals.clones = (totals.clones ?? 0) + 1
  totals['lives of clones'] = (totals['lives of clones'] ?? 0) + (await simulateClone(seed, steps))
}

/** Runs the seeds of each mutant in a process that has it; a mutant that passes them all has survived. */
async function catchMutants(): Promise<void> {
  for (const mutant of [...MUTANTS, ...SNAPSHOT_MUTANTS]) {
    const seeds = mutant.simSeeds
    if (seeds === undefined || (flags.mutant !== undefined && flags.mutant !== mutant.name)) continue
    const { execArgv, env } = mutantRun(mutant)
    const args = [...execArgv, SCRIPT, '--seeds', String(seeds), '--ops', String(steps), '--failures', '1']
    if (mutant.simFaults !== undefined) args.push('--faults', mutant.simFaults)
    const { status, stdout } = spawnSync(process.execPath, args, {
      env: { ...process.env, ...env },
      encoding: 'utf8',
    })
    const verdict = /failed: (.*)/.exec(stdout)?.[1]
    const isCaught = status === 1 && verdict !== undefined && !/^(Reference|Type|Syntax)Error/.test(verdict)
    print(`known bug ${mutant.name}: ${isCaught ? `caught: ${verdict}` : `SURVIVED ${seeds} seeds`}`)
    if (!isCaught) process.exitCode = 1
  }
}

function parseFaults(text: string | undefined): Swarm | undefined {
  const names = text?.split(',')
  const unknown = names?.find((name) => !SWARM_FAULTS.some((one) => one === name))
  if (unknown !== undefined) {
    print(`--faults: there is no ${unknown}; there are ${SWARM_FAULTS.join(', ')}`)
    process.exit(2)
  }
  return names && SWARM_FAULTS.filter((one) => names.includes(one))
}

function add(result: SimResult): void {
  const { seed, lives, crashes, faults, lost, traceHash, outcomes } = result
  const sums = { steps: result.steps, lives, crashes, lost: lost === undefined ? 0 : 1, ...faults }
  for (const [key, value] of Object.entries(sums)) totals[key] = (totals[key] ?? 0) + value
  if (flags.verbose !== true) return
  print(
    `seed ${seed}: trace ${traceHash}, ${lives} lives, ${crashes} crashes${lost === undefined ? '' : `, lost: ${lost}`}`,
  )
  print(`  faults ${JSON.stringify(faults)}`)
  print(`  outcomes ${JSON.stringify(Object.fromEntries(outcomes))}`)
}

function report(seed: number, error: unknown): void {
  print(`seed ${seed} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  print(`  drawn: ${describeSeed(seed, faults)}`)
  print(
    `  npm run sim:volume -- --seed ${seed} --ops ${steps}${flags.faults === undefined ? '' : ` --faults ${flags.faults}`}`,
  )
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
