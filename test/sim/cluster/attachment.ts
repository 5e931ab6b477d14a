/**
 * A device as a host on another machine has it: commands and answers reach a process only while it runs, and when it is
 * gone every command fails. Everything else is the device's own.
 */
import { BlockError } from '../../../src/base/errors.ts'
import { ForwardingDevice } from '../../../src/base/forwarding-device.ts'
import type {
  AllocationRun,
  BlockDevice,
  CompareResult,
  WriteOptions,
} from '../../../src/base/ports/block-device.ts'
import type { Life } from '../clock.ts'

export class Attachment extends ForwardingDevice {
  readonly #life: Life
  readonly #waiting = new Set<(error: BlockError) => void>()

  constructor(device: BlockDevice, life: Life) {
    super(device)
    this.#life = life
    life.onEnd(() => {
      for (const fail of this.#waiting) fail(gone())
      this.#waiting.clear()
    })
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

  override readNow(offsetBytes: number, target: Uint8Array): boolean {
    if (this.#life.ended) throw gone()
    return !this.#life.isStopped && this.device.readNow(offsetBytes, target)
  }
  override read(offsetBytes: number, target: Uint8Array): Promise<void> {
    return this.#ask(() => this.device.read(offsetBytes, target))
  }
  override write(offsetBytes: number, data: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.#ask(() => this.device.write(offsetBytes, data, options))
  }
  override flush(): Promise<void> {
    return this.#ask(() => this.device.flush())
  }
  override checkpoint(): Promise<void> {
    return this.#ask(() => this.device.checkpoint())
  }
  override trim(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    return this.#ask(() => this.device.trim(offsetBytes, lengthBytes, options))
  }
  override writeZeroes(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    return this.#ask(() => this.device.writeZeroes(offsetBytes, lengthBytes, options))
  }
  override writeSame(
    offsetBytes: number,
    lengthBytes: number,
    pattern: Uint8Array,
    options?: WriteOptions,
  ): Promise<void> {
    return this.#ask(() => this.device.writeSame(offsetBytes, lengthBytes, pattern, options))
  }
  override compareAndWrite(
    offsetBytes: number,
    expected: Uint8Array,
    data: Uint8Array,
    options?: WriteOptions,
  ): Promise<CompareResult> {
    return this.#ask(() => this.device.compareAndWrite(offsetBytes, expected, data, options))
  }
  override readModifyWrite(
    offsetBytes: number,
    lengthBytes: number,
    combine: (content: Uint8Array) => void,
    options?: WriteOptions,
  ): Promise<void> {
    return this.#ask(() => this.device.readModifyWrite(offsetBytes, lengthBytes, combine, options))
  }
  override allocation(offsetBytes: number, lengthBytes: number, runsMax: number): Promise<AllocationRun[]> {
    return this.#ask(() => this.device.allocation(offsetBytes, lengthBytes, runsMax))
  }
  override setFrontendState(state: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.#ask(() => this.device.setFrontendState(state, options))
  }
}

const gone = (): BlockError => new BlockError('DISCONNECTED', 'the server is gone')
