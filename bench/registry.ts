/**
 * `npm run bench:registry [-- --volumes 1000,10000] [--directory DIR]`: what one change of a record costs beside so many
 * volumes, in the embedded registry (SQLite) and in the store's own code (a registry in memory without delays), one at a
 * time and with 64 waiting; and how long the next master takes to open it.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { RealClock } from '../src/io/clock.ts'
import { RealDisk } from '../src/io/disk.ts'
import { RealRandom } from '../src/io/random.ts'
import { loadSyscalls } from '../src/io/syscalls.ts'
import { openRecordStore } from '../src/master/core/record-store.ts'
import type { RecordStore, RecordWrite } from '../src/master/core/records-view.ts'
import { testUuid, testVolume } from '../src/master/core/test-support.ts'
import { MemoryRegistry, MemoryStorage } from '../src/master/registry/memory-registry.ts'
import type { Registry } from '../src/master/registry/registry.ts'
import { SqliteRegistry } from '../src/master/registry/sqlite-registry.ts'

const { values } = parseArgs({
  options: {
    volumes: { type: 'string', default: '1000,10000' },
    directory: { type: 'string', default: '.basalt/bench' },
  },
})
const WAITING = 64
const CHANGES = 200
const ROUNDS = 7
const CLUSTER = testUuid(1, 9)

const syscalls = loadSyscalls((reason) => {
  throw reason
})
const clock = new RealClock({ syscalls })
const random = new RealRandom()
const disk = new RealDisk({ syscalls })

const volume = (n: number, version: number): RecordWrite => ({
  kind: 'volume',
  record: testVolume(n, { sizeBytes: 1024 ** 3 + version }),
})

const write = (store: RecordStore, n: number, version: number): Promise<number> =>
  store.change((records) => {
    // As a decision does: looks at a volume, and at a server's.
    const before = records.volume(testUuid(n))
    const beside = records.volumesOn(testUuid(n % 10, 1)).length
    return { writes: [volume(n, version + (before === undefined ? 1 : 0))], result: beside }
  })

async function fill(store: RecordStore, volumes: number): Promise<void> {
  for (let from = 0; from < volumes; from += 1000) {
    const to = Math.min(volumes, from + 1000)
    await Promise.all(Array.from({ length: to - from }, (_, i) => write(store, from + i, 0)))
  }
}

interface Cost {
  readonly wallUs: number
  readonly cpuUs: number
}

/** Of each change, when `atOnce` wait at a time; the best of several rounds, for others use the machine too. */
async function measure(store: RecordStore, volumes: number, atOnce: number): Promise<Cost> {
  let best: Cost = { wallUs: Number.POSITIVE_INFINITY, cpuUs: Number.POSITIVE_INFINITY }
  const count = CHANGES * atOnce
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = clock.monotonicMs()
    const startCpu = process.cpuUsage()
    for (let done = 0; done < count; done += atOnce) {
      await Promise.all(
        Array.from({ length: atOnce }, (_, i) => write(store, ((done + i) * 7919) % volumes, done)),
      )
    }
    const { user, system } = process.cpuUsage(startCpu)
    const wallUs = ((clock.monotonicMs() - startMs) * 1000) / count
    best = {
      wallUs: Math.min(best.wallUs, wallUs),
      cpuUs: Math.min(best.cpuUs, (user + system) / count),
    }
  }
  return best
}

const describe = ({ wallUs, cpuUs }: Cost): string =>
  `${wallUs.toFixed(0)} us a change (${cpuUs.toFixed(0)} us of CPU)`

async function report(title: string, volumes: number, open: () => Promise<Registry>): Promise<void> {
  const openStore = async (): Promise<RecordStore> =>
    openRecordStore({ registry: await open(), clock, random, clusterId: CLUSTER })
  const first = await openStore()
  await fill(first, volumes)
  const alone = await measure(first, volumes, 1)
  const together = await measure(first, volumes, WAITING)
  await first.close()
  const startMs = clock.monotonicMs()
  const again = await openStore()
  const openMs = clock.monotonicMs() - startMs
  await again.close()
  console.log(
    `${title}, ${volumes} volumes: ${describe(alone)} alone, ${describe(together)} with ${WAITING} waiting; opened in ${openMs.toFixed(0)} ms`,
  )
}

mkdirSync(values.directory, { recursive: true })
const directory = mkdtempSync(join(values.directory, 'registry-'))
try {
  for (const volumes of values.volumes.split(',').map(Number)) {
    const storage = new MemoryStorage(random)
    await report(
      'store only',
      volumes,
      async () => new MemoryRegistry({ storage, clock, random, delayMsMax: 0 }),
    )
    const path = join(directory, `${volumes}`, 'registry.sqlite')
    await report('SQLite', volumes, () => SqliteRegistry.open({ path, disk, random, clock }))
    console.log(`  the file: ${(statSync(path).size / 1024 / 1024).toFixed(1)} MiB`)
  }
} finally {
  rmSync(directory, { recursive: true })
}
