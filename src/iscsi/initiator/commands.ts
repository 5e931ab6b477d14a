/**
 * The SCSI commands of a session: their queue before the window, their data, their end. Part of the pure core;
 * `session-core.ts` feeds it PDUs. A method that takes a PDU returns what is wrong with it, or undefined.
 */
import { BlockError } from '../../base/errors.ts'
import { lunField } from '../pdu/bhs.ts'
import type { DataIn } from '../pdu/data-in.ts'
import { RESERVED_TAG, ScsiResponseCode } from '../pdu/opcodes.ts'
import type { R2t } from '../pdu/r2t.ts'
import { type ScsiResponse, senseOf } from '../pdu/scsi-response.ts'
import type { DataSink } from '../pdu/stream.ts'
import type { PduWriter } from '../pdu/writer.ts'
import type { OperationalParameters } from '../text/parameters.ts'
import type { CommandHandler, CommandRequest } from './command.ts'
import type { TaskTable } from './task-table.ts'
import { CommandTask, type Task } from './tasks.ts'
import { writeCommand, writeDataOut } from './transmit.ts'
import type { SequenceWindow } from './window.ts'

export interface CommandsOptions {
  readonly tasks: TaskTable<Task>
  readonly writer: PduWriter
  readonly window: SequenceWindow
  readonly parameters: OperationalParameters
  /** Logical unit of commands that name none. */
  readonly lun: number
  readonly timeoutMs: number
  /** Commands that are outstanding or wait; one more is refused with BUSY. */
  readonly tasksMax: number
}

/** EXPECTED DATA TRANSFER LENGTH is a u32. */
const DATA_BYTES_MAX = 0xffff_ffff
const CDB_BYTES_MAX = 260
const EMPTY = new Uint8Array(0)

export class Commands {
  readonly #options: CommandsOptions
  readonly #tasks: TaskTable<Task>
  readonly #defaultLun: bigint
  #firstWaiting: CommandTask | undefined
  #lastWaiting: CommandTask | undefined

  constructor(options: CommandsOptions) {
    this.#options = options
    this.#tasks = options.tasks
    this.#defaultLun = lunField(options.lun)
  }

  /** Begins a command; returns its task tag, or `RESERVED_TAG` when it failed at once (the handler was told). */
  submit(request: CommandRequest, handler: CommandHandler, nowMs: number): number {
    const { tasksMax, timeoutMs } = this.#options
    const refusal = refusalOf(request)
    if (refusal !== undefined || this.#tasks.size >= tasksMax) {
      handler.failed(refusal ?? new BlockError('BUSY', `${tasksMax} commands are outstanding already`))
      return RESERVED_TAG
    }
    const lun = request.lun === undefined ? this.#defaultLun : lunField(request.lun)
    const task = new CommandTask(request, lun, nowMs + (request.timeoutMs ?? timeoutMs), handler)
    task.tag = this.#tasks.add(task)
    if (task.immediate) {
      task.cmdSn = this.#options.window.cmdSn
      this.#send(task)
    } else if (this.#lastWaiting === undefined) {
      this.#firstWaiting = task
      this.#lastWaiting = task
    } else {
      this.#lastWaiting.next = task
      this.#lastWaiting = task
    }
    return task.tag
  }

  /** Sends what waits, as far as the window is open. */
  sendWaiting(): void {
    const { window } = this.#options
    let task = this.#firstWaiting
    while (task !== undefined && window.isOpen) {
      const { next } = task
      task.next = undefined
      if (!task.isOver) {
        task.cmdSn = window.takeCmdSn()
        this.#send(task)
      }
      task = next
    }
    this.#firstWaiting = task
    if (task === undefined) this.#lastWaiting = undefined
  }

  /** Where the data segment of `pdu` goes. */
  sink(pdu: DataIn): DataSink {
    const task = this.#command(pdu.initiatorTaskTag)
    if (task === undefined || isMisplaced(task, pdu)) return 'discard'
    const { dataIn } = task
    const { bufferOffset, dataSegmentLength } = pdu
    if (dataSegmentLength === dataIn.byteLength) return dataIn
    return dataIn.subarray(bufferOffset, bufferOffset + dataSegmentLength)
  }

  /** Data has arrived in its sink; with the S bit the command is over. */
  dataIn(pdu: DataIn): string | undefined {
    const task = this.#command(pdu.initiatorTaskTag)
    if (task === undefined) return 'Data-In belongs to no command'
    if (isMisplaced(task, pdu)) return 'Data-In is out of order or beyond what was expected'
    if (pdu.dataSn !== task.nextDataSn) return 'DataSN is out of order'
    task.nextDataSn++
    task.dataInBytes += pdu.dataSegmentLength
    if (pdu.statusPresent) this.#complete(task, pdu, EMPTY)
    return undefined
  }

