/** A process that runs the seeds it is sent and answers each with what came of it. */
import { runClusterSeed } from './cluster-sim.ts'
import { CLUSTER_FAULTS } from './profile.ts'
import type { SeedResult } from './report.ts'

const [operations, faults] = process.argv.slice(2)
const names = (faults ?? '').split(',')
const only = faults === '' ? undefined : CLUSTER_FAULTS.filter((one) => names.includes(one))

process.on('unhandledRejection', () => undefined)
process.on('uncaughtException', () => undefined)

process.on('message', (seed: number) => {
  void run(seed).then((result) => process.send?.(result))
})

async function run(seed: number): Promise<SeedResult> {
  const before = process.cpuUsage()
  const options = { operations: Number(operations), ...(only !== undefined && { only }) }
  const { configuration, violation, counts, virtualMs } = await runClusterSeed(seed, options)
  const { user, system } = process.cpuUsage(before)
  const cpuMs = (user + system) / 1000
  return { seed, configuration, violation, counts: [...counts], virtualMs, cpuMs }
}
