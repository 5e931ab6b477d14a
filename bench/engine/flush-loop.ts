/**
 * Write + flush, each of 4 KiB, depth 1, against the bare `write + fdatasync` loop of the same language on the same
 * disk: rounds alternate; the ratio is of the medians.
 */
import fs from 'node:fs'
import { join } from 'node:path'
import { BLOCK_BYTES, GIB, MIB } from '../../src/base/units.ts'
import { atDepth, median, type Row, type Workbench } from './workbench.ts'

const ROUNDS = 5
const PER_ROUND = 1500
const FILE_BYTES = 64 * MIB

export async function flushLoop(bench: Workbench): Promise<Row[]> {
  const { volume } = await bench.volume({ sizeBytes: GIB })
  const data = new Uint8Array(BLOCK_BYTES).fill(3)
  const path = join(bench.directory, 'bare')
  const fd = fs.openSync(path, 'w+')
  for (let at = 0; at < FILE_BYTES; at += MIB) fs.writeSync(fd, new Uint8Array(MIB), 0, MIB, at)
  fs.fsyncSync(fd)
  let bareAt = 0
  const bareOne = (): Promise<void> =>
    new Promise((resolve, reject) => {
      fs.write(fd, data, 0, BLOCK_BYTES, bareAt, (writeError) => {
        if (writeError) return reject(writeError)
        return fs.fdatasync(fd, (syncError) => (syncError ? reject(syncError) : resolve()))
      })
      bareAt = (bareAt + BLOCK_BYTES) % FILE_BYTES
    })
  const blocks = volume.sizeBytes / BLOCK_BYTES
  const engineOne = async (): Promise<void> => {
    await volume.write(Math.floor(Math.random() * blocks) * BLOCK_BYTES, data)
    await volume.flush()
  }
  const round = async (one: () => Promise<void>): Promise<number> => {
    const start = performance.now()
    for (let i = 0; i < PER_ROUND; i++) await one()
    return (PER_ROUND * 1000) / (performance.now() - start)
  }
  const compare = async (): Promise<{ ratio: number; engine: number[]; bare: number[] }> => {
    await round(bareOne)
    await round(engineOne)
    const bare: number[] = []
    const engine: number[] = []
    for (let i = 0; i < ROUNDS; i++) {
      bare.push(await round(bareOne))
      engine.push(await round(engineOne))
    }
    return { ratio: median(engine) / median(bare), engine, bare }
  }
  const show = ({ ratio, engine, bare }: Awaited<ReturnType<typeof compare>>): string =>
    `${ratio.toFixed(2)}× (${median(engine).toFixed(0)} against ${median(bare).toFixed(0)} a second)`
  const first = await compare()
  // the steady state: every part of the ring was written once
  const lapBlocks = volume.status().log.sizeBytes / BLOCK_BYTES
  await atDepth(32, lapBlocks, () => volume.write(Math.floor(Math.random() * blocks) * BLOCK_BYTES, data))
  await volume.checkpoint()
  const steady = await compare()
  fs.closeSync(fd)
  await volume.close()
  return [
    {
      what: 'write + flush each, depth 1, against bare write + fdatasync',
      figure: show(steady),
      bar: { text: '≥ 0.80×', isReached: steady.ratio >= 0.8 },
      facts: steady,
    },
    { what: "the same on the log's first lap", figure: show(first), facts: first },
  ]
}
