/**
 * `npm run bench:engine [-- --only NAME] [--directory DIR] [--json]`: the engine's figures at the BlockDevice port
 * against the bars of docs/performance.md. Writes bench/results/engine-<time>.json. Exit 1 when a bar is missed.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writeAmplification } from './engine/amplification.ts'
import { flushLoop } from './engine/flush-loop.ts'
import { memory } from './engine/memory.ts'
import { randomIo } from './engine/random-io.ts'
import { fillLog, reopen } from './engine/reopen.ts'
import { type Row, Workbench } from './engine/workbench.ts'

const BENCHES = {
  random: randomIo,
  flush: flushLoop,
  amplification: writeAmplification,
  reopen,
  memory,
} as const

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    directory: { type: 'string', default: '.basalt/bench' },
    json: { type: 'boolean', default: false },
    'fill-log': { type: 'string' },
  },
})

if (values['fill-log'] !== undefined) await fillLog(values['fill-log'])
else {
  const rows: Row[] = []
  for (const [name, run] of Object.entries(BENCHES)) {
    if (values.only !== undefined && values.only !== name) continue
    const bench = Workbench.open(values.directory)
    try {
      for (const row of await run(bench)) {
        rows.push(row)
        const bar = row.bar ? `${row.bar.isReached ? 'reached' : 'MISSED'} (bar ${row.bar.text})` : ''
        if (!values.json) console.log(`${row.what.padEnd(72)} ${row.figure}  ${bar}`)
      }
    } finally {
      bench.close()
    }
  }
  if (values.json) console.log(JSON.stringify(rows, undefined, 2))
  if (values.only === undefined) {
    const results = join(import.meta.dirname, 'results')
    mkdirSync(results, { recursive: true })
    const at = new Date().toISOString().replace(/[:.]/g, '-')
    writeFileSync(
      join(results, `engine-${at}.json`),
      `${JSON.stringify({ at, node: process.version, rows }, undefined, 2)}\n`,
    )
  }
  process.exitCode = rows.some((row) => row.bar?.isReached === false) ? 1 : 0
}
