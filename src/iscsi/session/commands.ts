/**
 * The SCSI commands of a session: takes SCSI Command and Data-Out PDUs (RFC 7143 §11.3, §11.7), brings their data
 * together, runs them at the logical unit, has them answered. Commands run beside each other and are answered in
 * the order in which they end.
 *
 * Always true: every accepted command gives its place in the window back once; a task holds memory only between
 * its reservation and its end; a buffer that the parser is filling is not released before the parser is done;
 * after `close` nothing is answered.
 */

import { type DataOut, decodeDataOut } from '../pdu/data-out.ts'
import { RESERVED_TAG, RejectReason } from '../pdu/opcodes.ts'
import { decodeScsiCommand, type ScsiCommand } from '../pdu/scsi-command.ts'
import type { DataSink } from '../pdu/stream.ts'
import { executeAbsent } from '../scsi/absent-unit.ts'
import { dataOutLengthBytes } from '../scsi/command-table.ts'
import type { LogicalUnit } from '../scsi/lun.ts'
import type { Nexus } from '../scsi/nexus.ts'
import { SENSE } from '../scsi/sense.ts'
import { plainResult, type ScsiResult, STATUS } from '../scsi/task.ts'
import type { OperationalParameters } from '../text/parameters.ts'
import { commandKind } from './command-kind.ts'
import type { CommandWindow } from './command-window.ts'
import { taskOf } from './intake.ts'
import type { Memory } from './memory.ts'
import type { Responder } from './responder.ts'
import type { CommandObserver, SessionCounters, SessionOptions } from './session-types.ts'
import { Task } from './task.ts'
import { transferSense } from './transfer-sense.ts'
import { WriteTransfer } from './write-transfer.ts'

/** What the session does for its commands. */
export interface CommandContext {
  readonly options: SessionOptions
  readonly unit: LogicalUnit
  readonly nexus: Nexus
  readonly parameters: OperationalParameters
  readonly window: CommandWindow
  readonly responder: Responder
  readonly memory: Memory
  readonly reject: (reason: RejectReason, view: DataView, offset: number) => void
  readonly fail: (reason: string) => void
}

const LUNS = [0] as const

export class Commands {
  readonly #context: CommandContext
  #unit: LogicalUnit
  #observer: CommandObserver | undefined
  readonly #parameters: OperationalParameters
  /** By initiator task tag; commands that are answered in the turn in which they came never get here. */
  readonly #tasks = new Map<number, Task>()
  #immediates = 0
  #nextTag = 0
  #closed = false
  /** The task whose command or data the parser is reading. */
  #current: Task | undefined
  /** The Data-Out that the parser is reading. */
  #dataOut: DataOut | undefined
  /** The data of the present PDU reaches past what is of use and is lent. */
  #lent = false
  readonly #counters = { commands: 0, readBytes: 0, writtenBytes: 0 }

  constructor(context: CommandContext) {
    this.#context = context
    this.#unit = context.unit
    this.#observer = context.options.observer
    this.#parameters = context.parameters
  }

  get counters(): SessionCounters {
    return this.#counters
  }

