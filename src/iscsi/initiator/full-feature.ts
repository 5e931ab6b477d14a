/**
 * The full feature phase of a session: which PDU goes to which task, sequence numbers, pings, timeouts, and the
 * way out. Part of the pure core.
 *
 *     open ──▶ draining ──▶ logout          (draining: no new commands; Logout when the last one is over)
 *
 * A command that takes too long is aborted at the target, and fails when the target says that it is over: its
 * buffers are the caller's again only when nothing can read or fill them any more. A target that does not answer
 * that, or a ping, is gone. Time is what `tick` was told last, so that no command costs a reading of
 * the clock; a deadline is early or late by up to the shell's interval of ticks.
 */
import { unreachable } from '../../base/assert.ts'
import { viewOf } from '../../base/binary.ts'
import { BlockError } from '../../base/errors.ts'
import { serialBefore } from '../../base/serial32.ts'
import type { AsyncMessage } from '../pdu/async-message.ts'
import { initiatorTaskTag, lunField, opcodeOf } from '../pdu/bhs.ts'
import type { TargetPdu } from '../pdu/decode.ts'
import {
  AsyncEvent,
  BHS_BYTES,
  Opcode,
  RESERVED_TAG,
  RejectReason,
  TaskManagementFunction,
  TaskManagementResponseCode,
} from '../pdu/opcodes.ts'
import type { Reject } from '../pdu/reject.ts'
import type { DataSink } from '../pdu/stream.ts'
import type { TaskManagementResponse } from '../pdu/task-management.ts'
import type { PduWriter } from '../pdu/writer.ts'
import type { TextPair } from '../text/pairs.ts'
import type { CommandHandler, CommandRequest } from './command.ts'
import { Commands, tookTooLong } from './commands.ts'
import { Controls } from './controls.ts'
import type { LoginResult } from './login.ts'
import { TaskTable } from './task-table.ts'
import type { CommandTask, Task, TaskManagementTask } from './tasks.ts'
import { SequenceWindow } from './window.ts'

export interface FullFeatureOptions {
  /** Logical unit of commands that name none, 0 to 16383. */
  readonly lun: number
  readonly commandTimeoutMs: number
  /** How long the target may take to answer a ping, a task management function, a text or a logout. */
  readonly controlTimeoutMs: number
  /** Silence after which the target is pinged; 0 for never. */
  readonly pingIntervalMs: number
  /** Commands that are outstanding or wait, 1 to 60000. */
  readonly tasksMax: number
}

/** Why the session is over; without an error after a logout. */
export interface SessionEnd {
  readonly error: BlockError | undefined
}

const NO_BYTES = new Uint8Array(0)
const problem = (message: string): SessionEnd => ({ error: new BlockError('PROTOCOL', message) })

export class FullFeature {
  readonly #options: FullFeatureOptions
  readonly #tasks = new TaskTable<Task>()
  readonly #window: SequenceWindow
  readonly #commands: Commands
  readonly #controls: Controls
  readonly #onAsync: (message: AsyncMessage, data: Uint8Array) => void
  #phase: 'open' | 'draining' | 'logout' = 'open'
  #nowMs: number
  #heardMs: number
  #isPinging = false
  /** While draining: when to log out although commands are outstanding. */
  #logoutByMs = Number.POSITIVE_INFINITY
  /** Set by the answer to an abort of our own. */
  #failure: SessionEnd | undefined

