/**
 * `npm run bench:snapshots [-- --rounds 5] [--only writes|create|backup] [--directory DIR] [--json]`: what snapshots cost
 * those who write, how long one takes to be made, and how fast backups go against a plain copy of a file. The engine and
 * the repository in this process, on a real disk. A whole run is kept in `bench/results/`. Exit 1 when a bar is missed.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Workbench } from './engine/workbench.ts'
import { conditions, preferThisSession } from './session.ts'
import { measureBackup } from './snapshots/backup.ts'
import { measureCreate } from './snapshots/create.ts'
import type { Verdict } from './snapshots/figures.ts'
import { measureWrites } from './snapshots/writes.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    directory: { type: 'string', default: '.basalt/bench' },
    json: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const say = (line: string): void => {
  if (!values.json) console.log(line)
}
const verdicts: Verdict[] = []

/** Each part has a place of its own, which is gone after it. */
async function part<T>(name: string, measure: (bench: Workbench) => Promise<T>): Promise<T | undefined> {
  if (values.only !== '' && values.only !== name) return undefined
  // what an earlier part left is not to be written back beside this one
  execFileSync('sync')
  const bench = Workbench.open(resolve(values.directory))
  const clean = (): void => bench.close()
  process.once('exit', clean)
  try {
    return await measure(bench)
  } finally {
    clean()
    process.off('exit', clean)
  }
}

preferThisSession()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
const writes = await part('writes', (bench) => measureWrites(bench, { rounds, say, verdicts }))
const create = await part('create', (bench) => measureCreate(bench, { say, verdicts }))
const backup = await part('backup', (bench) => measureBackup(bench, { rounds, say }))
const record = { ...conditions(), rounds, writes, create, backup, verdicts }
if (values.json) console.log(JSON.stringify(record, undefined, 2))
if (values.only === '') {
  const results = join(import.meta.dirname, 'results')
  mkdirSync(results, { recursive: true })
  const path = join(results, `${record.at.slice(0, 10)}-snapshots.json`)
  writeFileSync(path, `${JSON.stringify(record, undefined, 2)}\n`)
  console.error(`kept in ${path}`)
}
process.exitCode = verdicts.every(({ isReached }) => isReached) ? 0 : 1
