/** A device under a front end, which tells the oracle of its epoch what the front end asks and is answered. */
import { viewOf } from '../../../src/base/binary.ts'
import { ForwardingDevice } from '../../../src/base/forwarding-device.ts'
import type { BlockDevice, CompareResult, WriteOptions } from '../../../src/base/ports/block-device.ts'
import { identifyAll, SECTOR_BYTES } from '../content.ts'
import type { Operation, OperationKind } from '../model.ts'
import type { EpochModel } from './history.ts'
import type { ReservationRule } from './paths/reservation-rule.ts'

export class JudgedDevice extends ForwardingDevice {
  readonly #model: EpochModel
  readonly #rule: ReservationRule

  constructor(device: BlockDevice, model: EpochModel, rule: ReservationRule) {
    super(device)
    this.#model = model
    this.#rule = rule
    rule.stored(device.frontendState())
  }

  override readNow(offsetBytes: number, target: Uint8Array): boolean {
    const judge = this.#model.beginRead(offsetBytes / SECTOR_BYTES, target.byteLength / SECTOR_BYTES)
    if (!this.device.readNow(offsetBytes, target)) return false
    judge(identifyAll(target, offsetBytes / SECTOR_BYTES, this.logicalBlockBytes))
    return true
  }

  override async read(offsetBytes: number, target: Uint8Array): Promise<void> {
    const judge = this.#model.beginRead(offsetBytes / SECTOR_BYTES, target.byteLength / SECTOR_BYTES)
    await this.device.read(offsetBytes, target)
    judge(identifyAll(target, offsetBytes / SECTOR_BYTES, this.logicalBlockBytes))
  }

  override async write(offsetBytes: number, data: Uint8Array, options?: WriteOptions): Promise<void> {
    // content names the operation that it is of
    const id = viewOf(data).getUint32(4, true)
    await this.#change('write', offsetBytes, data.byteLength, options, id, (judged) =>
      this.device.write(offsetBytes, data, judged),
    )
  }

  override async flush(): Promise<void> {
    const flushed = this.#model.beginFlush()
    await this.device.flush()
    flushed()
  }

  override async trim(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    await this.#change('zero', offsetBytes, lengthBytes, options, undefined, (judged) =>
      this.device.trim(offsetBytes, lengthBytes, judged),
    )
  }

  override async writeZeroes(
    offsetBytes: number,
    lengthBytes: number,
    options?: WriteOptions,
  ): Promise<void> {
    await this.#change('zero', offsetBytes, lengthBytes, options, undefined, (judged) =>
      this.device.writeZeroes(offsetBytes, lengthBytes, judged),
    )
  }

  override async writeSame(
    offsetBytes: number,
    lengthBytes: number,
    pattern: Uint8Array,
    options?: WriteOptions,
  ): Promise<void> {
    const id = viewOf(pattern).getUint32(4, true)
    await this.#change('pattern', offsetBytes, lengthBytes, options, id, (judged) =>
      this.device.writeSame(offsetBytes, lengthBytes, pattern, judged),
    )
  }

  override compareAndWrite(
    offsetBytes: number,
    expected: Uint8Array,
    data: Uint8Array,
    options?: WriteOptions,
  ): Promise<CompareResult> {
    const id = viewOf(data).getUint32(4, true)
    return this.#change('write', offsetBytes, data.byteLength, options, id, (judged) =>
      this.device.compareAndWrite(offsetBytes, expected, data, judged),
    )
  }

  override readModifyWrite(): Promise<void> {
    throw new Error('no host of the simulation asks for ORWRITE')
  }

  override setFrontendState(state: Uint8Array, options?: WriteOptions): Promise<void> {
    const admit = (): void => {
      options?.admit?.()
      this.#rule.stored(state)
    }
    return this.device.setFrontendState(state, { ...options, admit })
  }

  async #change<T>(
    kind: OperationKind,
    offsetBytes: number,
    lengthBytes: number,
    options: WriteOptions | undefined,
    id: number | undefined,
    run: (judged: WriteOptions) => Promise<T>,
  ): Promise<T> {
    const range = { firstSector: offsetBytes / SECTOR_BYTES, sectors: lengthBytes / SECTOR_BYTES }
    const fua = options?.fua ?? false
    const operation: Operation = this.#model.begin(kind, { ...range, fua }, id)
    const admit = (): void => {
      options?.admit?.()
      this.#rule.admitted(operation.id)
      this.#model.admitted(operation)
    }
    let answer: T
    try {
      answer = await run({ ...options, admit })
    } catch (error) {
      this.#model.failed(operation)
      throw error
    }
    // a comparison that failed has done nothing
    if (operation.entries.length > 0 || kind !== 'write') this.#model.acknowledged(operation)
    return answer
  }
}