  constructor(
    options: FullFeatureOptions,
    start: { writer: PduWriter; login: LoginResult; cmdSn: number; nowMs: number },
    onAsync: (message: AsyncMessage, data: Uint8Array) => void,
  ) {
    const { writer, login, cmdSn, nowMs } = start
    const { parameters, expStatSn, maxCmdSn } = login
    this.#options = options
    this.#onAsync = onAsync
    this.#nowMs = nowMs
    this.#heardMs = nowMs
    this.#window = new SequenceWindow({ cmdSn, expStatSn, maxCmdSn })
    const shared = { tasks: this.#tasks, writer, window: this.#window }
    const { lun, commandTimeoutMs: timeoutMs, tasksMax } = options
    this.#commands = new Commands({ ...shared, parameters, lun, timeoutMs, tasksMax })
    const { maxSendDataSegmentLengthBytes } = parameters
    this.#controls = new Controls({ ...shared, maxSendDataSegmentLengthBytes })
  }

  get outstanding(): number {
    return this.#tasks.size
  }

  /** Whether time matters now: something has a deadline. */
  get needsTicks(): boolean {
    return this.#tasks.size > 0 || this.#options.pingIntervalMs > 0 || this.#phase !== 'open'
  }

  submit(request: CommandRequest, handler: CommandHandler): number {
    if (this.#phase !== 'open') {
      handler.failed(new BlockError('DISCONNECTED', 'the session is being closed'))
      return RESERVED_TAG
    }
    return this.#commands.submit(request, handler, this.#nowMs)
  }

  /** Sends commands that wait, as far as the window is open. */
  sendWaiting(): void {
    this.#commands.sendWaiting()
  }

  ping(
    data: Uint8Array,
    call: { answered: (echo: Uint8Array) => void; failed: (error: BlockError) => void },
  ): void {
    this.#controls.ping(data, { ...call, deadlineMs: this.#controlDeadlineMs() })
  }

  text(
    pairs: readonly TextPair[],
    call: { answered: (pairs: readonly TextPair[]) => void; failed: (error: BlockError) => void },
  ): void {
    this.#controls.text(pairs, { ...call, deadlineMs: this.#controlDeadlineMs() })
  }

  /**
   * Sends a task management function, behind every command that the window lets out. `referencedTaskTag` is what
   * `submit` returned, for ABORT TASK; of a command that still waits for the window the target knows nothing, so
   * that one is aborted here.
   */
  manage(
    request: { function: number; lun?: number; referencedTaskTag?: number },
    call: { answered: (response: number) => void; failed: (error: BlockError) => void },
  ): void {
    const { function: code, lun, referencedTaskTag = RESERVED_TAG } = request
    this.#commands.sendWaiting()
    const referenced = this.#tasks.get(referencedTaskTag)
    const command = referenced?.kind === 'command' ? referenced : undefined
    if (code === TaskManagementFunction.abortTask && command?.isSent === false) {
      this.#commands.fail(command, wasAborted())
      call.answered(TaskManagementResponseCode.functionComplete)
      return
    }
    this.#controls.manage(
      {
        function: code,
        lun: command?.lun ?? lunField(lun ?? this.#options.lun),
        referencedTaskTag,
        refCmdSn: command?.cmdSn ?? 0,
      },
      { ...call, deadlineMs: this.#controlDeadlineMs() },
    )
  }

  /** Takes no new commands, and logs out when the last one is over, or after `withinMs` all the same. */
  logout(withinMs: number): void {
    if (this.#phase !== 'open') return
    this.#phase = 'draining'
    this.#logoutByMs = this.#nowMs + withinMs
    this.#logoutWhenDrained()
  }

  /** Everything that is outstanding fails. */
  end(error: BlockError): void {
    this.#phase = 'logout'
    for (const task of this.#tasks.values()) {
      if (task.kind === 'command') this.#commands.fail(task, error)
      else {
        this.#tasks.remove(task.tag)
        task.failed(error)
      }
    }
  }

  /** Takes the time. Overdue commands fail and are aborted; overdue control requests end the session. */
  tick(nowMs: number): SessionEnd | undefined {
    this.#nowMs = nowMs
    if (this.#controls.isOverdue(nowMs)) {
      return { error: new BlockError('DISCONNECTED', 'the target does not answer') }
    }
    for (const task of this.#commands.expire(nowMs)) this.#abort(task)
    const { pingIntervalMs } = this.#options
    if (pingIntervalMs > 0 && !this.#isPinging && nowMs - this.#heardMs >= pingIntervalMs) {
      this.#isPinging = true
      const done = (): void => {
        this.#isPinging = false
      }
      this.ping(NO_BYTES, { answered: done, failed: done })
    }
    if (this.#phase === 'draining' && nowMs >= this.#logoutByMs) this.#sendLogout()
    return undefined
  }

  /** Something came from the target. */
  heard(): void {
    this.#heardMs = this.#nowMs
  }

  sink(pdu: TargetPdu): DataSink {
    return pdu.opcode === Opcode.dataIn ? this.#commands.sink(pdu) : 'lend'
  }

  /** Takes a whole PDU; `data` is lent for the call unless `sink` named a buffer. */
  receive(pdu: TargetPdu, data: Uint8Array): SessionEnd | undefined {
    this.#window.update(pdu.expCmdSn, pdu.maxCmdSn)
    if (advancesStatSn(pdu) && !this.#window.acknowledge(pdu.statSn)) {
      return problem(`StatSN ${pdu.statSn} instead of ${this.#window.expStatSn}`)
    }
    const end = this.#dispatch(pdu, data)
    if (end === undefined) this.#logoutWhenDrained()
    return end
  }

  #dispatch(pdu: TargetPdu, data: Uint8Array): SessionEnd | undefined {
    switch (pdu.opcode) {
      case Opcode.dataIn:
        return verdict(this.#commands.dataIn(pdu))
      case Opcode.scsiResponse:
        return verdict(this.#commands.response(pdu, data))
      case Opcode.r2t:
        return verdict(this.#commands.r2t(pdu))
      case Opcode.nopIn:
        return verdict(this.#controls.nopIn(pdu, data))
      case Opcode.textResponse:
        return verdict(this.#controls.textResponse(pdu, data))
      case Opcode.taskManagementResponse:
        return this.#managed(pdu)
      case Opcode.logoutResponse: {
        const answer = this.#controls.logoutResponse(pdu)
        return answer === true ? { error: undefined } : problem(String(answer))
      }
      case Opcode.asyncMessage:
        return this.#async(pdu, data)
      case Opcode.reject:
        return this.#rejected(pdu, data)
      case Opcode.loginResponse:
        return problem('a Login Response in the full feature phase')
      default:
        return unreachable(pdu)
    }
  }

  #managed(pdu: TaskManagementResponse): SessionEnd | undefined {
    const task = this.#controls.taskManagementResponse(pdu)
    if (typeof task === 'string') return problem(task)
    if (pdu.response === TaskManagementResponseCode.functionComplete) this.#failAborted(task)
    task.answered(pdu.response)
    return this.#failure
  }

  /** The target answers no more for the commands that the function was about (§11.5.1). */
  #failAborted(done: TaskManagementTask): void {
    const { function: code, lun, referencedTaskTag, cmdSn } = done
    if (code === TaskManagementFunction.clearAca || code === TaskManagementFunction.taskReassign) return
    const isWholeTarget =
      code === TaskManagementFunction.targetWarmReset || code === TaskManagementFunction.targetColdReset
    for (const task of this.#tasks.values()) {
      if (task.kind !== 'command' || !task.isSent) continue
      const isMeant =
        code === TaskManagementFunction.abortTask
          ? task.tag === referencedTaskTag
          : (isWholeTarget || task.lun === lun) && serialBefore(task.cmdSn, cmdSn)
      if (!isMeant) continue
      this.#commands.fail(task, task.isAborting ? tookTooLong() : wasAborted())
    }
  }

  #abort(task: CommandTask): void {
    const answered = (response: number): void => {
      if (task.isOver) return
      if (response === TaskManagementResponseCode.taskDoesNotExist) this.#commands.fail(task, tookTooLong())
      else {
        const facts = { response }
        this.#failure = { error: new BlockError('DISCONNECTED', 'the target aborts no commands', { facts }) }
      }
    }
    const request = { function: TaskManagementFunction.abortTask, referencedTaskTag: task.tag }
    this.manage(request, { answered, failed: () => undefined })
  }

  #async(pdu: AsyncMessage, data: Uint8Array): SessionEnd | undefined {
    this.#onAsync(pdu, data)
    switch (pdu.asyncEvent) {
      case AsyncEvent.logoutRequest:
        this.logout((pdu.parameter3 * 1000) / 2)
        return undefined
      case AsyncEvent.connectionDrop:
      case AsyncEvent.sessionDrop: {
        const facts = { time2WaitSeconds: pdu.parameter2, time2RetainSeconds: pdu.parameter3 }
        return { error: new BlockError('DISCONNECTED', 'the target drops the connection', { facts }) }
      }
      default:
        return undefined
    }
  }

  /** `data` is the header that the target did not like (§11.17.4). */
  #rejected(pdu: Reject, data: Uint8Array): SessionEnd | undefined {
    const facts = { reason: pdu.reason }
    const error = new BlockError('PROTOCOL', 'the target rejected a PDU', { facts })
    if (data.byteLength < BHS_BYTES) return { error }
    const header = viewOf(data)
    const opcode = opcodeOf(header, 0)
    // The target ends the command itself, with CHECK CONDITION.
    if (opcode === Opcode.dataOut) return undefined
    const task = this.#tasks.get(initiatorTaskTag(header, 0))
    // A command that is lost to a digest error leaves a hole in CmdSN that nothing fills.
    if (task === undefined || pdu.reason === RejectReason.dataDigestError) return { error }
    if (task.kind === 'command') this.#commands.fail(task, error)
    else {
      this.#tasks.remove(task.tag)
      task.failed(error)
    }
    return undefined
  }

  #logoutWhenDrained(): void {
    if (this.#phase === 'draining' && this.#tasks.size === 0) this.#sendLogout()
  }

  #sendLogout(): void {
    this.#phase = 'logout'
    this.#controls.logout({ deadlineMs: this.#controlDeadlineMs(), failed: () => undefined })
  }

  #controlDeadlineMs(): number {
    return this.#nowMs + this.#options.controlTimeoutMs
  }
}

const wasAborted = (): BlockError => new BlockError('ABORTED', 'the command was aborted')

const verdict = (wrong: string | undefined): SessionEnd | undefined =>
  wrong === undefined ? undefined : problem(wrong)

/** Which PDUs carry a StatSN of their own (§4.2.2.2): not an R2T, Data-In without status, or the target's ping. */
function advancesStatSn(pdu: TargetPdu): boolean {
  switch (pdu.opcode) {
    case Opcode.dataIn:
      return pdu.statusPresent
    case Opcode.r2t:
      return false
    case Opcode.nopIn:
      return pdu.initiatorTaskTag !== RESERVED_TAG
    default:
      return true
  }
}
