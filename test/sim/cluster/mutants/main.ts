/**
 * `npm run sim:mutants`: known bugs, each of which must be caught by a directed scenario, by random seeds of the cluster
 * simulator, or by the clusters of models; prints by which.
 *
 *   --mutant NAME,…  only these
 *   --seeds N        random seeds that each gets at most, 40 by default
 *   --workers W      processes at once, 2 by default
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Mutant } from '../../../mutants/catalogue.ts'
import { CLUSTER_MUTANTS } from '../../../mutants/cluster.ts'
import { mutantRun } from '../../../mutants/launch.ts'
import { MASTER_MUTANTS } from '../../../mutants/masters.ts'
import { PATH_MUTANTS } from '../../../mutants/paths.ts'
import { REPLICATION_MUTANTS } from '../../../mutants/replication.ts'
import { HUNTS } from './hunts.ts'

const HUNT = fileURLToPath(new URL('hunt.ts', import.meta.url))
const MODEL = fileURLToPath(new URL('../../../cluster/main.ts', import.meta.url))

const { values: flags } = parseArgs({
  options: {
    mutant: { type: 'string' },
    seeds: { type: 'string', default: '40' },
    workers: { type: 'string', default: '2' },
  },
})

const only = flags.mutant?.split(',')
const queue: (Mutant & { readonly clusterSeeds?: number })[] = [
  ...REPLICATION_MUTANTS,
  ...CLUSTER_MUTANTS,
  ...PATH_MUTANTS,
  ...MASTER_MUTANTS,
].filter(({ name }) => only === undefined || only.includes(name))
let caught = 0
let survived = 0
await Promise.all(Array.from({ length: Number(flags.workers) }, work))
print(`${caught} passed, ${survived} failed`)
process.exitCode = survived === 0 ? 0 : 1

async function work(): Promise<void> {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const started = performance.now()
    const verdict = await hunt(mutant)
    const seconds = ((performance.now() - started) / 1000).toFixed(0)
    if (verdict === undefined) survived += 1
    else caught += 1
    print(
      `${verdict === undefined ? 'SURVIVED' : 'caught  '} ${mutant.name} (${seconds} s): ${verdict ?? 'nothing showed it'}`,
    )
  }
}

/** The script that hunts it, its arguments, and its exit code when it found it. */
function huntOf({ name, clusterSeeds }: (typeof queue)[number]): { args: string[]; found: number } {
  const known = HUNTS[name]
  if (known === undefined) return { args: [MODEL, '--until-caught', String(clusterSeeds ?? 0)], found: 0 }
  const { scenario = '-', from = 1 } = known
  return { args: [HUNT, scenario, String(from), flags.seeds], found: 3 }
}

/** What showed the bug, and where. */
function hunt(mutant: (typeof queue)[number]): Promise<string | undefined> {
  const { execArgv, env } = mutantRun(mutant)
  const { args, found } = huntOf(mutant)
  const child = spawn(process.execPath, [...execArgv, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  return new Promise((resolve) => {
    child.on('close', (code) => {
      const verdict = output.trim().split('\n')[0]
      const isOfTheMutant = verdict !== undefined && !/: (?:Reference|Type|Syntax)Error/.test(verdict)
      resolve(code === found && isOfTheMutant ? verdict : undefined)
    })
  })
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
