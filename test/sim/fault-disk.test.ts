import { describe, expect, it } from 'vitest'
import { isBlockError } from '../../src/base/errors.ts'
import type { DiskFile } from '../../src/base/ports/disk.ts'
import type { FaultPlan } from './faults.ts'
import { DATA_DIRECTORY, emptyStorage, type SimProcess, startProcess } from './machine.ts'
import { SeededRandom } from './random.ts'
import { Scheduler } from './scheduler.ts'
import type { Storage, Unsynced } from './storage.ts'

const PATH = `${DATA_DIRECTORY}/file`
const block = (value: number, lengthBytes = 4096): Uint8Array => new Uint8Array(lengthBytes).fill(value)

/** A machine with one process, and the ways to crash it. */
class Bench {
  readonly scheduler = new Scheduler(1)
  storage = emptyStorage()
  #seed = 1
  process: SimProcess = this.#start()

  #start(): SimProcess {
    return startProcess({ storage: this.storage, scheduler: this.scheduler, seed: this.#seed++ })
  }

  get faults(): FaultPlan {
    return this.process.disk.faults
  }

  run<T>(work: (bench: this) => Promise<T>): Promise<T> {
    return this.scheduler.until(work(this), { what: 'the test' })
  }

  /** The process dies; what `after` makes of the disk is what the next one finds. */
  crash(after: (storage: Storage) => Storage): void {
    this.process.life.end()
    this.storage = after(this.storage)
    this.process = this.#start()
  }

  losePower(keep: (one: Unsynced) => 'all' | 'none' | [number, number][] = () => 'none'): void {
    this.crash((storage) => storage.afterPowerLoss(keep))
  }

  open(path = PATH): Promise<DiskFile> {
    return this.process.disk.open(path, { create: 'missing' })
  }

  /** Makes the file, its name durable. */
  async make(path = PATH): Promise<DiskFile> {
    const file = await this.open(path)
    await this.process.disk.syncDirectory(DATA_DIRECTORY)
    return file
  }

  /** First byte of each of the file's first `count` sectors. */
  async sectors(count: number, path = PATH): Promise<number[]> {
    const file = await this.open(path)
    const bytes = new Uint8Array(count * 512)
    await file.read(bytes, 0)
    return Array.from({ length: count }, (_, i) => bytes[i * 512]!)
  }
}

describe('a power loss', () => {
  it('keeps what was synced and takes the rest', () =>
    new Bench().run(async (bench) => {
      const file = await bench.make()
      await file.write([block(1)], 0)
      await file.datasync()
      await file.write([block(2)], 0)
      await file.write([block(3)], 4096)
      bench.losePower()
      expect(await bench.sectors(9)).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 0])
      expect(await (await bench.open()).sizeBytes()).toBe(4096)
    }))

  it('keeps any of the unsynced writes without those before them, and parts of them by sectors', () =>
    new Bench().run(async (bench) => {
      const file = await bench.make()
      await file.write([block(1)], 0)
      await file.write([block(2, 512)], 512)
      await file.write([block(3), block(4)], 0)
      const [first, second, third] = bench.storage.unsynced()
      const kept = new Map<Unsynced | undefined, 'all' | 'none' | [number, number][]>([
        [first, 'all'],
        [second, 'none'],
        [third, [[1024, 1536]]],
      ])
      bench.losePower((one) => kept.get(one) ?? 'none')
      expect(await bench.sectors(8)).toEqual([1, 1, 3, 1, 1, 1, 1, 1])
    }))

  it('does not make durable what was written after the sync was called', () =>
    new Bench().run(async (bench) => {
      const file = await bench.make()
      await file.write([block(1)], 0)
      const synced = file.datasync()
      await file.write([block(2)], 0)
      await synced
      bench.losePower()
      expect((await bench.sectors(1))[0]).toBe(1)
    }))

  it('takes a file whose name was not synced, and a rename or removal likewise', () =>
    new Bench().run(async (bench) => {
      const { disk } = bench.process
      const file = await bench.open()
      await file.write([block(1)], 0)
      await file.datasync()
      bench.losePower()
      expect(await bench.process.disk.exists(PATH)).toBe(false)
      expect(disk).not.toBe(bench.process.disk)

      const again = await bench.make()
      await again.write([block(2)], 0)
      await again.datasync()
      await bench.process.disk.rename(PATH, `${PATH}2`)
      bench.losePower()
      expect(await bench.process.disk.list(DATA_DIRECTORY)).toEqual(['file'])
      await bench.process.disk.remove(PATH)
      bench.losePower()
      expect((await bench.sectors(1))[0]).toBe(2)
      await bench.process.disk.rename(PATH, `${PATH}2`)
      await bench.process.disk.syncDirectory(DATA_DIRECTORY)
      bench.losePower()
      expect((await bench.sectors(1, `${PATH}2`))[0]).toBe(2)
      expect(await bench.process.disk.exists(PATH)).toBe(false)
    }))