  /** `data` is lent for the call. */
  response(pdu: ScsiResponse, data: Uint8Array): string | undefined {
    const task = this.#command(pdu.initiatorTaskTag)
    if (task === undefined) return 'a SCSI Response belongs to no command'
    if (pdu.response === ScsiResponseCode.commandCompletedAtTarget) {
      this.#complete(task, pdu, data.byteLength > 2 ? Uint8Array.from(senseOf(data)) : EMPTY)
    } else {
      const facts = { response: pdu.response }
      this.fail(task, new BlockError('PROTOCOL', 'the target could not execute the command', { facts }))
    }
    return undefined
  }

  /** The target asks for a range of a command's data. */
  r2t(pdu: R2t): string | undefined {
    const task = this.#command(pdu.initiatorTaskTag)
    if (task === undefined) return 'an R2T belongs to no command'
    const { writer, window, parameters } = this.#options
    const { bufferOffset, desiredDataTransferLength, targetTransferTag } = pdu
    const end = bufferOffset + desiredDataTransferLength
    if (desiredDataTransferLength === 0 || end > task.dataOut.byteLength) {
      return 'an R2T asks for data that the command does not have'
    }
    if (desiredDataTransferLength > parameters.maxBurstLengthBytes) {
      return 'an R2T asks for more than MaxBurstLength'
    }
    if (pdu.r2tSn !== task.nextR2tSn) return 'R2TSN is out of order'
    task.nextR2tSn++
    const range = { start: bufferOffset, end, targetTransferTag }
    writeDataOut(writer, task, range, parameters.maxSendDataSegmentLengthBytes, window.expStatSn)
    return undefined
  }

  /** Fails overdue commands that were not sent yet, and returns the others: they are to be aborted. */
  expire(nowMs: number): CommandTask[] {
    const overdue: CommandTask[] = []
    for (const task of this.#tasks.values()) {
      if (task.kind !== 'command' || task.isAborting || task.deadlineMs > nowMs) continue
      if (task.isSent) {
        task.isAborting = true
        overdue.push(task)
      } else this.fail(task, tookTooLong())
    }
    return overdue
  }

  /** The command is over without a status. */
  fail(task: CommandTask, error: BlockError): void {
    this.#tasks.remove(task.tag)
    task.isOver = true
    task.handler.failed(error)
  }

  #command(tag: number): CommandTask | undefined {
    const task = this.#tasks.get(tag)
    return task?.kind === 'command' && task.isSent ? task : undefined
  }

  #send(task: CommandTask): void {
    const { writer, window, parameters } = this.#options
    task.isSent = true
    writeCommand(writer, task, parameters, window.expStatSn)
  }

  #complete(
    task: CommandTask,
    pdu: { status: number; underflow: boolean; overflow: boolean; residualCount: number },
    sense: Uint8Array,
  ): void {
    this.#tasks.remove(task.tag)
    task.isOver = true
    task.handler.completed({
      status: pdu.status,
      sense,
      dataInBytes: task.dataInBytes,
      underflowBytes: pdu.underflow ? pdu.residualCount : 0,
      overflowBytes: pdu.overflow ? pdu.residualCount : 0,
    })
  }
}

export const tookTooLong = (): BlockError => new BlockError('TIMED_OUT', 'the command took too long')

/** Data comes in order (DataPDUInOrder, DataSequenceInOrder), and never beyond what the initiator expects. */
const isMisplaced = (task: CommandTask, pdu: DataIn): boolean =>
  pdu.bufferOffset !== task.dataInBytes || pdu.bufferOffset + pdu.dataSegmentLength > task.dataIn.byteLength

function refusalOf({ cdb, dataOut, dataIn }: CommandRequest): BlockError | undefined {
  const outBytes = dataOut?.byteLength ?? 0
  const inBytes = dataIn?.byteLength ?? 0
  if (outBytes > 0 && inBytes > 0) {
    return new BlockError('INVALID_ARGUMENT', 'a command moves data in one direction')
  }
  if (cdb.byteLength === 0 || cdb.byteLength > CDB_BYTES_MAX) {
    return new BlockError('INVALID_ARGUMENT', `a CDB has 1 to ${CDB_BYTES_MAX} bytes`)
  }
  if (outBytes > DATA_BYTES_MAX || inBytes > DATA_BYTES_MAX) {
    return new BlockError('INVALID_ARGUMENT', 'a command moves less than 4 GiB')
  }
  return undefined
}
