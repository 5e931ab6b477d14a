/** Memory: growth while 4 MiB writes and a whole-volume discard of 64 TiB run; many idle volumes. */
import { GIB, MIB, TIB } from '../../src/base/units.ts'
import type { Volume } from '../../src/blockvol/volume.ts'
import { atDepth, type Row, type Workbench } from './workbench.ts'

const IDLE_VOLUMES = 100

/** Samples the process's resident memory while `work` runs; the greatest growth in bytes. */
async function growth(work: () => Promise<void>): Promise<number> {
  globalThis.gc?.()
  const before = process.memoryUsage.rss()
  let most = before
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss())
  }, 5)
  await work()
  clearInterval(timer)
  return Math.max(most, process.memoryUsage.rss()) - before
}

async function largeWrites(volume: Volume): Promise<void> {
  const buffers = Array.from({ length: 4 }, () => new Uint8Array(4 * MIB).fill(2))
  await atDepth(4, GIB / (4 * MIB), (i) => volume.write((i * 4 * MIB) % volume.sizeBytes, buffers[i % 4]!))
  await volume.checkpoint()
}

/** What blkdiscard does: ranges of 4 GiB, a few at a time. */
async function discardAll(volume: Volume): Promise<void> {
  const step = 4 * GIB
  await atDepth(8, volume.sizeBytes / step, (i) => volume.trim(i * step, step))
  await volume.checkpoint()
}

export async function memory(bench: Workbench): Promise<Row[]> {
  const rows: Row[] = []
  const { volume } = await bench.volume({ sizeBytes: 64 * TIB })
  // buffers of the load and the first use of everything are not the engine's growth
  await volume.write(0, new Uint8Array(4 * MIB))
  await volume.checkpoint()
  const writes = await growth(() => largeWrites(volume))
  const start = performance.now()
  const discard = await growth(() => discardAll(volume))
  const discardSeconds = (performance.now() - start) / 1000
  const { dirtyBlocks } = volume.status()
  const zeros = new Uint8Array(4 * MIB).fill(1)
  await volume.read(0, zeros)
  if (zeros.some((byte) => byte !== 0)) throw new Error('a discarded block does not read as zeros')
  await volume.close()
  for (const [what, bytes] of [
    ['memory growth while 1 GiB is written in 4 MiB writes', writes],
    [`memory growth while 64 TiB are discarded (${discardSeconds.toFixed(1)} s)`, discard],
  ] as const) {
    rows.push({
      what,
      figure: `${(bytes / MIB).toFixed(0)} MiB`,
      bar: { text: '≤ 64 MiB', isReached: bytes <= 64 * MIB },
      facts: { bytes, dirtyBlocks },
    })
  }
  rows.push(...(await idleVolumes(bench)))
  return rows
}

async function idleVolumes(bench: Workbench): Promise<Row[]> {
  const volumes: Volume[] = []
  for (let i = 0; i < IDLE_VOLUMES; i++) {
    const { volume } = await bench.volume({ sizeBytes: TIB, logBytes: 16 * MIB })
    await volume.write(0, new Uint8Array(MIB).fill(1))
    await volume.checkpoint()
    volumes.push(volume)
  }
  globalThis.gc?.()
  const cpu = process.cpuUsage()
  const start = performance.now()
  await new Promise((resolve) => setTimeout(resolve, 5_000))
  const used = process.cpuUsage(cpu)
  const share = (used.user + used.system) / 1000 / (performance.now() - start)
  const rss = process.memoryUsage.rss()
  await Promise.all(volumes.map((volume) => volume.close()))
  return [
    {
      what: `memory of the process with ${IDLE_VOLUMES} idle volumes of 1 TiB`,
      figure: `${(rss / MIB).toFixed(0)} MiB`,
      bar: { text: '≤ 400 MiB', isReached: rss <= 400 * MIB },
      facts: { rss },
    },
    {
      what: `CPU of ${IDLE_VOLUMES} idle volumes`,
      figure: `${(share * 100).toFixed(1)} % of a core`,
      bar: { text: '≤ 3 %', isReached: share <= 0.03 },
      facts: { share },
    },
  ]
}
