/**
 * What a crash enumeration runs: a set-up that is not crashed, and then at most three client operations during
 * which every effect on the disk is a place to crash. The context tells the oracle all that is asked and answered.
 */

import type { OriginSource } from '../../src/base/ports/origin.ts'
import { BLOCK_BYTES } from '../../src/base/units.ts'
import type { OpenVolumeOptions, RepairSource } from '../../src/blockvol/api.ts'
import type { Tuning } from '../../src/blockvol/tuning.ts'
import { Volume } from '../../src/blockvol/volume.ts'
import { type Range, VolumeClient } from '../sim/client.ts'
import { DATA_DIRECTORY, type SimProcess } from '../sim/machine.ts'
import type { VolumeModel } from '../sim/model.ts'
import { Register } from '../sim/register.ts'
import { SnapshotClient } from '../sim/snapshot-client.ts'

/** How the volume of a workload is made. */
export interface Shape {
  readonly sizeBytes: number
  readonly logBytes: number
  readonly logicalBlockBytes: 512 | 4096
}

export interface Workload {
  readonly name: string
  /** One sentence: what the crash finds under way. */
  readonly about: string
  readonly shape: Shape
  readonly tuning?: Partial<Tuning>
  readonly setUp: (context: WorkloadContext) => Promise<void>
  readonly run: (context: WorkloadContext) => Promise<void>
  /** Two interleavings are enough where nothing runs beside the operations. */
  readonly seeds: number
  /** The run makes the volume itself. */
  readonly makesVolume?: boolean
  /** What the volume is a clone of. */
  readonly origin?: OriginSource
  /** Where good copies of bad blocks come from. */
  readonly repairSource?: RepairSource
}

export const VOLUME_DIRECTORY = `${DATA_DIRECTORY}/volume`
const VOLUME_UUID = Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i)
const BLOCK_SECTORS = 8

export class WorkloadContext {
  readonly model: VolumeModel
  readonly shape: Shape
  readonly size: Register<number>
  readonly frontendState: Register<string>
  readonly #options: OpenVolumeOptions
  readonly #start: () => SimProcess
  #process: SimProcess
  #client: VolumeClient | undefined
  #volume: Volume | undefined

  /** `start` starts a process on the machine. */
  constructor(start: () => SimProcess, model: VolumeModel, workload: Workload) {
    this.#start = start
    this.#process = start()
    this.model = model
    this.shape = workload.shape
    this.size = new Register(model, workload.shape.sizeBytes)
    this.frontendState = new Register(model, '')
    this.#options = openOptions(workload)
  }

