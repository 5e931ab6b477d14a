/**
 * 4 KiB random writes at the BlockDevice port while snapshots are alive. Rounds go from volume to volume, so that whatever the
 * machine does meanwhile meets all of them; ratios are of the same round. There are two phases, which cost differently:
 *
 *   first   every block for the first time since the newest snapshot: its old version is preserved, so that each block is
 *           read once and written twice more than without
 *   steady  the same blocks again: nothing is preserved any more
 *
 * Each phase goes over the span once, several laps of the log, so that the host is slowed by the flush as it is in the long run.
 */
import { BLOCK_BYTES, MIB } from '../../src/base/units.ts'
import type { Volume } from '../../src/blockvol/volume.ts'
import { atDepth, Latencies, type Workbench } from '../engine/workbench.ts'
import { judge, type Say, type Spread, shown, spread, type Verdict } from './figures.ts'

const SPAN_BYTES = 128 * MIB
const SPAN_BLOCKS = SPAN_BYTES / BLOCK_BYTES
const LOG_BYTES = 32 * MIB
const DEPTH = 32
const ALIVE = [0, 1, 10] as const
const LEAST_RATIO = 0.7
const PHASES = ['first', 'steady'] as const
type Phase = (typeof PHASES)[number]

interface Sample {
  /** As the host sees it: until the last write was acknowledged. */
  readonly iops: number
  /** Until all of it was in the extents, too. */
  readonly flushedIops: number
  readonly p50Us: number
  readonly p99Us: number
}

export interface WritesResult {
  readonly phase: Phase
  readonly alive: number
  readonly iops: Spread
  readonly flushedIops: Spread
  readonly p50Us: Spread
  readonly p99Us: Spread
  /** Of `iops` against no snapshot, by rounds. */
  readonly ratio: Spread
}

export async function measureWrites(
  bench: Workbench,
  { rounds, say, verdicts }: { rounds: number; say: Say; verdicts: Verdict[] },
): Promise<WritesResult[]> {
  const loads: SnappedVolume[] = []
  for (const alive of ALIVE) loads.push(await SnappedVolume.make(bench, alive))
  const samples = new Map<string, Sample[]>()
  for (let round = 0; round < rounds; round++) {
    for (const load of loads) {
      await load.renewSnapshot()
      for (const phase of PHASES) {
        const key = `${phase} ${load.alive}`
        samples.set(key, [...(samples.get(key) ?? []), await load.overwrite()])
      }
    }
  }
  const results: WritesResult[] = []
  for (const phase of PHASES) {
    say(
      phase === 'first' ? 'writes of each block for the first time since the snapshot' : 'writes after that',
    )
    const without = samples.get(`${phase} 0`) ?? []
    for (const alive of ALIVE) {
      const all = samples.get(`${phase} ${alive}`) ?? []
      const of = (figure: (sample: Sample) => number): Spread => spread(all.map(figure))
      const result = {
        phase,
        alive,
        iops: of(({ iops }) => iops),
        flushedIops: of(({ flushedIops }) => flushedIops),
        p50Us: of(({ p50Us }) => p50Us),
        p99Us: of(({ p99Us }) => p99Us),
        ratio: spread(all.map(({ iops }, round) => iops / (without[round]?.iops ?? Number.NaN))),
      }
      results.push(result)
      say(
        `  ${String(alive).padStart(2)} snapshots  ${shown(result.iops)} IOPS, with the flush ${shown(result.flushedIops)}, ` +
          `p50 ${result.p50Us.median.toFixed(0)} µs, p99 ${shown(result.p99Us)} µs, ${shown(result.ratio, 2)}x`,
      )
      if (alive === 1) {
        const value = result.ratio.median
        const what = `IOPS with one snapshot, ${phase === 'first' ? 'first overwrite' : 'steady state'}`
        judge(verdicts, say, { what, value, bar: `≥ ${LEAST_RATIO}x`, isReached: value >= LEAST_RATIO })
      }
    }
  }
  for (const load of loads) await load.close()
  return results
}

/** A volume with so many snapshots alive, each of which holds a version of every block. */
class SnappedVolume {
  readonly alive: number
  readonly #volume: Volume
  readonly #blocks = Uint32Array.from({ length: SPAN_BLOCKS }, (_, block) => block)
  readonly #buffers = Array.from({ length: DEPTH }, () => crypto.getRandomValues(new Uint8Array(BLOCK_BYTES)))
  #made = 0n

  private constructor(volume: Volume, alive: number) {
    this.#volume = volume
    this.alive = alive
  }

  static async make(bench: Workbench, alive: number): Promise<SnappedVolume> {
    const { volume } = await bench.volume({ sizeBytes: 2 * SPAN_BYTES, logBytes: LOG_BYTES })
    const made = new SnappedVolume(volume, alive)
    await made.overwrite()
    for (let i = 1; i < alive; i++) {
      await made.#snapshot()
      await made.overwrite()
    }
    return made
  }

  /** The newest snapshot is of now; as many are alive as before, and what the oldest held is given back. */
  async renewSnapshot(): Promise<void> {
    if (this.alive === 0) return
    const [oldest] = this.#volume.snapshots()
    if (this.#volume.snapshots().length === this.alive && oldest !== undefined) {
      await this.#volume.deleteSnapshot(oldest.id)
    }
    await this.#snapshot()
    await this.#volume.checkpoint()
    while ((await this.#volume.snapshotUsage()).freeingBytes > 0) await breath()
  }

  /** Writes every block of the span once, in no order. The volume is at rest when the promise resolves. */
  async overwrite(): Promise<Sample> {
    shuffle(this.#blocks)
    const latencies = new Latencies()
    const startMs = performance.now()
    await atDepth(DEPTH, SPAN_BLOCKS, async (i) => {
      const beganMs = performance.now()
      await this.#volume.write((this.#blocks[i] ?? 0) * BLOCK_BYTES, this.#buffers[i % DEPTH]!)
      latencies.add((performance.now() - beganMs) * 1000)
    })
    const acknowledgedMs = performance.now() - startMs
    await this.#volume.checkpoint()
    const flushedMs = performance.now() - startMs
    return {
      iops: (SPAN_BLOCKS * 1000) / acknowledgedMs,
      flushedIops: (SPAN_BLOCKS * 1000) / flushedMs,
      p50Us: latencies.quantile(0.5),
      p99Us: latencies.quantile(0.99),
    }
  }

  async close(): Promise<void> {
    await this.#volume.close()
  }

  async #snapshot(): Promise<void> {
    const id = ++this.#made
    await this.#volume.createSnapshot({ id, name: `s${id}` })
  }
}

const breath = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))

function shuffle(items: Uint32Array): void {
  for (let i = items.length - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * (i + 1))
    const kept = items[i] ?? 0
    items[i] = items[other] ?? 0
    items[other] = kept
  }
}
