/**
 * A snapshot as a disk that nobody writes to: what hosts read who log in to it. Changes are refused as of a write-protected
 * medium, reservations that would have to be kept included. Nothing of it is cached here.
 */
import { BlockError } from '../../base/errors.ts'
import type { AllocationRun, BlockDevice, CompareResult, DeviceEvent } from '../../base/ports/block-device.ts'
import type { VolumeImage } from '../../base/ports/image.ts'
import { BLOCK_BYTES } from '../../base/units.ts'

/** Blocks that one look at the image may list, for the provisioning of a range. */
const LISTED_MAX = 4096

export interface SnapshotDiskOptions {
  readonly image: VolumeImage
  readonly uuid: Uint8Array
  readonly name: string
}

export class SnapshotDisk implements BlockDevice {
  readonly uuid: Uint8Array
  readonly name: string
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
  readonly readOnly = true
  readonly hasSnapshots = true
  readonly atomicWriteBytesMax = 0
  readonly #image: VolumeImage
  readonly #listeners = new Set<(event: DeviceEvent) => void>()
  #lost: BlockError | undefined

  /** The image stays its owner's. */
  constructor({ image, uuid, name }: SnapshotDiskOptions) {
    this.#image = image
    this.uuid = uuid
    this.name = name
    this.sizeBytes = image.sizeBytes
    this.logicalBlockBytes = image.logicalBlockBytes
  }

  /** It is not served here any more: whoever listens resets the connections within the call. Idempotent. */
  lose(reason: string): void {
    if (this.#lost !== undefined) return
    this.#lost = new BlockError('CLOSED', `${this.name} is not served here any more: ${reason}`)
    for (const listener of [...this.#listeners]) listener({ kind: 'lost', reason })
    this.#listeners.clear()
  }

  #check(offsetBytes: number, lengthBytes: number): void {
    if (this.#lost !== undefined) throw this.#lost
    const isAligned = offsetBytes % this.logicalBlockBytes === 0 && lengthBytes % this.logicalBlockBytes === 0
    if (isAligned && offsetBytes >= 0 && offsetBytes + lengthBytes <= this.sizeBytes) return
    throw new BlockError('OUT_OF_RANGE', `${this.name} has ${this.sizeBytes} bytes`, {
      facts: { offsetBytes, lengthBytes },
    })
  }

  #refuse(): BlockError {
    return this.#lost ?? new BlockError('READ_ONLY', `${this.name} is a snapshot and is not written to`)
  }

  readNow(offsetBytes: number, target: Uint8Array): boolean {
    this.#check(offsetBytes, target.byteLength)
    return false
  }

  async read(offsetBytes: number, target: Uint8Array): Promise<void> {
    this.#check(offsetBytes, target.byteLength)
    const endBytes = offsetBytes + target.byteLength
    const first = Math.floor(offsetBytes / BLOCK_BYTES)
    if (offsetBytes % BLOCK_BYTES === 0 && endBytes % BLOCK_BYTES === 0) {
      if (target.byteLength > 0) await this.#image.read(first, target)
    } else {
      const blocks = Math.ceil(endBytes / BLOCK_BYTES) - first
      const whole = new Uint8Array(blocks * BLOCK_BYTES)
      await this.#image.read(first, whole)
      const skip = offsetBytes - first * BLOCK_BYTES
      target.set(whole.subarray(skip, skip + target.byteLength))
    }
    if (this.#lost !== undefined) throw this.#lost
  }

  /** Nothing waits to become durable. */
  async flush(): Promise<void> {
    this.#check(0, 0)
  }

  async checkpoint(): Promise<void> {
    this.#check(0, 0)
  }

  async write(): Promise<void> {
    throw this.#refuse()
  }
  async trim(): Promise<void> {
    throw this.#refuse()
  }
  async writeZeroes(): Promise<void> {
    throw this.#refuse()
  }
  async writeSame(): Promise<void> {
    throw this.#refuse()
  }
  async compareAndWrite(): Promise<CompareResult> {
    throw this.#refuse()
  }
  async readModifyWrite(): Promise<void> {
    throw this.#refuse()
  }

  async allocation(offsetBytes: number, lengthBytes: number, runsMax: number): Promise<AllocationRun[]> {
    this.#check(offsetBytes, lengthBytes)
    const runs = new Runs(offsetBytes, offsetBytes + lengthBytes, runsMax)
    let fromBlock: number | null = Math.floor(offsetBytes / BLOCK_BYTES)
    while (fromBlock !== null && fromBlock * BLOCK_BYTES < runs.endBytes && !runs.isFull) {
      const { blocks, nextBlock } = await this.#image.changed({ sinceLsn: 0, fromBlock, limit: LISTED_MAX })
      for (const { block, kind } of blocks) {
        if (kind === 'data') runs.mapped(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES)
      }
      fromBlock = nextBlock
      if (fromBlock !== null) runs.seen(fromBlock * BLOCK_BYTES)
    }
    return runs.end()
  }

  /** Front ends keep nothing with it. */
  frontendState(): Uint8Array {
    return new Uint8Array(0)
  }
  async setFrontendState(): Promise<void> {
    throw this.#refuse()
  }

  subscribe(listener: (event: DeviceEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** Runs of a range, made of the mapped ones that come in ascending order. */
class Runs {
  readonly endBytes: number
  readonly #runsMax: number
  readonly #runs: { offsetBytes: number; lengthBytes: number; mapped: boolean }[] = []
  /** Where the range is known up to. */
  #atBytes: number

  constructor(fromBytes: number, endBytes: number, runsMax: number) {
    this.#atBytes = fromBytes
    this.endBytes = endBytes
    this.#runsMax = runsMax
  }

  get isFull(): boolean {
    // the last one may grow
    return this.#runs.length > this.#runsMax
  }

  mapped(fromBytes: number, toBytes: number): void {
    this.seen(fromBytes)
    this.#add(toBytes, true)
  }

  /** Nothing else is mapped before. */
  seen(toBytes: number): void {
    this.#add(toBytes, false)
  }

  end(): AllocationRun[] {
    if (!this.isFull) this.#add(this.endBytes, false)
    return this.#runs.slice(0, this.#runsMax)
  }

  #add(toBytes: number, mapped: boolean): void {
    const to = Math.min(toBytes, this.endBytes)
    if (to <= this.#atBytes) return
    const last = this.#runs.at(-1)
    if (last?.mapped === mapped) last.lengthBytes += to - this.#atBytes
    else this.#runs.push({ offsetBytes: this.#atBytes, lengthBytes: to - this.#atBytes, mapped })
    this.#atBytes = to
  }
}
