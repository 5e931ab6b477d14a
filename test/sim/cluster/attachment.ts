/**
 * A device as a host on another machine has it: commands and answers reach a process only while it runs, and when it is
 * gone every command fails. Everything else is the device's own.
 */
import { BlockError } from '../../../src/base/errors.ts'
import type {
  AllocationRun,
  BlockDevice,
  CompareResult,
  DeviceEvent,
  WriteOptions,
} from '../../../src/base/ports/block-device.ts'
import type { Life } from '../clock.ts'

export class Attachment implements BlockDevice {
  readonly #device: BlockDevice
  readonly #life: Life
  readonly #waiting = new Set<(error: BlockError) => void>()

  constructor(device: BlockDevice, life: Life) {
    this.#device = device
    this.#life = life
    life.onEnd(() => {
      for (const fail of this.#waiting) fail(gone())
      this.#waiting.clear()
    })
  }

  get uuid(): Uint8Array {
    return this.#device.uuid
  }
  get name(): string {
    return this.#device.name
  }
  get sizeBytes(): number {
    return this.#device.sizeBytes
  }
  get logicalBlockBytes(): 512 | 4096 {
    return this.#device.logicalBlockBytes
  }
  get readOnly(): boolean {
    return this.#device.readOnly
  }
  get atomicWriteBytesMax(): number {
    return this.#device.atomicWriteBytesMax
  }

  #ask<T>(run: () => Promise<T>): Promise<T> {
    if (this.#life.ended) return Promise.reject(gone())
    return new Promise<T>((resolve, reject) => {
      this.#waiting.add(reject)
      this.#life.deliver(() => {
        run()
          .then(resolve, reject)
          .finally(() => this.#waiting.delete(reject))
      })
    })
  }

  readNow(offsetBytes: number, target: Uint8Array): boolean {
    if (this.#life.ended) throw gone()
    return !this.#life.isStopped && this.#device.readNow(offsetBytes, target)
  }
  read(offsetBytes: number, target: Uint8Array): Promise<void> {
    return this.#ask(() => this.#device.read(offsetBytes, target))
  }
  write(offsetBytes: number, data: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.#ask(() => this.#device.write(offsetBytes, data, options))
  }
  flush(): Promise<void> {
    return this.#ask(() => this.#device.flush())
  }
  checkpoint(): Promise<void> {
    return this.#ask(() => this.#device.checkpoint())
  }
  trim(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    return this.#ask(() => this.#device.trim(offsetBytes, lengthBytes, options))
  }
  writeZeroes(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    return this.#ask(() => this.#device.writeZeroes(offsetBytes, lengthBytes, options))
  }
  writeSame(
    offsetBytes: number,
    lengthBytes: number,
    pattern: Uint8Array,
    options?: WriteOptions,
  ): Promise<void> {
    return this.#ask(() => this.#device.writeSame(offsetBytes, lengthBytes, pattern, options))
  }
  compareAndWrite(
    offsetBytes: number,
    expected: Uint8Array,
    data: Uint8Array,
    options?: WriteOptions,
  ): Promise<CompareResult> {
    return this.#ask(() => this.#device.compareAndWrite(offsetBytes, expected, data, options))
  }
  readModifyWrite(
    offsetBytes: number,
    lengthBytes: number,
    combine: (content: Uint8Array) => void,
    options?: WriteOptions,
  ): Promise<void> {
    return this.#ask(() => this.#device.readModifyWrite(offsetBytes, lengthBytes, combine, options))
  }
  allocation(offsetBytes: number, lengthBytes: number, runsMax: number): Promise<AllocationRun[]> {
    return this.#ask(() => this.#device.allocation(offsetBytes, lengthBytes, runsMax))
  }
  frontendState(): Uint8Array {
    return this.#device.frontendState()
  }
  setFrontendState(state: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.#ask(() => this.#device.setFrontendState(state, options))
  }
  subscribe(listener: (event: DeviceEvent) => void): () => void {
    return this.#device.subscribe(listener)
  }
}

const gone = (): BlockError => new BlockError('DISCONNECTED', 'the server is gone')
