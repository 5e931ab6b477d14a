/**
 * Copy-on-write in a storm of crashes: a volume whose process or machine dies at any call of the disk, again and again, in the
 * middle of flushes, of what recovery flushes anew, and of what is given back in the background. Every snapshot that was
 * acknowledged is there in every opening with the content that the volume had; one whose creation or deletion was cut off is
 * there whole or not at all. In the end the bytes of every snapshot add up to the disk's, and with the last snapshot the
 * last of them goes.
 */
import { describe, expect, it } from 'vitest'
import { DATA_DIRECTORY, emptyStorage, type SimProcess, startProcess } from '../../../test/sim/machine.ts'
import { drawKept } from '../../../test/sim/power-loss.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import type { Storage } from '../../../test/sim/storage.ts'
import { BLOCK_BYTES, KIB, MIB } from '../../base/units.ts'
import { Volume } from '../volume.ts'

const DIRECTORY = `${DATA_DIRECTORY}/volume`
const SIZE_BYTES = MIB
const BLOCKS = SIZE_BYTES / BLOCK_BYTES
/** Most of what happens, happens to few blocks. */
const HOT_BLOCKS = 24
const SNAPSHOTS_MAX = 5

/** What each block is filled with; 0 for zeros. */
type Content = readonly number[]

interface Taken {
  readonly id: bigint
  readonly content: Content
}

