/** A version store on a simulated disk, with content that follows from block and LSN, and a checkpoint that the test moves. */
import { blockChecksum } from '../../src/blockvol/checksum.ts'
import { createVersionStore, openVersionStore } from '../../src/blockvol/versions/store.ts'
import type { StoredVersion, Version, VersionStore } from '../../src/blockvol/versions/version.ts'
import { FaultPlan } from '../sim/faults.ts'
import { DATA_DIRECTORY, emptyStorage, type SimProcess, startProcess } from '../sim/machine.ts'
import { SeededRandom } from '../sim/random.ts'
import { Scheduler } from '../sim/scheduler.ts'
import type { Storage } from '../sim/storage.ts'

export const VERSIONS = `${DATA_DIRECTORY}/versions`
export const UUID = Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i)

/** What the test gives as the content of `block` as of `lsn`. */
export function contentOf(block: number, lsn: number): Uint8Array {
  const words = new Uint32Array(1024)
  for (let i = 0; i < words.length; i++) words[i] = (block * 2_654_435_761 + lsn * 40_503 + i) >>> 0
  return new Uint8Array(words.buffer)
}

export const dataVersion = (block: number, lsn: number): Version => ({
  block,
  lsn,
  kind: 'data',
  checksum: blockChecksum(contentOf(block, lsn), block, lsn),
})

export const holeVersion = (block: number, lsn: number): Version => ({
  block,
  lsn,
  kind: 'hole',
  checksum: 0,
})
export const badVersion = (block: number, lsn: number): Version => ({ block, lsn, kind: 'bad', checksum: 0 })

export class VersionRig {
  readonly scheduler: Scheduler
  readonly faults = new FaultPlan(new SeededRandom(77))
  readonly seed: number
  storage: Storage = emptyStorage()
  process: SimProcess
  checkpointLsn = 0
  generationMin = 0
  /** Calls of the disk so far, and the one at which the process dies. */
  calls = 0
  crashAt = Number.POSITIVE_INFINITY
  #opened: VersionStore | undefined

  constructor(seed = 1) {
    this.seed = seed
    this.scheduler = new Scheduler(seed)
    this.process = this.#start()
  }

  /** Runs to the end of `run`, in virtual time. */
  until<T>(run: Promise<T>, limitMs = 600_000): Promise<T> {
    return this.scheduler.until(run, { what: 'the store', limitMs })
  }

  get store(): VersionStore {
    if (this.#opened === undefined) throw new Error('the store is not open')
    return this.#opened
  }

  create(): Promise<void> {
    return this.until(
      (async () => {
        await createVersionStore(this.process.disk, VERSIONS, UUID)
        await this.process.disk.syncDirectory(DATA_DIRECTORY)
      })(),
    )
  }

  async open(): Promise<VersionStore> {
    this.#opened = await this.until(
      versionsOpened(this.process, () => this.checkpointLsn, this.generationMin),
    )
    return this.#opened
  }

  async close(): Promise<void> {
    const { store } = this
    this.#opened = undefined
    await this.until(store.close())
  }

  /** The process dies, or with `storage` the machine, which finds that one; a new process takes its place. */
  crash(storage: Storage = this.storage.afterProcessCrash()): void {
    if (!this.process.life.ended) this.process.life.end()
    this.#opened = undefined
    this.storage = storage
    this.crashAt = Number.POSITIVE_INFINITY
    this.process = this.#start()
  }

  async preserve(versions: readonly Version[], asOfLsn: number): Promise<void> {
    await this.until(preserve(this.store, versions, asOfLsn))
  }

  #start(): SimProcess {
    return startProcess({
      storage: this.storage,
      scheduler: this.scheduler,
      seed: this.seed + this.calls,
      faults: this.faults,
      onCall: () => {
        if (++this.calls === this.crashAt) this.process.life.end()
      },
    })
  }
}

/** Opens the store that is in `VERSIONS`. */
export function versionsOpened(
  { disk, clock, pool, logger }: SimProcess,
  checkpointLsn: () => number,
  generationMin = 0,
): Promise<VersionStore> {
  return openVersionStore({
    disk,
    clock,
    pool,
    logger,
    directory: VERSIONS,
    uuid: UUID,
    checkpointLsn,
    generationMin,
  })
}

/** One batch of `versions`. */
async function preserve(store: VersionStore, versions: readonly Version[], asOfLsn: number): Promise<void> {
  const batch = store.begin(asOfLsn)
  try {
    for (const version of versions) {
      await batch.add(version, version.kind === 'data' ? contentOf(version.block, version.lsn) : undefined)
    }
    await batch.commit()
  } finally {
    await batch.abandon()
  }
}

/** What the store has of `block`, in words: `LSN`, `LSN hole`, `LSN bad`, or `LSN wrong` when content is not as it was. */
export async function tell(store: VersionStore, block: number): Promise<string[]> {
  const told: string[] = []
  for (const version of await store.of(block)) told.push(await tellOne(store, version))
  return told
}

export async function tellOne(store: VersionStore, version: StoredVersion): Promise<string> {
  const { block, lsn, kind } = version
  if (kind !== 'data') return `${lsn} ${kind}`
  const target = new Uint8Array(4096)
  if (!(await store.read(version, target))) return `${lsn} unreadable`
  return Buffer.compare(target, contentOf(block, lsn)) === 0 ? `${lsn}` : `${lsn} wrong`
}
