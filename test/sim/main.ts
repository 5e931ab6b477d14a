/**
 * `npm run sim`: random histories of one volume.
 *
 *   --seed N     the first seed, 1 by default
 *   --seeds K    how many seeds, 1 by default (100 without --seed)
 *   --ops M      client operations of each, 300 by default
 *   --verbose    outcomes and faults of each seed
 */
import { parseArgs } from 'node:util'
import { describeSeed, type SimResult, simulate } from './volume-sim.ts'

const { values: flags } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    ops: { type: 'string', default: '300' },
    verbose: { type: 'boolean' },
  },
})

const first = Number(flags.seed ?? 1)
const count = Number(flags.seeds ?? (flags.seed === undefined ? 100 : 1))
const steps = Number(flags.ops)
let current = first
let failed = 0
const totals: Record<string, number> = {}

process.on('unhandledRejection', (error) => {
  report(current, error)
  process.exit(1)
})

const started = performance.now()
for (current = first; current < first + count && failed < 10; current++) {
  try {
    add(await simulate(current, steps))
  } catch (error) {
    report(current, error)
    failed++
  }
}
const seconds = ((performance.now() - started) / 1000).toFixed(1)
print(`${current - first} seeds, ${failed} failed, ${seconds} s: ${JSON.stringify(totals)}`)
process.exitCode = failed === 0 ? 0 : 1

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
  print(`  drawn: ${describeSeed(seed)}`)
  print(`  npm run sim -- --seed ${seed} --ops ${steps}`)
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