class Storm {
  readonly random: SeededRandom
  readonly #scheduler: Scheduler
  #storage: Storage = emptyStorage()
  #process: SimProcess
  #calls = 0
  #crashAt = Number.POSITIVE_INFINITY
  #processes = 0
  #volume: Volume | undefined
  /** What is durable, and then after each change that may be lost with all after it. */
  #history: Content[] = [new Array<number>(BLOCKS).fill(0)]
  #taken: Taken[] = []
  /** A snapshot that is being made or deleted. */
  #undecided: Taken | undefined
  #tag = 0
  #nextId = 1n
  crashes = 0
  maxTaken = 0

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    this.#scheduler = new Scheduler(seed)
    this.#process = this.#start()
  }

  #start(): SimProcess {
    const process: SimProcess = startProcess({
      storage: this.#storage,
      scheduler: this.#scheduler,
      seed: 1000 + this.#processes++,
      onCall: () => {
        if (++this.#calls === this.#crashAt) process.life.end()
      },
    })
    return process
  }

  get #content(): Content {
    return this.#history.at(-1)!
  }

  get #open(): Volume {
    if (this.#volume === undefined) throw new Error('the volume is not open')
    return this.#volume
  }

  async create(): Promise<void> {
    const creating = Volume.create(this.#process, {
      directory: DIRECTORY,
      uuid: new Uint8Array(16).fill(6),
      name: 'storm',
      sizeBytes: SIZE_BYTES,
      logicalBlockBytes: 4096,
      logBytes: 256 * KIB,
    })
    await this.#until(creating)
  }

  /** Opens, works and dies at some call of the disk on the way. */
  async cycle(): Promise<void> {
    const { random } = this
    // often in what the opening itself does, or soon after
    this.#crashAt = this.#calls + 1 + random.integer(random.chance(0.4) ? 40 : 400)
    const { life } = this.#process
    const died = new Promise<'died'>((resolve) => life.onEnd(() => resolve('died')))
    const work = async (): Promise<'done'> => {
      await this.#reopen()
      for (let step = 0; step < 60; step++) await this.#step()
      return 'done'
    }
    const running = work()
    if ((await this.#until(Promise.race([running, died]))) === 'died') this.crashes++
    this.#crash()
    this.maxTaken = Math.max(this.maxTaken, this.#taken.length)
  }

  /** Nothing dies any more: all is checked, and space is accounted for. */
  async calm(): Promise<void> {
    this.#crashAt = Number.POSITIVE_INFINITY
    await this.#until(this.#reopen())
    await this.#until(this.#check())
    await this.#until(this.#open.checkpoint())
    await this.#settled()
    const usage = await this.#until(this.#open.snapshotUsage())
    const held = usage.snapshots.reduce((sum, { heldBytes }) => sum + heldBytes, 0)
    expect(usage.freeingBytes).toBe(0)
    expect(held).toBe(this.#dataBytes())
    for (const { id } of this.#taken.splice(0)) await this.#until(this.#open.deleteSnapshot(id))
    await this.#until(this.#open.flush())
    await this.#until(this.#open.write(0, filled(++this.#tag, 1)))
    await this.#until(this.#open.checkpoint())
    await this.#settled()
    expect(this.#dataBytes()).toBe(0)
    await this.#until(this.#open.close())
  }

  async #reopen(): Promise<void> {
    const tuning = { scrubIntervalMs: 0, idleFlushMs: 1e9, reserveBytes: 0, flushWatermark: 0.3 }
    this.#volume = await Volume.open(this.#process, { directory: DIRECTORY, tuning })
    this.#decide()
    await this.#adopt()
  }

  /** What the opening found of what was cut off. */
  #decide(): void {
    const undecided = this.#undecided
    this.#undecided = undefined
    const ids = new Set(this.#open.snapshots().map(({ id }) => id))
    if (undecided !== undefined && ids.has(undecided.id)) this.#taken.push(undecided)
    this.#taken.sort((a, b) => Number(a.id - b.id))
    expect(this.#open.snapshots().map(({ id }) => id)).toEqual(this.#taken.map(({ id }) => id))
  }

  /** The volume is as after one of the changes, in their order; it is durable now. */
  async #adopt(): Promise<void> {
    const found = await this.#read((target) => this.#open.read(0, target))
    const at = this.#history.findLastIndex((content) => content.every((value, i) => value === found[i]))
    expect(at, `the volume is as it never was: ${found.slice(0, HOT_BLOCKS)}`).toBeGreaterThanOrEqual(0)
    await this.#open.flush()
    this.#history = [found]
    await this.#checkSnapshots()
  }

  async #step(): Promise<void> {
    const { random } = this
    const dice = random.integer(100)
    const block = random.chance(0.8) ? random.integer(HOT_BLOCKS) : random.integer(BLOCKS - 8)
    const blocks = 1 + random.integer(random.chance(0.1) ? 8 : 3)
    if (dice < 50) {
      this.#change(block, blocks, ++this.#tag)
      await this.#open.write(block * BLOCK_BYTES, filled(this.#tag, blocks))
    } else if (dice < 60) {
      this.#change(block, blocks, 0)
      await this.#open.trim(block * BLOCK_BYTES, blocks * BLOCK_BYTES)
    } else if (dice < 66) {
      this.#change(block, blocks, ++this.#tag)
      await this.#open.writeSame(block * BLOCK_BYTES, blocks * BLOCK_BYTES, filled(this.#tag, 1))
    } else if (dice < 76) await this.#take()
    else if (dice < 81) await this.#delete()
    else if (dice < 84) await this.#restore()
    else if (dice < 90) await this.#flush(this.#open.checkpoint())
    else if (dice < 96) void this.#open.checkpoint().catch(() => undefined)
    else if (dice < 98) await this.#flush(this.#open.flush())
    else await this.#check()
  }

  #change(block: number, blocks: number, value: number): void {
    this.#history.push(this.#content.map((was, i) => (i >= block && i < block + blocks ? value : was)))
  }

  async #flush(flushed: Promise<void>): Promise<void> {
    await flushed
    this.#history = [this.#content]
  }

  async #take(): Promise<void> {
    if (this.#taken.length === SNAPSHOTS_MAX) await this.#delete()
    const taken = { id: this.#nextId++, content: this.#content }
    this.#undecided = taken
    await this.#open.createSnapshot({ id: taken.id, name: `s${taken.id}` })
    this.#undecided = undefined
    this.#taken.push(taken)
    this.#history = [this.#content]
  }

  async #delete(): Promise<void> {
    const [gone] = this.#taken.splice(this.random.integer(this.#taken.length), 1)
    if (gone === undefined) return
    this.#undecided = gone
    await this.#open.deleteSnapshot(gone.id)
    this.#undecided = undefined
  }

  async #restore(): Promise<void> {
    const back = this.#taken[this.random.integer(this.#taken.length + 1)]
    if (back === undefined) return
    this.#history.push(back.content)
    await this.#open.restoreSnapshot(back.id)
  }

  async #check(): Promise<void> {
    expect(await this.#read((target) => this.#open.read(0, target))).toEqual(this.#content)
    await this.#checkSnapshots()
  }

  async #checkSnapshots(): Promise<void> {
    for (const { id, content } of this.#taken) {
      const image = await this.#open.openSnapshot(id)
      expect(await this.#read((target) => image.read(0, target)), `snapshot ${id}`).toEqual(content)
      await image.close()
    }
  }

  async #read(read: (target: Uint8Array) => Promise<void>): Promise<number[]> {
    const target = new Uint8Array(SIZE_BYTES)
    await read(target)
    const words = new Uint32Array(target.buffer)
    return Array.from({ length: BLOCKS }, (_, block) => {
      const part = words.subarray((block * BLOCK_BYTES) / 4, ((block + 1) * BLOCK_BYTES) / 4)
      const value = part[0]!
      expect(part.every((word) => word === value)).toBe(true)
      return value
    })
  }

  #crash(): void {
    const process = this.#process
    process.life.end()
    process.disk.settleInFlight(this.random)
    this.#volume = undefined
    this.#storage = this.random.chance(0.4)
      ? this.#storage.afterProcessCrash()
      : this.#storage.afterPowerLoss(drawKept(this.random))
    this.#process = this.#start()
  }

  /** Background work has ended: the disk is not called any more. */
  async #settled(): Promise<void> {
    for (let calls = -1; calls !== this.#calls; ) {
      calls = this.#calls
      await this.#scheduler.pass(1000)
    }
  }

  /** Space that preserved content takes. */
  #dataBytes(): number {
    const id = this.#storage.lookup(`${DIRECTORY}/versions/000000`)
    return id === undefined ? 0 : this.#storage.cacheOf(id).allocatedBytes
  }

  #until<T>(promise: Promise<T>): Promise<T> {
    return this.#scheduler.until(promise, { what: 'the volume', limitMs: 600_000 })
  }
}

function filled(value: number, blocks: number): Uint8Array {
  const words = new Uint32Array((blocks * BLOCK_BYTES) / 4).fill(value)
  return new Uint8Array(words.buffer)
}

describe('a volume with snapshots in a storm of crashes', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'keeps what every snapshot sees, and loses no space (seed %d)',
    async (seed) => {
      const storm = new Storm(seed)
      await storm.create()
      for (let cycle = 0; cycle < 25; cycle++) await storm.cycle()
      await storm.calm()
      expect(storm.crashes).toBeGreaterThan(12)
      expect(storm.maxTaken).toBeGreaterThan(1)
    },
    60_000,
  )
})
