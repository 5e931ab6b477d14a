/**
 * How `npm run fuzz:iscsi` and `npm run fuzz:nvme` run: hostile streams in process, then over TCP, beside a host that must
 * not notice.
 *
 *   --seed N      the first stream's seed, 1 by default
 *   --streams K   streams in process, 100000 by default
 *   --together K  so many of them beside each other, 3 by default
 *   --tcp K       streams over TCP, 1000 by default
 *
 * Streams that break something are named by the flags that run them again. The last line is
 * `N passed, N failed`, counting streams and floods.
 */
import { parseArgs } from 'node:util'
import { MIB } from '../../../src/base/units.ts'
import { heldBytes } from './memory.ts'

/** A target in this process, over a network and a clock of the test's own. */
interface InProcess {
  readonly totals: { readonly streams: number }
  run(...seeds: number[]): Promise<void>
  close(): Promise<void>
}

/** A target behind real sockets. */
interface OverTcp {
  readonly totals: { readonly streams: number }
  run(seed: number): Promise<void>
  flood(count: number, says: 'nothing' | 'a byte at a time'): Promise<void>
  close(): Promise<void>
}

export interface FuzzSuite<Tcp extends OverTcp> {
  readonly inProcess: (seed: number) => Promise<InProcess>
  readonly overTcp: (seed: number) => Promise<Tcp>
  /** What else is tried over TCP, by name. */
  readonly floods: Readonly<Record<string, (fuzz: Tcp) => Promise<void>>>
}

const { values: flags } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    streams: { type: 'string', default: '100000' },
    together: { type: 'string', default: '3' },
    tcp: { type: 'string', default: '1000' },
  },
})
const first = Number(flags.seed)
const together = Number(flags.together)
const TCP_AT_ONCE = 8
const FAILURES_MAX = 10
/** After the first streams everything that is kept for good is there; from then on nothing may grow. */
const WARM_UP_STREAMS = 2000
const GROWTH_BYTES_MAX = 16 * MIB

let passed = 0
let failed = 0
let current = 'the start'

const print = (text: string): void => void process.stdout.write(`${text}\n`)
const describe = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)
const rate = (count: number, startedMs: number): string =>
  `${count} in ${((performance.now() - startedMs) / 1000).toFixed(1)} s, ${Math.round((count * 1000) / (performance.now() - startedMs))}/s`

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error) => {
    print(`${current} crashed the target: ${describe(error)}`)
    print(`${passed} passed, ${failed + 1} failed`)
    process.exit(1)
  })
}

/** Runs one thing and counts it. */
async function attempt(name: string, work: () => Promise<void>): Promise<void> {
  current = name
  try {
    await work()
    passed++
  } catch (error) {
    failed++
    print(`${name} failed: ${describe(error)}`)
  }
}

async function inProcess(start: (seed: number) => Promise<InProcess>, streams: number): Promise<void> {
  let fuzz = await start(first)
  const startedMs = performance.now()
  let warmBytes = 0
  for (let seed = first; seed < first + streams && failed < FAILURES_MAX; seed += together) {
    const before = failed
    const seeds = Array.from({ length: together }, (_, i) => seed + i)
    const again = `--seed ${seed} --streams ${together} --together ${together} --tcp 0`
    await attempt(again, () => fuzz.run(...seeds))
    // What a failure left may fail all that follows.
    if (failed > before) fuzz = await start(seed)
    if (warmBytes === 0 && seed >= first + WARM_UP_STREAMS) warmBytes = heldBytes()
  }
  print(`in process: ${rate(fuzz.totals.streams, startedMs)}, ${JSON.stringify(fuzz.totals)}`)
  await attempt('the end of the streams in process', () => fuzz.close())
  if (streams <= WARM_UP_STREAMS) return
  const grownBytes = heldBytes() - warmBytes
  print(
    `memory: ${(warmBytes / MIB).toFixed(1)} MiB after ${WARM_UP_STREAMS} streams, grown by ${(grownBytes / MIB).toFixed(1)} MiB since`,
  )
  await attempt('bounded memory', async () => {
    if (grownBytes > GROWTH_BYTES_MAX) throw new Error(`memory grew by ${grownBytes} bytes`)
  })
}

async function overTcp<Tcp extends OverTcp>(suite: FuzzSuite<Tcp>, streams: number): Promise<void> {
  const fuzz = await suite.overTcp(first)
  const startedMs = performance.now()
  let next = first
  const worker = async (): Promise<void> => {
    while (next < first + streams && failed < FAILURES_MAX) {
      const seed = next++
      await attempt(`the stream with seed ${seed} over TCP`, () => fuzz.run(seed))
    }
  }
  await Promise.all(Array.from({ length: TCP_AT_ONCE }, worker))
  print(`over TCP: ${rate(fuzz.totals.streams, startedMs)}`)
  await attempt('500 connections that say nothing', () => fuzz.flood(500, 'nothing'))
  await attempt('500 connections that say a byte at a time', () => fuzz.flood(500, 'a byte at a time'))
  for (const [name, flood] of Object.entries(suite.floods)) await attempt(name, () => flood(fuzz))
  await attempt('the host beside, over TCP', () => fuzz.close())
  print(`over TCP, all: ${JSON.stringify(fuzz.totals)}`)
}

/** Runs it all; the exit code says whether everything passed. */
export async function fuzzMain<Tcp extends OverTcp>(suite: FuzzSuite<Tcp>): Promise<void> {
  if (Number(flags.streams) > 0) await inProcess(suite.inProcess, Number(flags.streams))
  if (Number(flags.tcp) > 0) await overTcp(suite, Number(flags.tcp))
  print(`${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
}
