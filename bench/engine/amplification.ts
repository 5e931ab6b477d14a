/** Write amplification: bytes that the engine gives to the disk per byte written, without flushes. */
import { BLOCK_BYTES, GIB, MIB } from '../../src/base/units.ts'
import { atDepth, type Row, type Workbench } from './workbench.ts'

const VOLUME_BYTES = 4 * GIB

async function amplification(
  bench: Workbench,
  options: { spanBytes: number; writtenBytes: number; depth: number },
): Promise<{ ratio: number; seconds: number }> {
  const { volume } = await bench.volume({ sizeBytes: VOLUME_BYTES, logBytes: 256 * MIB })
  const data = new Uint8Array(BLOCK_BYTES).fill(5)
  const blocks = options.spanBytes / BLOCK_BYTES
  const start = performance.now()
  await atDepth(options.depth, options.writtenBytes / BLOCK_BYTES, () =>
    volume.write(Math.floor(Math.random() * blocks) * BLOCK_BYTES, data),
  )
  // what still lies in the log has to be counted to the end, or a short run would look better than a long one
  await volume.checkpoint()
  const seconds = (performance.now() - start) / 1000
  const { logBytes, extentBytes, metadataBytes, writeBytes } = volume.status().counters
  await volume.close()
  return { ratio: (logBytes + extentBytes + metadataBytes) / writeBytes, seconds }
}

export async function writeAmplification(bench: Workbench): Promise<Row[]> {
  const uniform = await amplification(bench, { spanBytes: VOLUME_BYTES, writtenBytes: 2 * GIB, depth: 32 })
  const hot = await amplification(bench, { spanBytes: 16 * MIB, writtenBytes: 2 * GIB, depth: 32 })
  const single = await amplification(bench, { spanBytes: VOLUME_BYTES, writtenBytes: GIB / 2, depth: 1 })
  return [
    {
      what: 'write amplification, uniform 4 KiB over 4 GiB, log 256 MiB, depth 32',
      figure: `${uniform.ratio.toFixed(2)} (2 GiB in ${uniform.seconds.toFixed(1)} s)`,
      bar: { text: '≤ 2.40', isReached: uniform.ratio <= 2.4 },
      facts: uniform,
    },
    {
      what: 'write amplification, hot set of 16 MiB, depth 32',
      figure: `${hot.ratio.toFixed(2)} (2 GiB in ${hot.seconds.toFixed(1)} s)`,
      bar: { text: '≤ 1.30', isReached: hot.ratio <= 1.3 },
      facts: hot,
    },
    {
      what: 'write amplification, uniform 4 KiB over 4 GiB, depth 1',
      figure: single.ratio.toFixed(2),
      bar: { text: '≤ 2.40', isReached: single.ratio <= 2.4 },
      facts: single,
    },
  ]
}
