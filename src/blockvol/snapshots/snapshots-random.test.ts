/**
 * A volume with snapshots under random changes, held against copies: whatever is written, trimmed, flushed, restored, deleted,
 * closed or crashed, the volume is what was written and every snapshot what the volume was.
 */
import { describe, expect, it } from 'vitest'
import { Side } from '../../../test/blockvol/resync-pair.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import type { VolumeImage } from '../../base/ports/image.ts'
import { BLOCK_BYTES, KIB } from '../../base/units.ts'
import { Volume } from '../volume.ts'

const DIRECTORY = '/data/volume'
const SIZE_BLOCKS = 900
const GROWN_BLOCKS = 1400
const STEPS = 110

/** What each block is filled with; 0 for zeros. */
type Content = number[]

interface Taken {
  readonly id: bigint
  readonly lsn: number
  readonly content: Content
}

class Rig {
  readonly random: SeededRandom
  readonly side: Side
  content: Content = new Array<number>(SIZE_BLOCKS).fill(0)
  taken: Taken[] = []
  #volume: Volume | undefined
  #tag = 0
  #ids = 1n
  readonly #beside: Promise<void>[] = []

  constructor(scheduler: Scheduler, seed: number) {
    this.random = new SeededRandom(seed)
    this.side = new Side(scheduler, seed)
  }

  get volume(): Volume {
    if (this.#volume === undefined) throw new Error('the volume is not open')
    return this.#volume
  }

  async create(): Promise<void> {
    await Volume.create(this.side.process, {
      directory: DIRECTORY,
      uuid: new Uint8Array(16).fill(4),
      name: 'snaps',
      sizeBytes: SIZE_BLOCKS * BLOCK_BYTES,
      logicalBlockBytes: 512,
      logBytes: 512 * KIB,
    })
    await this.open()
  }

  async open(): Promise<void> {
    const tuning = { scrubIntervalMs: 0, idleFlushMs: 1e9, reserveBytes: 0, mapCacheBytes: 0 }
    this.#volume = await Volume.open(this.side.process, { directory: DIRECTORY, tuning })
  }

  async step(): Promise<void> {
    const { random } = this
    const dice = random.integer(100)
    const block = random.integer(this.content.length)
    const blocks = Math.min(this.content.length - block, 1 + random.integer(random.chance(0.1) ? 300 : 6))
    const [offset, length] = [block * BLOCK_BYTES, blocks * BLOCK_BYTES]
    if (dice < 40) {
      this.#set(block, blocks, ++this.#tag)
      await this.volume.write(offset, filledWith(this.#tag, length))
    } else if (dice < 52) {
      this.#set(block, blocks, 0)
      await this.volume.trim(offset, length)
    } else if (dice < 57) {
      this.#set(block, blocks, ++this.#tag)
      await this.volume.writeSame(offset, length, filledWith(this.#tag, 512))
    } else if (dice < 68) await this.#take()
    else if (dice < 73) await this.#delete()
    else if (dice < 79) await this.#restore()
    else if (dice < 92) this.#beside.push(this.volume.checkpoint())
    else if (dice < 93 && this.content.length === SIZE_BLOCKS) {
      await this.volume.resize(GROWN_BLOCKS * BLOCK_BYTES)
      this.content = [...this.content, ...new Array<number>(GROWN_BLOCKS - SIZE_BLOCKS).fill(0)]
    } else if (dice < 96) await this.#reopen()
    else await this.check()
  }

  #set(block: number, blocks: number, value: number): void {
    this.content = this.content.with(block, value).fill(value, block, block + blocks)
  }

  async #take(): Promise<void> {
    if (this.taken.length === 6) await this.#delete()
    const id = this.#ids++
    const { lsn, sizeBytes } = await this.volume.createSnapshot({ id, name: `s${id}` })
    expect(sizeBytes).toBe(this.content.length * BLOCK_BYTES)
    this.taken.push({ id, lsn, content: [...this.content] })
  }

  async #delete(): Promise<void> {
    const gone = this.taken.splice(this.random.integer(this.taken.length + 1), 1)[0]
    if (gone !== undefined) await this.volume.deleteSnapshot(gone.id)
  }

  async #restore(): Promise<void> {
    const back = this.taken[this.random.integer(this.taken.length + 1)]
    if (back === undefined) return
    await this.volume.restoreSnapshot(back.id)
    this.content = this.content.map((_, block) => back.content[block] ?? 0)
  }

  async #settled(): Promise<void> {
    await Promise.all(this.#beside.splice(0))
  }

  /** In order, or because the machine loses power: all that was flushed is there. */
  async #reopen(): Promise<void> {
    if (this.random.chance(0.3)) {
      await this.#settled()
      await this.volume.close()
      this.side.restart()
    } else {
      await this.volume.flush()
      for (const beside of this.#beside.splice(0)) void beside.catch(() => undefined)
      const kept = this.random.chance(0.5) ? 'all' : 'none'
      const { storage } = this.side
      this.side.restart(
        this.random.chance(0.5) ? storage.afterProcessCrash() : storage.afterPowerLoss(() => kept),
      )
    }
    await this.open()
  }

  async check(): Promise<void> {
    const target = new Uint8Array(this.content.length * BLOCK_BYTES)
    await this.volume.read(0, target)
    expectContent(target, this.content, 'the volume')
    expect(this.volume.snapshots().map(({ id }) => id)).toEqual(this.taken.map(({ id }) => id))
    for (const [i, taken] of this.taken.entries()) {
      const image = await this.volume.openSnapshot(taken.id)
      const whole = new Uint8Array(image.sizeBytes)
      await image.read(0, whole)
      expectContent(whole, taken.content, `snapshot ${taken.id}`)
      const one = this.random.integer(taken.content.length)
      await image.read(one, whole.subarray(0, BLOCK_BYTES))
      expectContent(whole.subarray(0, BLOCK_BYTES), [taken.content[one]!], `block ${one} of ${taken.id}`)
      for (const base of [undefined, ...this.taken.slice(0, i)]) await this.#checkChanged(image, taken, base)
      await image.close()
    }
  }

  /** Whatever is not told to have changed since `base` is as it was there. */
  async #checkChanged(image: VolumeImage, taken: Taken, base: Taken | undefined): Promise<void> {
    const sinceLsn = base?.lsn ?? 0
    const changed = new Map<number, 'data' | 'hole'>()
    for (let fromBlock: number | null = 0; fromBlock !== null; ) {
      const answer = await image.changed({ sinceLsn, fromBlock, limit: 1 + this.random.integer(400) })
      for (const { block, lsn, kind } of answer.blocks) {
        expect(block).toBeGreaterThanOrEqual(fromBlock)
        expect(lsn).toBeGreaterThan(sinceLsn)
        expect(lsn).toBeLessThanOrEqual(taken.lsn)
        expect(changed.has(block)).toBe(false)
        changed.set(block, kind)
        if (kind === 'hole') expect(taken.content[block]).toBe(0)
      }
      fromBlock = answer.nextBlock
    }
    for (const [block, value] of taken.content.entries()) {
      if (!changed.has(block)) expect(value, `block ${block}`).toBe(base?.content[block] ?? 0)
    }
  }

