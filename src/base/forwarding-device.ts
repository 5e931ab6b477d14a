/** A device that is another one in all that a subclass does not change: for what stands between a volume and its hosts. */
import type {
  AllocationRun,
  BlockDevice,
  CompareResult,
  DeviceEvent,
  WriteOptions,
} from './ports/block-device.ts'

export class ForwardingDevice implements BlockDevice {
  protected readonly device: BlockDevice

  constructor(device: BlockDevice) {
    this.device = device
  }

  get uuid(): Uint8Array {
    return this.device.uuid
  }
  get name(): string {
    return this.device.name
  }
  get sizeBytes(): number {
    return this.device.sizeBytes
  }
  get logicalBlockBytes(): 512 | 4096 {
    return this.device.logicalBlockBytes
  }
  get readOnly(): boolean {
    return this.device.readOnly
  }
  get isServing(): boolean {
    return this.device.isServing ?? true
  }
  get hasSnapshots(): boolean {
    return this.device.hasSnapshots
  }
  get atomicWriteBytesMax(): number {
    return this.device.atomicWriteBytesMax
  }

  readNow(offsetBytes: number, target: Uint8Array): boolean {
    return this.device.readNow(offsetBytes, target)
  }
  read(offsetBytes: number, target: Uint8Array): Promise<void> {
    return this.device.read(offsetBytes, target)
  }
  write(offsetBytes: number, data: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.device.write(offsetBytes, data, options)
  }
  flush(): Promise<void> {
    return this.device.flush()
  }
  checkpoint(): Promise<void> {
    return this.device.checkpoint()
  }
  trim(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    return this.device.trim(offsetBytes, lengthBytes, options)
  }
  writeZeroes(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    return this.device.writeZeroes(offsetBytes, lengthBytes, options)
  }
  writeSame(
    offsetBytes: number,
    lengthBytes: number,
    pattern: Uint8Array,
    options?: WriteOptions,
  ): Promise<void> {
    return this.device.writeSame(offsetBytes, lengthBytes, pattern, options)
  }
  compareAndWrite(
    offsetBytes: number,
    expected: Uint8Array,
    data: Uint8Array,
    options?: WriteOptions,
  ): Promise<CompareResult> {
    return this.device.compareAndWrite(offsetBytes, expected, data, options)
  }
  readModifyWrite(
    offsetBytes: number,
    lengthBytes: number,
    combine: (content: Uint8Array) => void,
    options?: WriteOptions,
  ): Promise<void> {
    return this.device.readModifyWrite(offsetBytes, lengthBytes, combine, options)
  }
  allocation(offsetBytes: number, lengthBytes: number, runsMax: number): Promise<AllocationRun[]> {
    return this.device.allocation(offsetBytes, lengthBytes, runsMax)
  }
  frontendState(): Uint8Array {
    return this.device.frontendState()
  }
  setFrontendState(state: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.device.setFrontendState(state, options)
  }
  subscribe(listener: (event: DeviceEvent) => void): () => void {
    return this.device.subscribe(listener)
  }
}
