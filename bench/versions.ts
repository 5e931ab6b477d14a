/**
 * What preserving blocks costs: `npm run bench:versions`. Adds and commits of 10,000 versions, look-ups among a million in many
 * lists, a collection of half of them, and the memory that they take. On the file system of the system's directory for
 * temporary files; figures depend on it.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { BufferPool } from '../src/base/buffer-pool.ts'
import { silentLogger } from '../src/base/log.ts'
import { blockChecksum } from '../src/blockvol/checksum.ts'
import { createVersionStore, openVersionStore } from '../src/blockvol/versions/store.ts'
import { RealClock } from '../src/io/clock.ts'
import { RealDisk } from '../src/io/disk.ts'
import { loadSyscalls } from '../src/io/syscalls.ts'

const BATCH = 10_000
const BATCHES = 5
const MANY = 1_000_000
const MANY_BATCHES = 20
const LOOKUPS = 20_000
const UUID = new Uint8Array(16).fill(7)

const root = await mkdtemp(`${tmpdir()}/basalt-versions-`)
const syscalls = loadSyscalls((reason) => {
  throw reason
})
const disk = new RealDisk({ syscalls })
const clock = new RealClock({ syscalls })
const pool = new BufferPool()
let checkpointLsn = 0
const open = (name: string) =>
  openVersionStore({
    disk,
    clock,
    pool,
    logger: silentLogger,
    directory: `${root}/${name}`,
    uuid: UUID,
    checkpointLsn: () => checkpointLsn,
    generationMin: 0,
  })
const seconds = async (run: () => Promise<void>): Promise<number> => {
  const started = clock.monotonicMs()
  await run()
  return (clock.monotonicMs() - started) / 1000
}
const print = (what: string, figure: string): void =>
  void process.stdout.write(`${what.padEnd(48)} ${figure}\n`)
/** Spreads `i` over `count`, each once. */
const scattered = (i: number, count: number): number => (i * 7_919) % count

try {
  await createVersionStore(disk, `${root}/data`, UUID)
  const data = await open('data')
  const content = new Uint8Array(4096).fill(1)
  const took: number[] = []
  for (let round = 1; round <= BATCHES; round++) {
    took.push(
      await seconds(async () => {
        const batch = data.begin(round * 10)
        for (let block = 0; block < BATCH; block++) {
          const checksum = blockChecksum(content, block, round)
          await batch.add({ block, lsn: round, kind: 'data', checksum }, content)
        }
        await batch.commit()
      }),
    )
    checkpointLsn = round * 10
  }
  took.sort((a, b) => a - b)
  const median = took[Math.floor(took.length / 2)]!
  print(`add and commit of ${BATCH} blocks of data, median`, `${Math.round(BATCH / median)} a second`)
  await data.close()

  // records only: look-ups do not depend on content
  await createVersionStore(disk, `${root}/many`, UUID)
  checkpointLsn = MANY_BATCHES
  let many = await open('many')
  const perBatch = MANY / MANY_BATCHES
  const added = await seconds(async () => {
    for (let round = 0; round < MANY_BATCHES; round++) {
      const batch = many.begin(round + 1)
      for (let i = 0; i < perBatch; i++) {
        const block = (i * MANY_BATCHES + scattered(round, MANY_BATCHES)) * 3
        await batch.add({ block, lsn: round + 1, kind: 'hole', checksum: 0 }, undefined)
      }
      await batch.commit()
    }
    await many.settled()
  })
  print(`${MANY} records in ${MANY_BATCHES} batches, and merged`, `${added.toFixed(1)} s`)
  print('bytes of lists a version', (many.usage().metadataBytes / MANY).toFixed(1))
  await many.close()
  const gc = globalThis.gc
  gc?.()
  const before = process.memoryUsage()
  many = await open('many')
  gc?.()
  const after = process.memoryUsage()
  const heldBytes = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers
  print('bytes of memory a version, after opening', gc ? (heldBytes / MANY).toFixed(2) : 'needs --expose-gc')
  const random = await seconds(async () => {
    for (let i = 0; i < LOOKUPS; i++) await many.at(scattered(i, MANY) * 3, 100)
  })
  print('look-ups of blocks at random', `${Math.round(LOOKUPS / random)} a second`)
  const ordered = await seconds(async () => {
    for (let i = 0; i < LOOKUPS; i++) await many.at(i * 3, 100)
  })
  print('look-ups of blocks in order', `${Math.round(LOOKUPS / ordered)} a second`)
  const usage = await seconds(async () => {
    const lsns = Array.from({ length: 256 }, (_, i) => i)
    await many.usageBySnapshot(lsns, () => Promise.resolve(1000))
  })
  print('usage of 256 snapshots', `${usage.toFixed(1)} s`)
  checkpointLsn = 1000
  const collected = await seconds(async () => {
    many.collect([MANY_BATCHES / 2], () => Promise.resolve(1000))
    await many.settled()
  })
  print('a collection that frees half', `${collected.toFixed(1)} s`)
  await many.close()
} finally {
  await rm(root, { recursive: true })
}
