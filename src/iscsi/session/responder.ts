/**
 * What a session says: every target PDU of the full feature phase, numbered (RFC 7143 §4.2.2.2) and laid into the
 * output queue. A response that carries status takes the next StatSN; R2T, Data-In without status and NOP-In pings
 * show it without taking it. ExpCmdSN and MaxCmdSN are those of the moment.
 */
import { serialAdd } from '../../base/serial32.ts'
import { encodeAsyncMessage } from '../pdu/async-message.ts'
import { encodeDataIn } from '../pdu/data-in.ts'
import { encodeLogoutResponse } from '../pdu/logout.ts'
import { encodeNopIn } from '../pdu/nop.ts'
import { RESERVED_TAG, type RejectReason, ScsiResponseCode } from '../pdu/opcodes.ts'
import { encodeR2t } from '../pdu/r2t.ts'
import { encodeReject } from '../pdu/reject.ts'
import { encodeScsiResponse, senseSegment } from '../pdu/scsi-response.ts'
import { encodeTaskManagementResponse } from '../pdu/task-management.ts'
import { encodeTextResponse } from '../pdu/text.ts'
import { type ScsiResult, STATUS } from '../scsi/task.ts'
import type { OperationalParameters } from '../text/parameters.ts'
import type { CommandWindow } from './command-window.ts'
import type { OutputQueue } from './output-queue.ts'
import type { Task } from './task.ts'
import type { SolicitedBurst } from './write-transfer.ts'

export class Responder {
  readonly #output: OutputQueue
  readonly #window: CommandWindow
  readonly #parameters: OperationalParameters
  #statSn: number
  /** What the initiator takes in one data segment; it may declare a new figure at any time. */
  maxSegmentBytes: number

  constructor(options: {
    output: OutputQueue
    window: CommandWindow
    parameters: OperationalParameters
    statSn: number
  }) {
    this.#output = options.output
    this.#window = options.window
    this.#parameters = options.parameters
    this.#statSn = options.statSn
    this.maxSegmentBytes = options.parameters.maxSendDataSegmentLengthBytes
  }

  /**
   * Answers `task`: its data, cut to segments and bursts, then its status, which travels with the last data when it
   * is GOOD. `release` is called once when the data has been sent or is not needed.
   */
  result(task: Task, result: ScsiResult, release: (() => void) | undefined): void {
    const { dataIn } = result
    if (dataIn === undefined || dataIn.byteLength === 0) {
      release?.()
      this.#status(task, result, 0, task.transfer?.r2tCount ?? 0)
      return
    }
    const withStatus = result.status === STATUS.GOOD && task.dataOutLengthExpected === 0
    const count = this.#dataIn(task, result, dataIn, withStatus, release)
    if (!withStatus) {
      this.#status(task, result, dataIn.byteLength, count + (task.transfer?.r2tCount ?? 0))
    }
  }

