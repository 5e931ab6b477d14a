/** 4 KiB random reads and writes at the BlockDevice port, depth 1 and 32. */
import { BLOCK_BYTES, GIB, MIB } from '../../src/base/units.ts'
import { atDepth, Latencies, type Row, type Workbench } from './workbench.ts'

const VOLUME_BYTES = GIB
const SPAN_BYTES = 512 * MIB

export async function randomIo(bench: Workbench): Promise<Row[]> {
  const { volume } = await bench.volume({ sizeBytes: VOLUME_BYTES })
  const chunk = new Uint8Array(MIB).fill(1)
  for (let at = 0; at < SPAN_BYTES; at += MIB) await volume.write(at, chunk)
  await volume.checkpoint()
  const blocks = SPAN_BYTES / BLOCK_BYTES
  const offset = (): number => Math.floor(Math.random() * blocks) * BLOCK_BYTES
  const rows: Row[] = []
  const measure = async (
    what: string,
    depth: number,
    count: number,
    one: (slot: Uint8Array) => Promise<void>,
  ): Promise<void> => {
    const buffers = Array.from({ length: depth }, () => new Uint8Array(BLOCK_BYTES).fill(7))
    const latencies = new Latencies()
    const cpu = process.cpuUsage()
    const start = performance.now()
    await atDepth(depth, count, async (i) => {
      const began = performance.now()
      await one(buffers[i % depth]!)
      latencies.add((performance.now() - began) * 1000)
    })
    const seconds = (performance.now() - start) / 1000
    const used = process.cpuUsage(cpu)
    const iops = Math.round(count / seconds)
    const [p50, p99] = [latencies.quantile(0.5), latencies.quantile(0.99)]
    const cpuUs = (used.user + used.system) / count
    rows.push({
      what: `4 KiB ${what}, depth ${depth}`,
      figure: `${iops} IOPS, p50 ${p50.toFixed(0)} µs, p99 ${p99.toFixed(0)} µs, ${cpuUs.toFixed(1)} µs CPU each`,
      facts: { iops, p50, p99, cpuUs },
    })
  }
  for (const depth of [1, 32]) {
    await measure('random read', depth, 200_000, async (slot) => {
      const at = offset()
      if (!volume.readNow(at, slot)) await volume.read(at, slot)
    })
  }
  for (const depth of [1, 32]) {
    await measure('random write', depth, depth === 1 ? 30_000 : 150_000, (slot) =>
      volume.write(offset(), slot),
    )
  }
  await volume.close()
  return rows
}
