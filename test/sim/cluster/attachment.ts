/**
 * A device as a host on another machine has it: commands and answers reach a process only while it runs, and when it is
 * gone every command fails. Everything else is the device's own.
 */
import { ForwardingDevice } from '../../../src/base/forwarding-device.ts'
import type {
  AllocationRun,
  BlockDevice,
  CompareResult,
  WriteOptions,
} from '../../../src/base/ports/block-device.ts'
import type { Distance } from './distance.ts'

export class Attachment extends ForwardingDevice {
  readonly #distance: Distance

  constructor(device: BlockDevice, distance: Distance) {
    super(device)
    this.#distance = distance
  }

  override readNow(offsetBytes: number, target: Uint8Array): boolean {
    this.#distance.expectThere()
    return !this.#distance.isStopped && this.device.readNow(offsetBytes, target)
  }
  override read(offsetBytes: number, target: Uint8Array): Promise<void> {
    return this.#distance.ask(() => this.device.read(offsetBytes, target))
  }
  override write(offsetBytes: number, data: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.#distance.ask(() => this.device.write(offsetBytes, data, options))
  }
  override flush(): Promise<void> {
    return this.#distance.ask(() => this.device.flush())
  }
  override checkpoint(): Promise<void> {
    return this.#distance.ask(() => this.device.checkpoint())
  }
  override trim(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    return this.#distance.ask(() => this.device.trim(offsetBytes, lengthBytes, options))
  }
  override writeZeroes(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    return this.#distance.ask(() => this.device.writeZeroes(offsetBytes, lengthBytes, options))
  }
  override writeSame(
    offsetBytes: number,
    lengthBytes: number,
    pattern: Uint8Array,
    options?: WriteOptions,
  ): Promise<void> {
    return this.#distance.ask(() => this.device.writeSame(offsetBytes, lengthBytes, pattern, options))
  }
  override compareAndWrite(
    offsetBytes: number,
    expected: Uint8Array,
    data: Uint8Array,
    options?: WriteOptions,
  ): Promise<CompareResult> {
    return this.#distance.ask(() => this.device.compareAndWrite(offsetBytes, expected, data, options))
  }
  override readModifyWrite(
    offsetBytes: number,
    lengthBytes: number,
    combine: (content: Uint8Array) => void,
    options?: WriteOptions,
  ): Promise<void> {
    return this.#distance.ask(() => this.device.readModifyWrite(offsetBytes, lengthBytes, combine, options))
  }
  override allocation(offsetBytes: number, lengthBytes: number, runsMax: number): Promise<AllocationRun[]> {
    return this.#distance.ask(() => this.device.allocation(offsetBytes, lengthBytes, runsMax))
  }
  override setFrontendState(state: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.#distance.ask(() => this.device.setFrontendState(state, options))
  }
}
