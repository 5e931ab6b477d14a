/** In a process that has a known bug: exits with 3 and one line when a scenario or a seed shows it, with 0 when none does. */
import { runClusterSeed } from '../cluster-sim.ts'
import { runScenario } from '../scenarios/catalogue.ts'

const [scenario = '-', from = '1', seeds = '0'] = process.argv.slice(2)
process.on('unhandledRejection', () => undefined)
process.on('uncaughtException', () => undefined)

if (scenario !== '-') {
  const violation = await runScenario(scenario)
  if (violation !== undefined) found(`scenario ${scenario}: ${violation}`)
}
for (let seed = Number(from); seed < Number(from) + Number(seeds); seed++) {
  const { violation, configuration } = await runClusterSeed(seed)
  if (violation !== undefined) found(`seed ${seed}, ${configuration}: ${violation}`)
}
process.exit(0)

function found(what: string): never {
  process.stdout.write(`${what.split('\n')[0]?.slice(0, 240)}\n`)
  process.exit(3)
}