  /** The open volume. */
  get volume(): Volume {
    if (this.#volume === undefined) throw new Error('the workload has no open volume')
    return this.#volume
  }

  /** Undefined while the volume is closed. */
  get openVolume(): Volume | undefined {
    return this.#volume
  }

  create(): Promise<void> {
    return createVolume(this.#process, this.shape)
  }

  async open(): Promise<void> {
    this.#volume = await Volume.open(this.#process, this.#options)
    this.#client = new VolumeClient(this.#volume, this.model)
  }

  async close(): Promise<void> {
    const closed = this.model.beginFlush()
    const { volume } = this
    await volume.close()
    closed()
    this.#volume = undefined
  }

  /** The process dies between two operations, and another one opens the volume. */
  async restart(): Promise<void> {
    this.end()
    this.#process = this.#start()
    await this.open()
  }

  /** The process dies. */
  end(): void {
    this.#process.life.end()
    this.#volume = undefined
  }

  /** A bit rots. */
  flipBit(path: string, offsetBytes: number): void {
    const { storage } = this.#process.disk
    const fileId = storage.lookup(path)
    if (fileId === undefined) throw new Error(`${path} is not there`)
    storage.flipBit(fileId, offsetBytes, 0)
  }

  /** The client; its operations are expected to succeed. */
  get client(): VolumeClient {
    if (this.#client === undefined) throw new Error('the workload has no open volume')
    return this.#client
  }

  /** Writes whole blocks. */
  writeBlocks(block: number, blocks = 1, fua?: boolean): Promise<void> {
    const range = { firstSector: block * BLOCK_SECTORS, sectors: blocks * BLOCK_SECTORS }
    return succeed(this.client.write(fua === undefined ? range : { ...range, fua }))
  }

  writeSectors(range: Range): Promise<void> {
    return succeed(this.client.write(range))
  }

  trimBlocks(block: number, blocks: number): Promise<void> {
    return succeed(this.client.trim(blocksRange(block, blocks)))
  }

  zeroBlocks(block: number, blocks: number): Promise<void> {
    return succeed(this.client.writeZeroes(blocksRange(block, blocks)))
  }

  writeSameBlocks(block: number, blocks: number): Promise<void> {
    return succeed(this.client.writeSame(blocksRange(block, blocks)))
  }

  flush(): Promise<void> {
    return succeed(this.client.flush())
  }

  /** Moves all dirty blocks to extents; what was acknowledged before is durable after. */
  async checkpoint(): Promise<void> {
    const done = this.model.beginFlush()
    await this.volume.checkpoint()
    done()
  }

  resize(sizeBytes: number): Promise<void> {
    return this.size.set(sizeBytes, () => this.volume.resize(sizeBytes))
  }

  /** Makes the new volume a clone, whose first blocks are as the workload's first operation would write them. */
  async becomeClone(blocks: number): Promise<void> {
    const operation = this.model.begin('write', { ...blocksRange(0, blocks), fua: true })
    for (const _ of operation.parts) this.model.admitted(operation)
    const volume = '00000000-0000-4000-8000-000000000001'
    await this.volume.setOrigin({ volume, snapshot: 1n, sizeBytes: blocks * BLOCK_BYTES })
    this.model.acknowledged(operation)
  }

  /** Copies what nobody touched of the origin: nothing that anybody sees changes. */
  async hydrate(blocks: number): Promise<void> {
    const { origin } = this.#options
    if (origin === undefined) throw new Error('the workload has no origin')
    const data = new Uint8Array(blocks * BLOCK_BYTES)
    await origin.read(0, data)
    await this.volume.hydrate(0, data)
  }

  finishClone(): Promise<void> {
    return this.volume.finishOrigin()
  }

  createSnapshot(id: number): Promise<void> {
    return succeed(this.#snapshots.create(BigInt(id), `s${id}`))
  }

  deleteSnapshot(id: number): Promise<void> {
    return succeed(this.#snapshots.delete(BigInt(id)))
  }

  restoreSnapshot(id: number): Promise<void> {
    return succeed(this.#snapshots.restore(BigInt(id)))
  }

  get #snapshots(): SnapshotClient {
    return new SnapshotClient(this.volume, this.model)
  }

  setFrontendState(text: string): Promise<void> {
    return this.frontendState.set(text, () => this.volume.setFrontendState(Buffer.from(text)))
  }
}

export const blocksRange = (block: number, blocks: number): Range => ({
  firstSector: block * BLOCK_SECTORS,
  sectors: blocks * BLOCK_SECTORS,
})

async function succeed(outcome: Promise<unknown>): Promise<void> {
  const result = await outcome
  if (result !== 'ok') throw new Error(`an operation of the workload ended with ${String(result)}`)
}

/** Makes the volume of a workload. */
export function createVolume(process: SimProcess, shape: Shape): Promise<void> {
  return Volume.create(process, {
    directory: VOLUME_DIRECTORY,
    uuid: VOLUME_UUID,
    name: 'crash',
    ...shape,
  })
}

/** How a workload's volume is opened, also after the crash. */
export function openOptions(workload: Workload): OpenVolumeOptions {
  const options = { directory: VOLUME_DIRECTORY, tuning: { scrubIntervalMs: 0, ...workload.tuning } }
  const { repairSource, origin } = workload
  return { ...options, ...(repairSource && { repairSource }), ...(origin && { origin }) }
}

/** Longest entry of data that a log of this size takes: an eighth of it, and at most 256 blocks. */
export const entryBlocksMax = (shape: Shape): number =>
  Math.max(1, Math.min(256, Math.floor(shape.logBytes / 8 / 4096)))
