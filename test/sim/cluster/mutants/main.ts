/**
 * `npm run sim:mutants`: known bugs, each of which must be caught by a directed scenario or by random seeds of the cluster
 * simulator; prints by which.
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
import { REPLICATION_MUTANTS } from '../../../mutants/replication.ts'
import { HUNTS } from './hunts.ts'

const HUNT = fileURLToPath(new URL('hunt.ts', import.meta.url))

const { values: flags } = parseArgs({
  options: {
    mutant: { type: 'string' },
    seeds: { type: 'string', default: '40' },
    workers: { type: 'string', default: '2' },
  },
})

const only = flags.mutant?.split(',')
const queue = [...REPLICATION_MUTANTS, ...CLUSTER_MUTANTS].filter(
  ({ name }) => HUNTS[name] !== undefined && (only === undefined || only.includes(name)),
)
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

/** What showed the bug, and where. */
function hunt(mutant: Mutant): Promise<string | undefined> {
  const { execArgv, env } = mutantRun(mutant)
  const { scenario = '-', from = 1 } = HUNTS[mutant.name] ?? {}
  const args = [scenario, String(from), flags.seeds]
  const child = spawn(process.execPath, [...execArgv, HUNT, ...args], {
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
      resolve(code === 3 && isOfTheMutant ? verdict : undefined)
    })
  })
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
