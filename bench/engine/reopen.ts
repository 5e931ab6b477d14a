/** Reopening after a crash with a full 256 MiB log: another process fills the log and is killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { BLOCK_BYTES, GIB, MIB, TIB } from '../../src/base/units.ts'
import { Volume } from '../../src/blockvol/volume.ts'
import { atDepth, type Row, Workbench } from './workbench.ts'

const FULL = 0.94

/** Child: fills the log of the volume in `directory` with random blocks, never flushes, says so and waits to be killed. */
export async function fillLog(directory: string): Promise<void> {
  const bench = Workbench.open(join(directory, '..', 'child'))
  const volume = await Volume.open(bench.ports, {
    directory,
    tuning: { flushWatermark: 1, softWatermark: 0.97, hardWatermark: 0.99, idleFlushMs: 3_600_000 },
  })
  const data = new Uint8Array(BLOCK_BYTES).fill(9)
  const blocks = volume.sizeBytes / BLOCK_BYTES
  const { log } = volume.status()
  while (volume.status().log.usedBytes < log.sizeBytes * FULL) {
    await atDepth(32, 512, () => volume.write(Math.floor(Math.random() * blocks) * BLOCK_BYTES, data))
  }
  await volume.flush()
  process.stdout.write('full\n')
  setInterval(() => undefined, 1 << 30)
}

export async function reopen(bench: Workbench): Promise<Row[]> {
  const rows: Row[] = []
  for (const [label, sizeBytes] of [
    ['1 GiB', GIB],
    ['16 TiB', 16 * TIB],
  ] as const) {
    const { volume, directory } = await bench.volume({ sizeBytes, logBytes: 256 * MIB })
    await volume.close()
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, '..', 'engine.ts'), '--fill-log', directory],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`the child ended with ${code}`))),
    ])
    child.kill('SIGKILL')
    await once(child, 'exit')
    const start = performance.now()
    const reopened = await Volume.open(bench.ports, { directory })
    const seconds = (performance.now() - start) / 1000
    const { dirtyBlocks, log } = reopened.status()
    await reopened.close()
    rows.push({
      what: `reopening after a kill with a full log, ${label} volume`,
      figure: `${seconds.toFixed(2)} s (${(log.usedBytes / MIB).toFixed(0)} MiB of log, ${dirtyBlocks} blocks)`,
      bar: { text: '≤ 2 s', isReached: seconds <= 2 },
      facts: { seconds, dirtyBlocks, logUsedBytes: log.usedBytes },
    })
  }
  return rows
}