  /** Tasks that are under way and not aborted. */
  *active(): Iterable<Task> {
    const current = this.#current
    for (const task of this.#tasks.values()) if (!task.aborted && task !== current) yield task
    if (current?.aborted === false) yield current
  }

  find(initiatorTaskTag: number): Task | undefined {
    const task = this.#tasks.get(initiatorTaskTag)
    return task?.aborted === false ? task : undefined
  }

  /** The header of a SCSI Command. */
  begin(view: DataView, offset: number): DataSink {
    const pdu = decodeScsiCommand(view, offset)
    const { window, reject } = this.#context
    this.#current = undefined
    this.#dataOut = undefined
    this.#lent = false
    if (!pdu.immediate) {
      const verdict = window.accept(pdu.cmdSn)
      if (verdict === 'gap') this.#context.fail('a command is missing before this one')
      if (verdict !== 'accepted') return 'discard'
    } else if (this.#immediates >= this.#context.options.limits.immediateCommandsMax) {
      reject(RejectReason.immediateCommandReject, view, offset)
      return 'discard'
    }
    const task = this.#isTagTaken(pdu.initiatorTaskTag)
      ? RejectReason.taskInProgress
      : taskOf(pdu, view, offset, this.#context)
    if (!(task instanceof Task)) {
      if (!pdu.immediate) window.free()
      reject(task, view, offset)
      return 'discard'
    }
    if (pdu.immediate) this.#immediates++
    if (this.#observer !== undefined) {
      task.startedMs = this.#context.options.clock.monotonicMs()
    }
    this.#current = task
    return pdu.write ? this.#beginWrite(task, pdu) : 'discard'
  }

  /** The SCSI Command is complete. */
  end(data: Uint8Array): void {
    const task = this.#current
    if (task === undefined) return
    this.#current = undefined
    if (this.#lent) this.#copyLent(task, 0, data)
    const { transfer } = task
    if (task.aborted) this.#drop(task)
    else if (task.state === 'draining') this.#refuse(task)
    else if (transfer === undefined || transfer.complete) this.#start(task)
    else {
      this.#tasks.set(task.initiatorTaskTag, task)
      if (task.state === 'waiting') this.#context.memory.wait(task)
      else this.#collect(task)
    }
  }

  /** The header of a Data-Out. */
  beginData(view: DataView, offset: number): DataSink {
    const pdu = decodeDataOut(view, offset)
    const task = this.#tasks.get(pdu.initiatorTaskTag)
    const transfer = task?.transfer
    this.#current = undefined
    this.#lent = false
    if (task === undefined || transfer === undefined || task.state === 'executing') {
      this.#context.reject(RejectReason.protocolError, view, offset)
      return 'discard'
    }
    const lengthBytes = pdu.dataSegmentLength
    const fault = transfer.check({
      tag: pdu.targetTransferTag,
      offsetBytes: pdu.bufferOffset,
      lengthBytes,
      dataSn: pdu.dataSn,
      final: pdu.final,
    })
    if (fault !== undefined) {
      if (!task.aborted) this.#breakOff(task, transferSense(this.#unit, fault))
      return 'discard'
    }
    this.#current = task
    this.#dataOut = pdu
    task.idleTicks = 0
    return task.state === 'draining' ? 'discard' : this.#sink(task, pdu.bufferOffset, lengthBytes)
  }

  /** The Data-Out is complete. */
  endData(data: Uint8Array): void {
    const task = this.#current
    const pdu = this.#dataOut
    if (task === undefined || pdu === undefined) return
    this.#current = undefined
    const transfer = task.transfer!
    if (this.#lent) this.#copyLent(task, pdu.bufferOffset, data)
    transfer.took({
      tag: pdu.targetTransferTag,
      lengthBytes: pdu.dataSegmentLength,
      final: pdu.final,
    })
    if (task.state === 'draining') this.#drop(task)
    else if (task.failure !== undefined) {
      if (!transfer.waiting) this.#breakOff(task, task.failure)
    } else if (transfer.complete) this.#start(task)
    else this.#collect(task)
  }

  /**
   * The data of the present PDU has a wrong digest (§7.8): the command fails, the connection goes on. A command that
   * still has data under way is answered when all of it has come. One whose own PDU is damaged is answered as well, although
   * §7.3 would have it forgotten: an initiator at level 0 does not send it again by itself.
   */
  damaged(): void {
    const task = this.#current
    if (task === undefined) return
    this.#current = undefined
    this.#lent = false
    if (this.#dataOut !== undefined && this.#tasks.get(task.initiatorTaskTag) === task) {
      task.transfer!.took({
        tag: this.#dataOut.targetTransferTag,
        lengthBytes: this.#dataOut.dataSegmentLength,
        final: this.#dataOut.final,
      })
    }
    if (task.aborted) this.#drop(task)
    else {
      task.failure = transferSense(this.#unit, 'damaged')
      if (task.transfer?.waiting !== true) this.#breakOff(task, task.failure)
      else {
        task.state = 'collecting'
        this.#tasks.set(task.initiatorTaskTag, task)
      }
    }
  }

  /** Memory was found for a task that waited for it. */
  resume(task: Task): void {
    if (task.transfer === undefined || task.transfer.complete) this.#execute(task)
    else this.#collect(task)
    this.#context.options.host.wake()
  }

  /** Ends a task without an answer. What the logical unit is doing for it is not over before `task.running` is. */
  abort(task: Task): void {
    if (task.aborted) return
    task.aborted = true
    if (task.state === 'executing') return
    this.#context.memory.stopWaiting(task)
    this.#freePlace(task)
    this.#drop(task)
  }

  /** Aborts `tasks`; none of them gets to run with the memory that another of them gives back. */
  abortAll(tasks: readonly Task[]): void {
    for (const task of tasks) this.#context.memory.stopWaiting(task)
    for (const task of tasks) this.abort(task)
  }

  /**
   * Commands that come from now on are for `unit`. Those that are here were for the unit before: what it has not begun is
   * refused, as it would refuse it.
   */
  moveTo(unit: LogicalUnit, observer: CommandObserver | undefined): void {
    const { memory, options } = this.#context
    const tasks = [...this.active()]
    const waiting = tasks.filter((task) => task.state !== 'executing')
    for (const task of waiting) memory.stopWaiting(task)
    for (const task of waiting) this.#breakOff(task, this.#unit.check(SENSE.ACCESS_STATE_TRANSITION))
    for (const task of tasks) task.startedMs = options.clock.monotonicMs()
    this.#unit = unit
    this.#observer = observer
  }

  /** Once a second or so. */
  tick(): void {
    const limit = this.#context.options.limits.dataOutTimeoutSeconds
    for (const task of this.#tasks.values()) {
      if (task.transfer?.waiting !== true || ++task.idleTicks <= limit) continue
      if (task.state === 'collecting') this.#context.fail('the initiator does not send the data that it owes')
      if (task.state === 'draining') this.#tasks.delete(task.initiatorTaskTag)
    }
  }

  /** Aborts everything; resolves when the logical unit is done with all of it. The parser has stopped. */
  async close(): Promise<void> {
    this.#closed = true
    const current = this.#current
    this.#current = undefined
    // Aborted before, by another session, it still holds the buffer that the parser was filling.
    if (current?.aborted === true) this.#drop(current)
    else if (current !== undefined) this.abort(current)
    const tasks = [...this.#tasks.values()]
    this.abortAll(tasks)
    await settled(tasks)
  }

  /** Whether a task has this tag. One that only waits for data to drop makes way: the initiator reuses the tag. */
  #isTagTaken(initiatorTaskTag: number): boolean {
    const known = this.#tasks.get(initiatorTaskTag)
    if (known === undefined) return false
    if (known.state === 'draining') this.#tasks.delete(initiatorTaskTag)
    return known.state !== 'draining'
  }

  /** A command with data from the initiator: how much of it is of use, and where it goes. */
  #beginWrite(task: Task, pdu: ScsiCommand): DataSink {
    const { memory } = this.#context
    const wanted = task.lun === 0 ? dataOutLengthBytes(task.cdb, this.#unit.blockBytes) : 0
    const capacity = Math.min(wanted, task.dataOutLengthExpected)
    const immediateBytes = pdu.dataSegmentLength
    if (capacity > 0 && !memory.take(task, capacity)) {
      // Data that nobody asked for is on its way and there is no place for it: the host shall try again.
      task.state = immediateBytes > 0 || !pdu.final ? 'draining' : 'waiting'
    }
    if (!pdu.final || immediateBytes < capacity) {
      task.transfer = new WriteTransfer({
        rules: this.#parameters,
        expectedBytes: task.dataOutLengthExpected,
        wantedBytes: capacity,
        immediateBytes,
        final: pdu.final,
      })
    }
    return task.state === 'draining' ? 'discard' : this.#sink(task, 0, immediateBytes)
  }

  /** Where a piece of a task's data goes. */
  #sink(task: Task, offsetBytes: number, lengthBytes: number): DataSink {
    const buffer = task.dataOut
    const capacity = buffer.byteLength
    const endBytes = offsetBytes + lengthBytes
    if (endBytes <= capacity)
      return lengthBytes === capacity ? buffer : buffer.subarray(offsetBytes, endBytes)
    if (offsetBytes >= capacity) return 'discard'
    this.#lent = true
    return 'lend'
  }

  #copyLent(task: Task, offsetBytes: number, data: Uint8Array): void {
    const room = task.dataOut.byteLength - offsetBytes
    if (room > 0) task.dataOut.set(data.subarray(0, room), offsetBytes)
  }

  /** Asks for what may be asked for now. */
  #collect(task: Task): void {
    task.state = 'collecting'
    const transfer = task.transfer!
    for (;;) {
      const burst = transfer.solicit(this.#nextTag)
      if (burst === undefined) return
      this.#nextTag = this.#nextTag === RESERVED_TAG - 1 ? 0 : this.#nextTag + 1
      this.#context.responder.r2t(task, task.lunField, burst)
    }
  }

  /** All data from the initiator is there. */
  #start(task: Task): void {
    const { memory } = this.#context
    if (memory.takeForRead(task)) this.#execute(task)
    else {
      task.state = 'waiting'
      this.#tasks.set(task.initiatorTaskTag, task)
      memory.wait(task)
    }
  }

  #execute(task: Task): void {
    const result = task.lun === 0 ? this.#unit.execute(task) : executeAbsent(task, LUNS)
    if (!(result instanceof Promise)) {
      this.#finish(task, result)
      return
    }
    task.state = 'executing'
    this.#tasks.set(task.initiatorTaskTag, task)
    task.running = result.then((settled) => {
      this.#finish(task, settled)
      this.#context.options.host.wake()
    })
  }

  #finish(task: Task, result: ScsiResult): void {
    const { memory, responder } = this.#context
    const writtenBytes = task.dataOut.byteLength
    if (task.state !== 'arrived') this.#tasks.delete(task.initiatorTaskTag)
    this.#freePlace(task)
    memory.giveBackDataOut(task)
    if (task.aborted || this.#closed) {
      result.release?.()
      memory.giveBack(task)
      return
    }
    const readBytes = result.dataIn?.byteLength ?? 0
    this.#counters.commands++
    this.#counters.readBytes += readBytes
    if (result.status === STATUS.GOOD) this.#counters.writtenBytes += writtenBytes
    responder.result(task, result, memory.releaseOf(task, result))
    this.#observe(task, readBytes + writtenBytes)
  }