  /** The store has nothing that nobody sees, and counts what it has. */
  async checkSpace(): Promise<void> {
    await this.#settled()
    await this.volume.checkpoint()
    const usage = await this.volume.snapshotUsage()
    const held = usage.snapshots.reduce((sum, { heldBytes }) => sum + heldBytes, 0)
    for (const { heldBytes, exclusiveBytes } of usage.snapshots) {
      expect(exclusiveBytes).toBeLessThanOrEqual(heldBytes)
    }
    if (this.taken.length === 0) expect(held).toBe(0)
  }

  async end(): Promise<void> {
    await this.check()
    await this.checkSpace()
    await this.check()
    for (const { id } of this.taken.splice(0)) await this.volume.deleteSnapshot(id)
    await this.checkSpace()
    await this.check()
    await this.volume.close()
  }
}

function filledWith(tag: number, lengthBytes: number): Uint8Array {
  const data = new Uint8Array(lengthBytes)
  new Uint32Array(data.buffer).fill(tag)
  return data
}

function expectContent(found: Uint8Array, meant: readonly number[], what: string): void {
  const words = new Uint32Array(found.buffer, found.byteOffset, found.byteLength / 4)
  for (const [block, value] of meant.entries()) {
    const at = block * (BLOCK_BYTES / 4)
    for (const word of [at, at + 511, at + 1023]) {
      if (words[word] !== value) expect.fail(`${what}: block ${block} is ${words[word]}, not ${value}`)
    }
  }
}

describe('a volume with snapshots', () => {
  it.each(Array.from({ length: 8 }, (_, i) => i + 1))(
    'and every one of them is as it was, whatever happens (seed %i)',
    (seed) => {
      const scheduler = new Scheduler(seed)
      const run = async (): Promise<void> => {
        const rig = new Rig(scheduler, seed)
        await rig.create()
        for (let step = 0; step < STEPS; step++) await rig.step()
        await rig.end()
      }
      return scheduler.until(run(), { what: 'the test', limitMs: 3_600_000 })
    },
  )
})
