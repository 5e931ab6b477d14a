/**
 * In the place of a volume's device where the volume is not served: it has the volume's identity and size, which hosts
 * may always ask for, and no blocks. The paths' states keep every command for blocks away from it; should one come
 * nevertheless it is BUSY.
 */
import { BlockError } from '../../base/errors.ts'
import type { AllocationRun, BlockDevice, CompareResult, DeviceEvent } from '../../base/ports/block-device.ts'

/** What a logical unit tells of itself wherever it is reached: the same as where it is served. */
export interface UnitFacts {
  /** 16 bytes. */
  readonly uuid: Uint8Array
  readonly name: string
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
  /** As the serving device's; 0: no atomic writes are told of. */
  readonly atomicWriteBytesMax: number
}

export class StandbyDevice implements BlockDevice {
  readonly uuid: Uint8Array
  readonly name: string
  readonly logicalBlockBytes: 512 | 4096
  readonly atomicWriteBytesMax: number
  readonly readOnly = false
  readonly hasSnapshots = false
  #sizeBytes: number
  readonly #listeners = new Set<(event: DeviceEvent) => void>()

  constructor(facts: UnitFacts) {
    this.uuid = facts.uuid
    this.name = facts.name
    this.logicalBlockBytes = facts.logicalBlockBytes
    this.atomicWriteBytesMax = facts.atomicWriteBytesMax
    this.#sizeBytes = facts.sizeBytes
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** The volume has grown where it is served; hosts hear of it. */
  setSize(sizeBytes: number): void {
    if (sizeBytes === this.#sizeBytes) return
    this.#sizeBytes = sizeBytes
    for (const listener of [...this.#listeners]) listener({ kind: 'resized', sizeBytes })
  }

  readNow(): boolean {
    throw this.#notHere()
  }
  async read(): Promise<void> {
    throw this.#notHere()
  }
  async write(): Promise<void> {
    throw this.#notHere()
  }
  async flush(): Promise<void> {
    throw this.#notHere()
  }
  async checkpoint(): Promise<void> {
    throw this.#notHere()
  }
  async trim(): Promise<void> {
    throw this.#notHere()
  }
  async writeZeroes(): Promise<void> {
    throw this.#notHere()
  }
  async writeSame(): Promise<void> {
    throw this.#notHere()
  }
  async compareAndWrite(): Promise<CompareResult> {
    throw this.#notHere()
  }
  async readModifyWrite(): Promise<void> {
    throw this.#notHere()
  }
  async allocation(): Promise<AllocationRun[]> {
    throw this.#notHere()
  }

  /** None: what the front ends keep is where the volume is served. */
  frontendState(): Uint8Array {
    return new Uint8Array(0)
  }
  async setFrontendState(): Promise<void> {
    throw this.#notHere()
  }

  subscribe(listener: (event: DeviceEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #notHere(): BlockError {
    return new BlockError('BUSY', `volume ${this.name} is not served here`)
  }
}