  it('takes a tree whose root is not durable', () =>
    new Bench().run(async (bench) => {
      const { disk } = bench.process
      await disk.makeDirectory(`${DATA_DIRECTORY}/a/b`)
      const file = await bench.open(`${DATA_DIRECTORY}/a/b/c`)
      await file.datasync()
      await disk.syncDirectory(`${DATA_DIRECTORY}/a/b`)
      await disk.syncDirectory(`${DATA_DIRECTORY}/a`)
      bench.losePower()
      expect(await bench.process.disk.exists(`${DATA_DIRECTORY}/a`)).toBe(false)
    }))

  it('changes the boot id; a crash of the process does not, and keeps the page cache', () =>
    new Bench().run(async (bench) => {
      const first = await bench.process.disk.bootId()
      const file = await bench.open()
      await file.write([block(1)], 0)
      bench.crash((storage) => storage.afterProcessCrash())
      expect(await bench.process.disk.bootId()).toBe(first)
      expect((await bench.sectors(1))[0]).toBe(1)
      bench.losePower()
      expect(await bench.process.disk.bootId()).not.toBe(first)
      expect(await bench.process.disk.exists(PATH)).toBe(false)
    }))
})

describe('space', () => {
  it('punches holes, allocates, truncates and counts', () =>
    new Bench().run(async (bench) => {
      const file = await bench.make()
      await file.write([block(1), block(2), block(3)], 0)
      expect(await file.allocatedBytes()).toBe(3 * 4096)
      await file.punchHole(1000, 8192)
      expect(await bench.sectors(24)).toEqual([1, 1, ...Array(16).fill(0), 3, 3, 3, 3, 3, 3])
      expect(await file.allocatedBytes()).toBe(2 * 4096)
      expect(await file.sizeBytes()).toBe(3 * 4096)
      await file.allocate(4096, 3 * 4096)
      expect(await file.allocatedBytes()).toBe(4 * 4096)
      expect(await file.sizeBytes()).toBe(4 * 4096)
      await file.truncate(100)
      await file.truncate(4096)
      expect(await bench.sectors(2)).toEqual([1, 0])
    }))

  it('refuses what does not fit, and lets what is there be overwritten', () =>
    new Bench().run(async (bench) => {
      bench.storage.capacityBytes = 3 * 4096
      const file = await bench.make()
      await file.write([block(1), block(2)], 0)
      const full = await file.write([block(3), block(3)], 8192).catch((error: unknown) => error)
      expect(isBlockError(full, 'NO_SPACE')).toBe(true)
      await file.write([block(4), block(4)], 0)
      expect((await bench.process.disk.space(PATH)).freeBytes).toBeLessThanOrEqual(4096)
    }))
})

