/**
 * A volume with limits on its operations and bytes, as front ends see it. Reads and writes cost one operation and their
 * bytes; trims and patterns, which move no data, one operation. Flushes, checkpoints, what the front ends store and
 * questions pass: to hold them back would make nothing fairer, and a flush covers only what was let through before.
 * Without limits each call is one comparison longer.
 */
import { ForwardingDevice } from '../../base/forwarding-device.ts'
import type { BlockDevice, CompareResult, WriteOptions } from '../../base/ports/block-device.ts'
import type { OperationLimiter } from './limiter.ts'

export class LimitedDevice extends ForwardingDevice {
  readonly #limiter: OperationLimiter

  /** The limiter stays its owner's. */
  constructor(device: BlockDevice, limiter: OperationLimiter) {
    super(device)
    this.#limiter = limiter
  }

  /** False also when it has to wait for its turn: `read` waits. */
  override readNow(offsetBytes: number, target: Uint8Array): boolean {
    if (this.#limiter.isUnlimited) return this.device.readNow(offsetBytes, target)
    if (!this.#limiter.hasTokens(target.byteLength)) return false
    if (!this.device.readNow(offsetBytes, target)) return false
    this.#limiter.take(target.byteLength)
    return true
  }

  override read(offsetBytes: number, target: Uint8Array): Promise<void> {
    if (this.#limiter.isUnlimited) return this.device.read(offsetBytes, target)
    return this.#inTurn(target.byteLength, async () => {
      if (!this.device.readNow(offsetBytes, target)) await this.device.read(offsetBytes, target)
    })
  }

  override write(offsetBytes: number, data: Uint8Array, options?: WriteOptions): Promise<void> {
    if (this.#limiter.isUnlimited) return this.device.write(offsetBytes, data, options)
    return this.#inTurn(data.byteLength, () => this.device.write(offsetBytes, data, options))
  }

  override trim(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    return this.#inTurn(0, () => this.device.trim(offsetBytes, lengthBytes, options))
  }

  override writeZeroes(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    return this.#inTurn(0, () => this.device.writeZeroes(offsetBytes, lengthBytes, options))
  }

  override writeSame(
    offsetBytes: number,
    lengthBytes: number,
    pattern: Uint8Array,
    options?: WriteOptions,
  ): Promise<void> {
    return this.#inTurn(0, () => this.device.writeSame(offsetBytes, lengthBytes, pattern, options))
  }

  override compareAndWrite(
    offsetBytes: number,
    expected: Uint8Array,
    data: Uint8Array,
    options?: WriteOptions,
  ): Promise<CompareResult> {
    const bytes = data.byteLength
    return this.#inTurn(bytes, () => this.device.compareAndWrite(offsetBytes, expected, data, options))
  }

  override readModifyWrite(
    offsetBytes: number,
    lengthBytes: number,
    combine: (content: Uint8Array) => void,
    options?: WriteOptions,
  ): Promise<void> {
    return this.#inTurn(lengthBytes, () =>
      this.device.readModifyWrite(offsetBytes, lengthBytes, combine, options),
    )
  }

  #inTurn<T>(bytes: number, run: () => Promise<T>): Promise<T> {
    const limiter = this.#limiter
    if (limiter.isUnlimited) return run()
    if (!limiter.hasTokens(bytes)) return limiter.wait(bytes).then(run)
    limiter.take(bytes)
    return run()
  }
}
