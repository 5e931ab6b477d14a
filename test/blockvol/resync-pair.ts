/** Two volumes on simulated disks, one of which gets its base from the other: what tests of a resync have in common. */
import { BLOCK_BYTES, KIB } from '../../src/base/units.ts'
import { type BaseBlock, OFFERS_MAX, type Offer } from '../../src/blockvol/resync/offer.ts'
import { PageSet } from '../../src/blockvol/resync/page-set.ts'
import type { ResyncSource } from '../../src/blockvol/resync/source.ts'
import { Volume } from '../../src/blockvol/volume.ts'
import {
  DATA_DIRECTORY,
  emptyStorage,
  type ProcessOptions,
  type SimProcess,
  startProcess,
} from '../sim/machine.ts'
import type { SeededRandom } from '../sim/random.ts'
import { Scheduler } from '../sim/scheduler.ts'
import type { Storage } from '../sim/storage.ts'
import { type BareOptions, BareVolume, type ShippedEntry } from './bare-volume.ts'

const DIRECTORY = `${DATA_DIRECTORY}/volume`
export const SIZE_BLOCKS = 1280

/** One machine with one volume. */
export class Side {
  readonly scheduler: Scheduler
  storage: Storage = emptyStorage()
  process: SimProcess
  #seed: number

  constructor(scheduler: Scheduler, seed: number) {
    this.scheduler = scheduler
    this.#seed = seed
    this.process = this.restart()
  }

  /** Ends the process, if there is one, and begins another on this storage. */
  restart(storage = this.storage, options: Partial<ProcessOptions> = {}): SimProcess {
    this.process?.life.end()
    this.storage = storage
    const { scheduler } = this
    this.process = startProcess({ storage, scheduler, seed: this.#seed++, ...options })
    return this.process
  }

  async create(): Promise<void> {
    const shape = {
      sizeBytes: SIZE_BLOCKS * BLOCK_BYTES,
      logicalBlockBytes: 4096 as const,
      logBytes: 512 * KIB,
    }
    const uuid = new Uint8Array(16).fill(9)
    await Volume.create(this.process, { directory: DIRECTORY, uuid, name: 'vol', ...shape })
  }

  open(options: BareOptions = {}): Promise<BareVolume> {
    return BareVolume.open(this.process, DIRECTORY, options)
  }

  restartLog(after: number): Promise<void> {
    return BareVolume.restartLog(this.process, DIRECTORY, after)
  }

  fileId(name: string): number {
    const id = this.storage.lookup(`${DIRECTORY}/${name}`)
    if (id === undefined) throw new Error(`${name} is not there`)
    return id
  }
}

export const filledBlock = (value: number): Uint8Array => {
  const content = new Uint8Array(BLOCK_BYTES)
  new Uint32Array(content.buffer).fill(value)
  return content
}

/** Something that a host does, anywhere in a part of the volume that is small enough to be hit twice. */
export async function randomChange(volume: BareVolume, random: SeededRandom): Promise<void> {
  const blocks = 1 + random.integer(random.chance(0.1) ? 300 : 6)
  const block = random.chance(0.7) ? random.integer(60) : random.integer(SIZE_BLOCKS - blocks)
  const what = random.weighted({ write: 50, trim: 14, writeSame: 14, checkpoint: 4 })
  switch (what) {
    case 'write': {
      const count = Math.min(blocks, 4)
      const data = new Uint8Array(count * BLOCK_BYTES)
      for (let i = 0; i < count; i++) data.set(filledBlock(random.u32()), i * BLOCK_BYTES)
      return volume.write(block, data)
    }
    case 'trim':
      return volume.trim(block, blocks)
    case 'writeSame':
      return volume.writeSame(block, blocks, filledBlock(random.u32()))
    case 'checkpoint':
      return volume.checkpoint()
  }
}

/** Content of what is wanted of these offers, as the source gives it now. */
export async function contentOf(
  source: ResyncSource,
  offers: readonly Offer[],
  wanted: readonly number[],
): Promise<BaseBlock[]> {
  const list = wanted.map((place) => offers[place]!)
  const content = new Uint8Array(list.length * BLOCK_BYTES)
  const readings = list.length === 0 ? [] : await source.read(list, content)
  return list.flatMap(({ block, lsn, checksum, isVersion }, i): BaseBlock[] => {
    if (readings[i] === 'changed') return []
    const data = content.slice(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)
    return [{ block, lsn, isVersion, content: readings[i] === 'bad' ? undefined : { checksum, data } }]
  })
}

export interface Copied {
  readonly offered: number
  readonly wanted: number
}

/** The whole base, one step after the other. */
export async function copyAll(
  source: ResyncSource,
  sink: BareVolume,
  between: () => Promise<void> = async () => undefined,
  blocksPerPut = OFFERS_MAX,
): Promise<Copied> {
  let offered = 0
  let wantedCount = 0
  for (let offers = await source.next(); offers !== undefined; offers = await source.next()) {
    await between()
    offered += offers.length
    const wanted = await sink.sink.offered(offers)
    wantedCount += wanted.length
    await between()
    const blocks = await contentOf(source, offers, wanted)
    for (let i = 0; i < blocks.length; i += blocksPerPut) {
      await sink.sink.put(blocks.slice(i, i + blocksPerPut))
      await between()
    }
  }
  await sink.sink.settle()
  return { offered, wanted: wantedCount }
}

/** Sends a replica what a volume appends, as far as it is told to. */
export class LiveLane {
  readonly #from: BareVolume
  readonly #to: BareVolume
  #sentLsn: number

  constructor(from: BareVolume, to: BareVolume, after: number) {
    this.#from = from
    this.#to = to
    this.#sentLsn = after
  }

  /** Sends at most so many entries. */
  async send(count = Number.POSITIVE_INFINITY): Promise<void> {
    const next = this.#from.shipped.filter(({ lsn }) => lsn > this.#sentLsn).slice(0, count)
    for (const entry of next) {
      await this.#to.apply(entry)
      this.#sentLsn = entry.lsn
    }
  }
}

export async function applyAll(volume: BareVolume, entries: readonly ShippedEntry[]): Promise<void> {
  for (const entry of entries) await volume.apply(entry)
}

/** Runs a test in virtual time. */
export function inVirtualTime(seed: number, test: (scheduler: Scheduler) => Promise<void>): Promise<void> {
  const scheduler = new Scheduler(seed)
  return scheduler.until(test(scheduler), { what: 'the test', limitMs: 3_600_000 })
}

export const NOTHING_UNKNOWN = PageSet.NONE