describe('faults', () => {
  it('a failed sync marks pages clean: a second one succeeds without them (D12)', () =>
    new Bench().run(async (bench) => {
      const onMedium = new Set<number>()
      for (let i = 0; i < 20; i++) {
        const file = await bench.make()
        await file.write([block(1)], 0)
        await file.datasync()
        await file.write([block(2)], 0)
        bench.faults.arm('syncError', 'file')
        await expect(file.datasync()).rejects.toThrow(/EIO/)
        await file.datasync()
        expect((await bench.sectors(1))[0]).toBe(2)
        const medium = new Uint8Array(512)
        await file.readUncached(medium, 0)
        bench.losePower()
        expect((await bench.sectors(1))[0]).toBe(medium[0])
        onMedium.add(medium[0]!)
      }
      expect([...onMedium].sort()).toEqual([1, 2])
    }))

  it('a lying sync is undone by a power loss (D11)', () =>
    new Bench().run(async (bench) => {
      const file = await bench.make()
      await file.write([block(1)], 0)
      bench.faults.arm('syncLie', 'file')
      await file.datasync()
      bench.losePower()
      expect(await (await bench.open()).sizeBytes()).toBe(0)
    }))

  it('an honest sync of any file makes up for the lies before it (D11)', () =>
    new Bench().run(async (bench) => {
      const file = await bench.make()
      await file.write([block(1)], 0)
      bench.faults.arm('syncLie', 'file')
      await file.datasync()
      const other = await bench.make(`${DATA_DIRECTORY}/other`)
      await other.datasync()
      bench.losePower()
      expect((await bench.sectors(1))[0]).toBe(1)
    }))

  it('reads and writes fail when they are told to (D13, D14)', () =>
    new Bench().run(async (bench) => {
      const file = await bench.make()
      await file.write([block(1), block(1)], 0)
      bench.faults.arm('readError', 'file')
      await expect(file.read(new Uint8Array(512), 0)).rejects.toThrow(/EIO/)
      bench.faults.arm('writeError', 'file', 1)
      await file.write([block(2)], 0)
      await expect(file.write([block(3)], 0)).rejects.toThrow(/EIO/)
      expect(bench.faults.counts).toMatchObject({ readError: 1, writeError: 1 })
    }))

  it('rot shows at once where the cache is clean (D16)', () =>
    new Bench().run(async (bench) => {
      const file = await bench.make()
      await file.write([block(1)], 0)
      await file.datasync()
      bench.storage.flipBit(bench.storage.lookup(PATH)!, 512, 1)
      expect((await bench.sectors(2)).slice(0, 2)).toEqual([1, 3])
    }))

  it('a misdirected write shows after the cache is dropped (D17)', () =>
    new Bench().run(async (bench) => {
      const file = await bench.make()
      await file.write([block(1), block(1), block(1), block(1)], 0)
      await file.datasync()
      await file.write([block(2)], 4096)
      bench.faults.arm('misdirectedWrite', 'file')
      await file.datasync()
      expect((await bench.sectors(32)).slice(8, 16)).toEqual(Array(8).fill(2))
      bench.losePower()
      const after = await bench.sectors(32)
      expect(after.slice(8, 16)).not.toEqual(Array(8).fill(2))
      expect(after.filter((value) => value === 2).length).toBe(8)
    }))

  it('slow and hung operations end late (D18, D19)', () =>
    new Bench().run(async (bench) => {
      const file = await bench.make()
      const started = bench.scheduler.nowMs
      bench.faults.arm('slow', 'file')
      await file.datasync()
      expect(bench.scheduler.nowMs - started).toBeGreaterThan(1)
      bench.faults.arm('hang', 'file')
      await file.datasync()
      expect(bench.scheduler.nowMs - started).toBeGreaterThan(5_000)
    }))

  it('operations that are under way when the process dies are cut anywhere', () => {
    const outcomes = new Set<string>()
    return (async () => {
      for (let seed = 1; seed <= 30; seed++) {
        await new Bench().run(async (bench) => {
          const file = await bench.make()
          void file.write([block(1), block(1), block(1)], 0)
          bench.process.life.end()
          bench.process.disk.settleInFlight(new SeededRandom(seed))
          bench.crash((storage) => storage.afterProcessCrash())
          outcomes.add((await bench.sectors(24)).join(''))
        })
      }
      expect(outcomes.size).toBeGreaterThan(2)
    })()
  })

  it('catches a buffer that changes while it is lent', () =>
    expect(
      new Bench().run(async (bench) => {
        const file = await bench.make()
        const data = block(1)
        const written = file.write([data], 0)
        data[7] = 9
        await written
      }),
    ).rejects.toThrow(/changed while it was lent/))
})

describe('a fork', () => {
  it('shares nothing that either side changes, and has the same hash until then', () =>
    new Bench().run(async (bench) => {
      const file = await bench.make()
      await file.write([block(1)], 0)
      const fork = bench.storage.fork()
      expect(fork.hash()).toBe(bench.storage.hash())
      await file.write([block(2)], 0)
      expect(fork.hash()).not.toBe(bench.storage.hash())
      const id = fork.lookup(PATH)!
      const bytes = new Uint8Array(1)
      fork.cacheOf(id).read(bytes, 0)
      expect(bytes[0]).toBe(1)
    }))

  it('tells unsynced from durable content', () =>
    new Bench().run(async (bench) => {
      const file = await bench.make()
      await file.write([block(1)], 0)
      const unsynced = bench.storage.hash()
      await file.datasync()
      expect(bench.storage.hash()).not.toBe(unsynced)
    }))
})