  /** §11.7 SCSI Data-In. Returns how many PDUs it took. */
  #dataIn(
    task: Task,
    result: ScsiResult,
    data: Uint8Array,
    withStatus: boolean,
    release: (() => void) | undefined,
  ): number {
    const totalBytes = data.byteLength
    const { maxBurstLengthBytes } = this.#parameters
    const residual = residualOf(task.dataInLengthMax, result.transferLengthBytes)
    let copied = true
    let dataSn = 0
    let burstBytes = 0
    for (let offset = 0; offset < totalBytes; dataSn++) {
      const lengthBytes = Math.min(
        this.maxSegmentBytes,
        totalBytes - offset,
        maxBurstLengthBytes - burstBytes,
      )
      const last = offset + lengthBytes === totalBytes
      burstBytes += lengthBytes
      const burstEnds = burstBytes === maxBurstLengthBytes
      if (burstEnds) burstBytes = 0
      const statusPresent = last && withStatus
      const at = this.#output.header()
      encodeDataIn(this.#output.view, at, {
        final: last || burstEnds,
        acknowledge: false,
        overflow: statusPresent && residual > 0,
        underflow: statusPresent && residual < 0,
        statusPresent,
        status: statusPresent ? result.status : 0,
        dataSegmentLength: lengthBytes,
        lun: 0n,
        initiatorTaskTag: task.initiatorTaskTag,
        targetTransferTag: RESERVED_TAG,
        statSn: statusPresent ? this.#takeStatSn() : 0,
        expCmdSn: this.#window.expCmdSn,
        maxCmdSn: this.#window.maxCmdSn,
        dataSn,
        bufferOffset: offset,
        residualCount: statusPresent ? Math.abs(residual) : 0,
      })
      const part = lengthBytes === totalBytes ? data : data.subarray(offset, offset + lengthBytes)
      if (!this.#output.end(at, part)) copied = false
      offset += lengthBytes
    }
    if (copied) release?.()
    else if (release !== undefined) this.#output.whenWritten(release)
    return dataSn
  }

  /** §11.4 SCSI Response. `sentBytes` of data went before, in `pduCount` PDUs with those R2Ts that went. */
  #status(task: Task, result: ScsiResult, sentBytes: number, pduCount: number): void {
    const { sense } = result
    const segment = sense === undefined ? undefined : senseSegment(sense)
    const bidirectional = task.dataOutLengthExpected > 0 && task.dataInLengthMax > 0
    const expectedBytes = task.dataOutLengthExpected > 0 ? task.dataOutLengthExpected : task.dataInLengthMax
    const residual = residualOf(expectedBytes, result.transferLengthBytes)
    const readResidual = bidirectional ? residualOf(task.dataInLengthMax, sentBytes) : 0
    const at = this.#output.header()
    encodeScsiResponse(this.#output.view, at, {
      bidirectionalReadOverflow: false,
      bidirectionalReadUnderflow: readResidual < 0,
      overflow: residual > 0,
      underflow: residual < 0,
      response: ScsiResponseCode.commandCompletedAtTarget,
      status: result.status,
      dataSegmentLength: segment?.byteLength ?? 0,
      initiatorTaskTag: task.initiatorTaskTag,
      snackTag: 0,
      statSn: this.#takeStatSn(),
      expCmdSn: this.#window.expCmdSn,
      maxCmdSn: this.#window.maxCmdSn,
      expDataSn: pduCount,
      bidirectionalReadResidualCount: Math.abs(readResidual),
      residualCount: Math.abs(residual),
    })
    this.#output.end(at, segment)
  }

  /** §11.8 Ready To Transfer. */
  r2t(task: Task, lun: bigint, burst: SolicitedBurst): void {
    const at = this.#output.header()
    encodeR2t(this.#output.view, at, {
      lun,
      initiatorTaskTag: task.initiatorTaskTag,
      targetTransferTag: burst.tag,
      ...this.#shown(),
      r2tSn: burst.r2tSn,
      bufferOffset: burst.offsetBytes,
      desiredDataTransferLength: burst.lengthBytes,
    })
    this.#output.end(at)
  }

  /** §11.19 NOP-In that answers a NOP-Out with its own data. */
  pong(initiatorTaskTag: number, lun: bigint, data: Uint8Array): void {
    const echoed = data.subarray(0, Math.min(data.byteLength, this.maxSegmentBytes))
    const at = this.#output.header()
    encodeNopIn(this.#output.view, at, {
      dataSegmentLength: echoed.byteLength,
      lun,
      initiatorTaskTag,
      targetTransferTag: RESERVED_TAG,
      ...this.#taken(),
    })
    this.#output.endCopied(at, echoed)
  }

  /** §11.19 NOP-In that asks whether the initiator is there; it answers with the same `tag`. */
  ping(tag: number): void {
    const at = this.#output.header()
    encodeNopIn(this.#output.view, at, {
      dataSegmentLength: 0,
      lun: 0n,
      initiatorTaskTag: RESERVED_TAG,
      targetTransferTag: tag,
      ...this.#shown(),
    })
    this.#output.end(at)
  }

  /** §11.6 Task Management Function Response. */
  taskManagement(initiatorTaskTag: number, response: number): void {
    const at = this.#output.header()
    encodeTaskManagementResponse(this.#output.view, at, { response, initiatorTaskTag, ...this.#taken() })
    this.#output.end(at)
  }

  /** §11.11 Text Response. `targetTransferTag`: `RESERVED_TAG` in the last one. */
  text(options: {
    initiatorTaskTag: number
    targetTransferTag: number
    lun: bigint
    final: boolean
    continues: boolean
    text: Uint8Array
  }): void {
    const at = this.#output.header()
    encodeTextResponse(this.#output.view, at, {
      final: options.final,
      continue: options.continues,
      dataSegmentLength: options.text.byteLength,
      lun: options.lun,
      initiatorTaskTag: options.initiatorTaskTag,
      targetTransferTag: options.targetTransferTag,
      ...this.#taken(),
    })
    this.#output.end(at, options.text)
  }

  /** §11.15 Logout Response. */
  logout(initiatorTaskTag: number, response: number): void {
    const at = this.#output.header()
    encodeLogoutResponse(this.#output.view, at, {
      response,
      initiatorTaskTag,
      ...this.#taken(),
      time2Wait: this.#parameters.defaultTime2WaitSeconds,
      time2Retain: this.#parameters.defaultTime2RetainSeconds,
    })
    this.#output.end(at)
  }

  /** §11.17 Reject, with a copy of the 48 bytes of the rejected header. */
  reject(reason: RejectReason, header: Uint8Array): void {
    const at = this.#output.header()
    encodeReject(this.#output.view, at, {
      reason,
      dataSegmentLength: header.byteLength,
      ...this.#taken(),
      dataSn: 0,
    })
    this.#output.endCopied(at, header)
  }

  /** §11.9 Asynchronous Message. */
  asyncMessage(asyncEvent: number, parameters: readonly [number, number, number]): void {
    const at = this.#output.header()
    encodeAsyncMessage(this.#output.view, at, {
      dataSegmentLength: 0,
      lun: 0n,
      ...this.#taken(),
      asyncEvent,
      asyncVCode: 0,
      parameter1: parameters[0],
      parameter2: parameters[1],
      parameter3: parameters[2],
    })
    this.#output.end(at)
  }

  #shown(): { statSn: number; expCmdSn: number; maxCmdSn: number } {
    return { statSn: this.#statSn, expCmdSn: this.#window.expCmdSn, maxCmdSn: this.#window.maxCmdSn }
  }

  #taken(): { statSn: number; expCmdSn: number; maxCmdSn: number } {
    const numbers = this.#shown()
    this.#takeStatSn()
    return numbers
  }

  #takeStatSn(): number {
    const statSn = this.#statSn
    this.#statSn = serialAdd(statSn, 1)
    return statSn
  }
}

/**
 * RFC 7143 §11.4.5.2: what the initiator expected to move against what the command wanted to move. Above zero:
 * overflow, so many bytes more than expected; below: underflow.
 */
const residualOf = (expectedBytes: number, wantedBytes: number): number => wantedBytes - expectedBytes
