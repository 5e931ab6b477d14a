/**
 * A client of a volume that tells the model all it does: every call with its moments, every content by what it
 * says of itself. An operating error is an outcome; whatever breaks a rule of the `BlockDevice` port throws.
 */
import { assert } from '../../src/base/assert.ts'
import { type BlockErrorCode, isBlockError } from '../../src/base/errors.ts'
import type { BlockDevice, WriteOptions } from '../../src/base/ports/block-device.ts'
import { fillSectors, identifyAll, patternOf, placeOf, SECTOR_BYTES } from './content.ts'
import { ModelViolation, type Operation, type OperationKind, UNREADABLE, type VolumeModel } from './model.ts'

export type Outcome = 'ok' | 'mismatch' | BlockErrorCode

/** A run of sectors, and whether the operation is to be durable when it is acknowledged. */
export interface Range {
  readonly firstSector: number
  readonly sectors: number
  readonly fua?: boolean
}

export class VolumeClient {
  readonly device: BlockDevice
  readonly model: VolumeModel
  readonly #isReplicated: boolean

  /** Of a replicated volume BUSY may also mean that the entry waits to be committed. */
  constructor(device: BlockDevice, model: VolumeModel, options: { isReplicated?: boolean } = {}) {
    this.device = device
    this.model = model
    this.#isReplicated = options.isReplicated ?? false
  }

  /** Writes content that names this operation. */
  write(range: Range): Promise<Outcome> {
    return this.#mutate('write', range, (operation, options) => {
      const data = new Uint8Array(range.sectors * SECTOR_BYTES)
      return this.device.write(offsetOf(range), fillSectors(data, range.firstSector, operation.id), options)
    })
  }

  trim(range: Range): Promise<Outcome> {
    return this.#mutate('zero', range, (_, options) =>
      this.device.trim(offsetOf(range), range.sectors * SECTOR_BYTES, options),
    )
  }

  writeZeroes(range: Range): Promise<Outcome> {
    return this.#mutate('zero', range, (_, options) =>
      this.device.writeZeroes(offsetOf(range), range.sectors * SECTOR_BYTES, options),
    )
  }

  writeSame(range: Range): Promise<Outcome> {
    return this.#mutate('pattern', range, (operation, options) => {
      const pattern = patternOf(this.device.logicalBlockBytes, operation.id)
      return this.device.writeSame(offsetOf(range), range.sectors * SECTOR_BYTES, pattern, options)
    })
  }

  /**
   * Compares with what this client read a moment ago and writes if nothing came between; "nothing came between" is
   * checked against the order of entries.
   */
  async compareAndWrite(range: Range): Promise<Outcome> {
    const expected = new Uint8Array(range.sectors * SECTOR_BYTES)
    const read = await this.#readInto(range, expected)
    if (typeof read === 'string') return read
    let isEqual = false
    const outcome = await this.#mutate(
      'write',
      range,
      async (operation, options) => {
        const data = fillSectors(new Uint8Array(expected.byteLength), range.firstSector, operation.id)
        isEqual = (await this.device.compareAndWrite(offsetOf(range), expected, data, options)).equal
        return isEqual
      },
      (operation) => this.#expectLatest(operation, read),
    )
    return outcome === 'ok' && !isEqual ? 'mismatch' : outcome
  }

  /** Replaces the content by a function of the old one, atomically. */
  async readModifyWrite(range: Range): Promise<Outcome> {
    let seen: Uint32Array | undefined
    return this.#mutate(
      'write',
      range,
      (operation, options) =>
        this.device.readModifyWrite(
          offsetOf(range),
          range.sectors * SECTOR_BYTES,
          (content) => {
            seen = this.#identify(range, content)
            fillSectors(content, range.firstSector, operation.id)
          },
          options,
        ),
      (operation) => {
        assert(seen !== undefined, 'content is combined before it is written')
        this.#expectLatest(operation, seen)
      },
    )
  }

  /** Reads and lets the model judge. Returns the values, or why there are none. */
  async read(range: Range): Promise<Uint32Array | Outcome> {
    return this.#readInto(range, new Uint8Array(range.sectors * SECTOR_BYTES))
  }

  /** As `read`, but only what needs no wait; undefined when it would have to. */
  readNow(range: Range): Uint32Array | undefined {
    const target = new Uint8Array(range.sectors * SECTOR_BYTES)
    const judge = this.model.beginRead(range.firstSector, range.sectors)
    if (!this.device.readNow(offsetOf(range), target)) return undefined
    const values = this.#identify(range, target)
    judge(values)
    return values
  }

  async flush(): Promise<Outcome> {
    const succeeded = this.model.beginFlush()
    const outcome = await outcomeOf(this.device.flush())
    if (outcome === 'ok') succeeded()
    return outcome
  }

  async #readInto(range: Range, target: Uint8Array): Promise<Uint32Array | Outcome> {
    const judge = this.model.beginRead(range.firstSector, range.sectors)
    const outcome = await outcomeOf(this.device.read(offsetOf(range), target))
    if (outcome !== 'ok') return outcome
    const values = this.#identify(range, target)
    judge(values)
    return values
  }

  async #mutate(
    kind: OperationKind,
    range: Range,
    start: (operation: Operation, options: WriteOptions) => Promise<unknown>,
    beforeAdmission?: (operation: Operation) => void,
  ): Promise<Outcome> {
    const operation = this.model.begin(kind, range)
    const admit = (): void => {
      beforeAdmission?.(operation)
      this.model.admitted(operation)
    }
    const started = start(operation, range.fua === undefined ? { admit } : { admit, fua: range.fua })
    const outcome = await outcomeOf(started)
    if (outcome === 'ok') {
      // a comparison that failed has done nothing
      if ((await started) !== false) this.model.acknowledged(operation)
      return outcome
    }
    this.model.failed(operation)
    const isUntouched =
      (outcome === 'BUSY' && !this.#isReplicated) || outcome === 'NO_SPACE' || outcome === 'OUT_OF_RANGE'
    if (isUntouched && operation.parts.length === 1 && operation.entries.length > 0) {
      throw new ModelViolation(`operation ${operation.id} failed with ${outcome} after it was admitted`)
    }
    return outcome
  }

  #identify(range: Range, bytes: Uint8Array): Uint32Array {
    return identifyAll(bytes, range.firstSector, this.device.logicalBlockBytes)
  }

  /** What the operation read must be what its next part replaces. */
  #expectLatest(operation: Operation, values: Uint32Array): void {
    const part = operation.parts[operation.entries.length]
    assert(part !== undefined, 'an operation is admitted once for each of its parts')
    for (let sector = part.firstSector; sector < part.endSector; sector++) {
      const read = values[sector - operation.firstSector]
      const latest = this.model.settledValue(sector)
      if (latest !== read && latest !== UNREADABLE) {
        throw new ModelViolation(
          `operation ${operation.id}, an atomic one, worked on operation ${read} at ${placeOf(sector)}, but operation ` +
            `${latest} came between`,
        )
      }
    }
  }
}

/** 'ok', or the code of the operating error; anything else is thrown on. */
export async function outcomeOf(promise: Promise<unknown>): Promise<Outcome> {
  try {
    await promise
    return 'ok'
  } catch (error) {
    if (isBlockError(error)) return error.code
    throw error
  }
}

const offsetOf = (range: Range): number => range.firstSector * SECTOR_BYTES
