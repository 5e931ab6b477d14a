/**
 * A logical unit as blocks, over an initiator session: one method a SCSI command. A status other than GOOD is
 * thrown as `BlockError` (see `scsiError`), a unit attention condition is waited out by asking again. For a
 * load generator `InitiatorSession.submit` is cheaper: here a command costs a promise.
 */
import { readU64, viewOf } from '../../base/binary.ts'
import { BlockError } from '../../base/errors.ts'
import type { CompareResult } from '../../base/ports/block-device.ts'
import { lunNumber } from '../pdu/bhs.ts'
import { SENSE_KEY } from '../scsi/sense.ts'
import * as cdb from './cdb.ts'
import { ScsiStatus } from './command.ts'
import { parseSense, scsiError } from './sense.ts'
import type { ExecuteRequest, ExecuteResult, InitiatorSession } from './session.ts'

export interface Capacity {
  readonly blocks: number
  readonly logicalBlockBytes: number
  readonly physicalBlockBytes: number
  /** LBPME: blocks may be unmapped. */
  readonly isThin: boolean
}

const CAPACITY_BYTES = 32
const INQUIRY_BYTES = 252
const REPORT_LUNS_BYTES = 8192
/** One target may have several things to tell, each once: power on, a changed capacity, reservations. */
const UNIT_ATTENTIONS_MAX = 8

export class BlockClient {
  readonly #session: InitiatorSession
  readonly #lun: number | undefined

  /** `lun`: that of the session when absent. */
  constructor(session: InitiatorSession, lun?: number) {
    this.#session = session
    this.#lun = lun
  }

  async testUnitReady(): Promise<void> {
    await this.#run('TEST UNIT READY', { cdb: cdb.testUnitReady() })
  }

  /** Standard INQUIRY data, or a vital product data page. */
  async inquiry(page?: number): Promise<Uint8Array> {
    const request = { cdb: cdb.inquiry(page, INQUIRY_BYTES), dataInLengthBytes: INQUIRY_BYTES }
    const { dataIn } = await this.#run('INQUIRY', request)
    return dataIn
  }

  async readCapacity(): Promise<Capacity> {
    const request = { cdb: cdb.readCapacity16(CAPACITY_BYTES), dataInLengthBytes: CAPACITY_BYTES }
    const { dataIn } = await this.#run('READ CAPACITY (16)', request)
    const view = viewOf(dataIn)
    const lastLba = dataIn.byteLength < 15 ? -1 : readU64(view, 0, false)
    if (lastLba < 0) throw new BlockError('PROTOCOL', 'READ CAPACITY (16): the data cannot be read')
    const logicalBlockBytes = view.getUint32(8)
    return {
      blocks: lastLba + 1,
      logicalBlockBytes,
      physicalBlockBytes: logicalBlockBytes * 2 ** (view.getUint8(13) & 0x0f),
      isThin: (view.getUint8(14) & 0x80) !== 0,
    }
  }

  /** Numbers of the logical units with single-level addresses. */
  async reportLuns(): Promise<number[]> {
    const request = { cdb: cdb.reportLuns(REPORT_LUNS_BYTES), dataInLengthBytes: REPORT_LUNS_BYTES }
    const { dataIn } = await this.#run('REPORT LUNS', request)
    const view = viewOf(dataIn)
    const end = dataIn.byteLength < 8 ? 0 : Math.min(dataIn.byteLength, 8 + view.getUint32(0))
    const numbers: number[] = []
    for (let at = 8; at + 8 <= end; at += 8) {
      const number = lunNumber(view.getBigUint64(at))
      if (number >= 0) numbers.push(number)
    }
    return numbers
  }

  /** Fills `target` with `blocks` blocks from `lba`. */
  async read(lba: number, blocks: number, target: Uint8Array): Promise<void> {
    const { dataInBytes } = await this.#run('READ (16)', { cdb: cdb.read16(lba, blocks), dataIn: target })
    if (dataInBytes !== target.byteLength) {
      throw new BlockError('PROTOCOL', `READ (16): ${dataInBytes} bytes instead of ${target.byteLength}`)
    }
  }

  /** Writes `data`, of `blocks` blocks, from `lba`. */
  async write(lba: number, blocks: number, data: Uint8Array, options: { fua?: boolean } = {}): Promise<void> {
    await this.#run('WRITE (16)', { cdb: cdb.write16(lba, blocks, options.fua), dataOut: data })
  }

  /** Resolves when everything that was written is durable. */
  async flush(): Promise<void> {
    await this.#run('SYNCHRONIZE CACHE (16)', { cdb: cdb.synchronizeCache16() })
  }

  async unmap(ranges: readonly { lba: number; blocks: number }[]): Promise<void> {
    const dataOut = cdb.unmapParameters(ranges)
    await this.#run('UNMAP', { cdb: cdb.unmap(dataOut.byteLength), dataOut })
  }

  /** Writes `pattern`, one block, over the range; with `unmap` the target may deallocate instead when it is zero. */
  async writeSame(
    lba: number,
    blocks: number,
    pattern: Uint8Array,
    options: { unmap?: boolean } = {},
  ): Promise<void> {
    await this.#run('WRITE SAME (16)', { cdb: cdb.writeSame16(lba, blocks, options), dataOut: pattern })
  }

  /** Writes `data` if the blocks are equal to `expected`; both are of `blocks` blocks, at most 255. */
  async compareAndWrite(
    lba: number,
    blocks: number,
    content: { expected: Uint8Array; data: Uint8Array; fua?: boolean },
  ): Promise<CompareResult> {
    const { expected, data, fua } = content
    const dataOut = new Uint8Array(expected.byteLength + data.byteLength)
    dataOut.set(expected)
    dataOut.set(data, expected.byteLength)
    const request = { cdb: cdb.compareAndWrite(lba, blocks, fua), dataOut }
    const result = await this.#attempt(request)
    if (result.status === ScsiStatus.good) return { equal: true }
    const sense = parseSense(result.sense)
    if (result.status !== ScsiStatus.checkCondition || sense?.key !== SENSE_KEY.MISCOMPARE) {
      throw scsiError('COMPARE AND WRITE', result.status, result.sense)
    }
    return { equal: false, mismatchOffsetBytes: sense.information ?? 0 }
  }

  async #run(what: string, request: ExecuteRequest): Promise<ExecuteResult> {
    const result = await this.#attempt(request)
    if (result.status !== ScsiStatus.good) throw scsiError(what, result.status, result.sense)
    return result
  }

  /** Runs a command, again while the answer is a unit attention: such a command was not executed. */
  async #attempt(request: ExecuteRequest): Promise<ExecuteResult> {
    const ours = this.#lun === undefined ? request : { ...request, lun: this.#lun }
    for (let attentions = 0; ; attentions++) {
      const result = await this.#session.execute(ours)
      const isAttention =
        result.status === ScsiStatus.checkCondition &&
        parseSense(result.sense)?.key === SENSE_KEY.UNIT_ATTENTION
      if (!isAttention || attentions === UNIT_ATTENTIONS_MAX) return result
    }
  }
}
