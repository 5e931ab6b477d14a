/** One run of the load generator against a volume, in a process of its own, and rounds of them. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { BenchResult } from '../../src/bench/result.ts'
import { until } from '../../test/e2e/replication/fixture/cluster.ts'
import type { MeasuredVolume } from './modes.ts'

const BASALT = join(import.meta.dirname, '..', '..', 'basalt')
const SETTLE_MS = 30_000

interface Sample {
  readonly iops: number
  readonly p50Us: number
  readonly p99Us: number
}

interface Spread {
  readonly median: number
  readonly least: number
  readonly greatest: number
  readonly all: readonly number[]
}

export interface WorkResult {
  readonly work: string
  readonly volumes: Readonly<
    Record<string, { readonly iops: Spread; readonly p50Us: Spread; readonly p99Us: Spread }>
  >
  /** Of each volume against the first, the median of the rounds' ratios. */
  readonly ratios: Readonly<Record<string, number>>
}

export interface Work {
  readonly name: string
  /** Flags of `basalt bench`. */
  readonly flags: readonly string[]
}

/** Rounds alternate between the volumes; after each load what was written is brought to where it stays. */
export async function measureWork(
  { name, flags }: Work,
  volumes: readonly MeasuredVolume[],
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<WorkResult> {
  const samples = new Map(volumes.map((volume) => [volume.name, [] as Sample[]]))
  for (let round = 0; round < rounds; round++) {
    for (const volume of volumes) {
      samples.get(volume.name)?.push(await runLoad(volume, [...flags, '--seconds', String(seconds)]))
      await settle(volume)
    }
  }
  const first = samples.get(volumes[0]!.name) ?? []
  return {
    work: name,
    volumes: Object.fromEntries(
      [...samples].map(([volume, all]) => [
        volume,
        {
          iops: spread(all.map(({ iops }) => iops)),
          p50Us: spread(all.map(({ p50Us }) => p50Us)),
          p99Us: spread(all.map(({ p99Us }) => p99Us)),
        },
      ]),
    ),
    ratios: Object.fromEntries(
      [...samples].map(([volume, all]) => [
        volume,
        spread(all.map(({ iops }, round) => iops / (first[round]?.iops ?? Number.NaN))).median,
      ]),
    ),
  }
}

/** The figures of its writes. */
async function runLoad({ url }: MeasuredVolume, flags: readonly string[]): Promise<Sample> {
  const command = ['bench', '--iscsi', url, '--yes-destroy-data', '--json', ...flags]
  const { stdout } = await promisify(execFile)(BASALT, command)
  const { write } = JSON.parse(stdout) as BenchResult
  if (write === undefined) throw new Error(`${url}: nothing was measured`)
  const { iops, p50Us, p99Us } = write
  return { iops, p50Us, p99Us }
}

/** Waits until every running replica has its log in its extents, so that nobody else pays for it. */
async function settle({ name, volume }: MeasuredVolume): Promise<void> {
  await until(`${name} is at rest`, SETTLE_MS, async () => {
    const running = volume.servers.filter(({ isRunning }) => isRunning)
    const dirty = await Promise.all(
      running.map(async (server) => {
        const replica = (await server.status()).replicas.find(({ volume: of }) => of === volume.uuid)
        return replica?.dirtyBlocks ?? 0
      }),
    )
    return dirty.every((blocks) => blocks === 0) ? true : undefined
  })
}

function spread(all: readonly number[]): Spread {
  const sorted = all.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  const median = sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2
  return { median, least: sorted[0] ?? Number.NaN, greatest: sorted.at(-1) ?? Number.NaN, all }
}
