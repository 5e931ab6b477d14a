/**
 * What an opening of the simulated volume is held against: all that it shows, as after the worst crash since the last one.
 *
 * # What is detectable
 *
 * A disk that errs, rots, misdirects or tears never makes a volume return wrong bytes: it may refuse (MEDIUM,
 * POISONED, LOG_DAMAGED, CORRUPT), and what it refuses is not held against it. Three faults take away the knowledge
 * itself, and one server alone cannot get it back:
 *
 * - A sync that lied, before a power loss: anything written since the last honest sync may be gone, superblock
 *   included, so that nothing is left that knows better.
 * - A write to the log that the disk put elsewhere: like a lie about the entries of that write.
 * - Rot in the newest entries of the log, while nothing that was written later says that they were durable: it looks
 *   like a tail that was torn.
 *
 * Then, and after an operator accepted a loss that the volume did name, each sector may hold any value that it ever
 * had, whole and in its place. With replicas a peer knows better; without, the volume cannot.
 */
import { isBlockError } from '../../src/base/errors.ts'
import type { Volume } from '../../src/blockvol/volume.ts'
import { identifyAll, SECTOR_BYTES } from './content.ts'
import type { FaultPlan } from './faults.ts'
import type { LoadState } from './load.ts'
import { type CrashKind, ModelViolation, UNREADABLE } from './model.ts'
import { findSnapshots, SnapshotClient } from './snapshot-client.ts'

const BLOCK_SECTORS = 8

export class VolumeJudge {
  readonly #load: LoadState
  readonly #faults: FaultPlan
  /** What the next opening is judged by; the worst of all crashes since the last one that got through. */
  #judgeBy: CrashKind = 'process'
  /** The disk lost what it had reported durable: each sector may hold any of its former values. */
  wasDeceived = false
  /** Since the last opening that got through. */
  hasLogRotted = false
  #reported = { durableLsn: 0, epoch: 0 }

  constructor(load: LoadState, faults: FaultPlan) {
    this.#load = load
    this.#faults = faults
  }

  note(volume: Volume): void {
    const { durableLsn, epoch } = volume.status()
    this.#reported = { durableLsn, epoch: epoch.number }
  }

  /** Holds everything that the volume shows after an opening against the oracle; a new history starts from it. */
  async verify(volume: Volume): Promise<void> {
    const { model, size, frontendState, damage } = this.#load
    const values = await this.readAll(volume)
    const found = await findSnapshots(volume)
    const valueAt = model.snapshots.found(found, (sector) => values[sector] ?? 0)
    const { epoch, appendedLsn } = volume.status()
    const { durableLsn } = this.#reported
    if (damage.mayLie && this.#faults.counts.misdirectedWrite > 0) this.wasDeceived = true
    if (this.hasLogRotted && appendedLsn <= durableLsn) this.wasDeceived = true
    if (!this.wasDeceived) {
      model.judgeCrash(this.#judgeBy, valueAt)
      this.expect(epoch.number > this.#reported.epoch, `epoch ${epoch.number} was used before`)
      this.expect(appendedLsn > durableLsn, `the log ends at ${appendedLsn}, ${durableLsn} was durable`)
      this.expect(size.allowed(model.now).includes(volume.sizeBytes), `the size is ${volume.sizeBytes}`)
      const text = Buffer.from(volume.frontendState()).toString()
      this.expect(frontendState.allowed(model.now).includes(text), `the front-end state is '${text}'`)
    }
    const untouched = new Set(values.keys())
    for (const sector of model.touchedSectors) {
      untouched.delete(sector)
      const value = valueAt(sector)
      if (value !== UNREADABLE && !model.wasEver(sector, value)) {
        throw new ModelViolation(`sector ${sector} holds operation ${value}, which never wrote there`)
      }
    }
    for (const sector of untouched) {
      const value = valueAt(sector)
      if (value > 0)
        throw new ModelViolation(`sector ${sector}, which nobody wrote, holds operation ${value}`)
    }
    model.rebase(valueAt)
    size.rebase(volume.sizeBytes)
    frontendState.rebase(Buffer.from(volume.frontendState()).toString())
    await this.#verifySnapshots(volume)
    this.#judgeBy = 'process'
    this.wasDeceived = false
    this.hasLogRotted = false
    this.note(volume)
  }

  /** Snapshots hold what they held when they were made. */
  async #verifySnapshots(volume: Volume): Promise<void> {
    const { model, damage } = this.#load
    const client = new SnapshotClient(volume, model)
    for (const { id } of client.list()) {
      const content = await client.readAll(id, damage.mayBreak || damage.mayLie, this.wasDeceived)
      if (this.wasDeceived) model.snapshots.learn(id, content)
    }
  }

  /** The value of every sector, UNREADABLE where a block cannot be read. */
  async readAll(volume: Volume): Promise<Int32Array> {
    const values = new Int32Array(volume.sizeBytes / SECTOR_BYTES)
    const step = 64 * BLOCK_SECTORS
    for (let sector = 0; sector < values.length; sector += step) {
      const sectors = Math.min(step, values.length - sector)
      const chunk = await this.#readSome(volume, sector, sectors)
      if (chunk !== undefined) {
        values.set(chunk, sector)
        continue
      }
      for (let at = sector; at < sector + sectors; at += BLOCK_SECTORS) {
        const block = await this.#readSome(volume, at, BLOCK_SECTORS)
        if (block === undefined) values.fill(UNREADABLE, at, at + BLOCK_SECTORS)
        else values.set(block, at)
      }
    }
    return values
  }

  async #readSome(volume: Volume, sector: number, sectors: number): Promise<Uint32Array | undefined> {
    const bytes = new Uint8Array(sectors * SECTOR_BYTES)
    try {
      await volume.read(sector * SECTOR_BYTES, bytes)
    } catch (error) {
      const { mayBreak, mayLie, mayFail } = this.#load.damage
      if (isBlockError(error, 'MEDIUM') && (mayBreak || mayLie)) return undefined
      if (isBlockError(error, 'POISONED') && mayFail) return undefined
      if (!isBlockError(error)) throw error
      throw new ModelViolation(
        `a read ended with ${error.code}, which no fault of this run explains: ${error.message}`,
      )
    }
    return identifyAll(bytes, sector, volume.logicalBlockBytes)
  }

  /** Throws what broke. */
  expect(condition: boolean, message: string): void {
    if (!condition) throw new ModelViolation(`after an opening: ${message}`)
  }

  /** What the next opening is judged by. */
  crashed(kind: CrashKind): void {
    if (this.#judgeBy === 'process') this.#judgeBy = kind
  }
}
