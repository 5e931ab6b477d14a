/**
 * `npm run fuzz:replication`: hostile peers against the replication ports of two servers, beside a volume that hosts
 * write to.
 *
 *   --seed N      the first stream's seed, 1 by default
 *   --streams K   streams, 5000 by default
 *
 * Streams that break something are named by their seeds. The last line is `N passed, N failed`, counting streams,
 * floods, and what has to hold at the end.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ReplicationFuzz } from './tcp.ts'

const { values: flags } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, streams: { type: 'string', default: '5000' } },
})
const first = Number(flags.seed)
const streams = Number(flags.streams)
const AT_ONCE = 8
const FAILURES_MAX = 10
/** After so many streams everything that is kept for good is there. */
const WARM_UP_SHARE = 0.25

let passed = 0
let failed = 0
const print = (text: string): void => void process.stdout.write(`${text}\n`)

/** Runs one thing and counts it. */
async function attempt(name: string, work: () => Promise<unknown>): Promise<void> {
  try {
    const more = await work()
    passed++
    if (typeof more === 'string') print(`${name}: ${more}`)
  } catch (error) {
    failed++
    print(`${name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  }
}

const directory = mkdtempSync(join(tmpdir(), 'basalt-fuzz-replication-'))
process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
const fuzz = await ReplicationFuzz.start(directory)
try {
  let next = first
  const worker = async (): Promise<void> => {
    while (next < first + streams && failed < FAILURES_MAX) {
      const seed = next++
      if (seed === first + Math.floor(streams * WARM_UP_SHARE)) fuzz.warm()
      await attempt(`the stream with seed ${seed}`, () => fuzz.run(seed))
    }
  }
  const beganMs = performance.now()
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  print(`${streams} streams in ${((performance.now() - beganMs) / 1000).toFixed(1)} s`)
  await attempt('300 connections that say nothing', () => fuzz.flood(300, 'nothing'))
  await attempt('300 connections that say a byte at a time', () => fuzz.flood(300, 'a byte at a time'))
  await attempt('memory', async () => `grown by ${(fuzz.checkMemory() / 2 ** 20).toFixed(1)} MiB`)
  await attempt('logs', async () => `${fuzz.checkLogs()} lines about refusals`)
  await attempt('the volume beside', () => fuzz.close())
  print(JSON.stringify(fuzz.totals))
} finally {
  await fuzz.destroy()
}
print(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
