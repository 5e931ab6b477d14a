/**
 * How long making a snapshot takes while hosts write: acknowledged, so that it is durable. A flush of the same volume, asked for
 * in turn with it, is what the disk takes for that in any case.
 */
import { BLOCK_BYTES, MIB } from '../../src/base/units.ts'
import { Latencies, type Workbench } from '../engine/workbench.ts'
import { judge, type Say, type Verdict } from './figures.ts'

const SIZE_BYTES = 256 * MIB
const LOG_BYTES = 64 * MIB
const DEPTH = 32
const COUNT = 200
const ALIVE_MAX = 10
const EVERY_MS = 50
const MOST_MS = 50

export interface CreateResult {
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly flushP50Ms: number
  readonly flushP99Ms: number
  readonly flushMaxMs: number
  /** Of the writes meanwhile. */
  readonly iops: number
  readonly writeP99Us: number
  readonly writeMaxMs: number
}

export async function measureCreate(
  bench: Workbench,
  { say, verdicts }: { say: Say; verdicts: Verdict[] },
): Promise<CreateResult> {
  const { volume } = await bench.volume({ sizeBytes: SIZE_BYTES, logBytes: LOG_BYTES })
  const writes = new Latencies()
  let isOver = false
  let written = 0
  const host = async (): Promise<void> => {
    const content = crypto.getRandomValues(new Uint8Array(BLOCK_BYTES))
    while (!isOver) {
      const beganMs = performance.now()
      const block = Math.floor((Math.random() * SIZE_BYTES) / BLOCK_BYTES)
      await volume.write(block * BLOCK_BYTES, content)
      writes.add((performance.now() - beganMs) * 1000)
      written++
    }
  }
  const startMs = performance.now()
  const hosts = Array.from({ length: DEPTH }, host)
  const creates = new Latencies()
  const flushes = new Latencies()
  for (let i = 1; i <= COUNT; i++) {
    await timed(flushes, () => volume.flush())
    await timed(creates, () => volume.createSnapshot({ id: BigInt(i), name: `s${i}` }))
    if (i > ALIVE_MAX) await volume.deleteSnapshot(BigInt(i - ALIVE_MAX))
  }
  const seconds = (performance.now() - startMs) / 1000
  isOver = true
  await Promise.all(hosts)
  await volume.close()
  const result = {
    count: COUNT,
    p50Ms: creates.quantile(0.5) / 1000,
    p99Ms: creates.quantile(0.99) / 1000,
    maxMs: creates.quantile(1) / 1000,
    flushP50Ms: flushes.quantile(0.5) / 1000,
    flushP99Ms: flushes.quantile(0.99) / 1000,
    flushMaxMs: flushes.quantile(1) / 1000,
    iops: written / seconds,
    writeP99Us: writes.quantile(0.99),
    writeMaxMs: writes.quantile(1) / 1000,
  }
  say(
    `${COUNT} snapshots made while ${result.iops.toFixed(0)} blocks a second are written: p50 ${result.p50Ms.toFixed(1)} ms, ` +
      `p99 ${result.p99Ms.toFixed(1)} ms, longest ${result.maxMs.toFixed(1)} ms; ` +
      `a write meanwhile: p99 ${result.writeP99Us.toFixed(0)} µs, longest ${result.writeMaxMs.toFixed(0)} ms`,
  )
  say(
    `  a flush in turn with them: p50 ${result.flushP50Ms.toFixed(1)} ms, p99 ${result.flushP99Ms.toFixed(1)} ms, ` +
      `longest ${result.flushMaxMs.toFixed(1)} ms`,
  )
  const value = result.p99Ms
  judge(verdicts, say, {
    what: 'p99 of making a snapshot, in ms',
    value,
    bar: `≤ ${MOST_MS} ms`,
    isReached: value <= MOST_MS,
  })
  return result
}

async function timed(latencies: Latencies, run: () => Promise<unknown>): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
  const beganMs = performance.now()
  await run()
  latencies.add((performance.now() - beganMs) * 1000)
}