  #observe(task: Task, bytes: number): void {
    const { clock } = this.#context.options
    this.#observer?.command(commandKind(task.cdb), clock.monotonicMs() - task.startedMs, bytes)
  }

  /** There is no memory for data that is on its way: the host shall try again. */
  #refuse(task: Task): void {
    const status = this.#tasks.size > 0 ? STATUS.TASK_SET_FULL : STATUS.BUSY
    this.#breakOff(task, plainResult(status))
  }

  /** Answers a task that cannot be carried out; what the initiator still sends of it is dropped. */
  #breakOff(task: Task, result: ScsiResult): void {
    const { responder, memory } = this.#context
    task.aborted = true
    memory.stopWaiting(task)
    this.#freePlace(task)
    this.#drop(task)
    this.#counters.commands++
    responder.result(task, result, undefined)
  }

  /**
   * Gives back what an aborted task holds, as far as the parser is not filling it, and forgets the task unless
   * data of it may still come.
   */
  #drop(task: Task): void {
    if (task !== this.#current) {
      this.#context.memory.giveBackDataOut(task)
      this.#context.memory.giveBack(task)
    }
    const isOwed = !this.#closed && task.transfer?.waiting === true
    task.state = 'draining'
    task.idleTicks = 0
    if (isOwed || task === this.#current) this.#tasks.set(task.initiatorTaskTag, task)
    else if (this.#tasks.get(task.initiatorTaskTag) === task) this.#tasks.delete(task.initiatorTaskTag)
  }

  #freePlace(task: Task): void {
    if (task.immediate) this.#immediates--
    else this.#context.window.free()
  }
}

/** Resolves when the logical unit is done with all of `tasks`. */
export async function settled(tasks: readonly Task[]): Promise<void> {
  await Promise.all(tasks.map((task) => task.running))
}
