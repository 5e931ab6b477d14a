/**
 * A session in the full feature phase (RFC 7143 §4.2, §11): PDUs in from the parser, PDUs out into the output queue,
 * one connection, error recovery level 0. No sockets, no timers: the shell feeds the parser, ticks once a second,
 * sends the output and closes the connection when asked.
 *
 *     open ──▶ logging out ──▶ closed
 *       └─────────────────────────▲   (connection lost, protocol broken, reinstated, volume lost)
 *
 * Always true: what cannot be understood costs this connection only; after `close` nothing is said and, once it has
 * resolved, nothing that was begun here touches the medium any more.
 */

import { initiatorPortName } from '../login/names.ts'
import type { EstablishedLogin } from '../login/target-login.ts'
import { opcodeOf } from '../pdu/bhs.ts'
import { decodeInitiatorPdu, type InitiatorPdu } from '../pdu/decode.ts'
import type { LogoutRequest } from '../pdu/logout.ts'
import type { NopOut } from '../pdu/nop.ts'
import {
  AsyncEvent,
  BHS_BYTES,
  LogoutReason,
  LogoutResponseCode,
  Opcode,
  RESERVED_TAG,
  RejectReason,
  TaskManagementFunction,
} from '../pdu/opcodes.ts'
import type { DataSink, PduHandler, StreamFault } from '../pdu/stream.ts'
import type { TaskManagementRequest } from '../pdu/task-management.ts'
import { encodeTextRequest, type TextRequest } from '../pdu/text.ts'
import type { LogicalUnit } from '../scsi/lun.ts'
import type { Nexus } from '../scsi/nexus.ts'
import { CommandWindow } from './command-window.ts'
import { Commands, settled } from './commands.ts'
import { Memory } from './memory.ts'
import { type OutputBatch, OutputQueue } from './output-queue.ts'
import { Responder } from './responder.ts'
import type { CommandObserver, SessionCounters, SessionMove, SessionOptions } from './session-types.ts'
import type { Task } from './task.ts'
import { type ManagementContext, manage } from './task-management.ts'
import { TextExchange } from './text-exchange.ts'

/** PDUs other than SCSI Command and Data-Out, which have a way of their own. */
type SlowPdu = NopOut | TaskManagementRequest | TextRequest | LogoutRequest

const NO_COUNTERS: SessionCounters = { commands: 0, readBytes: 0, writtenBytes: 0 }

export class Session implements PduHandler {
  readonly login: EstablishedLogin
  /** Undefined in a discovery session. */
  readonly nexus: Nexus | undefined
  readonly #options: SessionOptions
  #unit: LogicalUnit | undefined
  readonly #window: CommandWindow
  readonly #output: OutputQueue
  readonly #responder: Responder
  readonly #commands: Commands | undefined
  readonly #text: TextExchange
  /** What the parser is reading. */
  #reading: 'command' | 'data' | 'slow' | 'nothing' = 'nothing'
  #slow: SlowPdu | undefined
  #state: 'open' | 'ending' | 'closed' = 'open'
  #silentTicks = 0
  #pings = 0
  #move: SessionMove | undefined
  #closing: Promise<void> | undefined

  constructor(options: SessionOptions) {
    const { login, lun, limits, pool } = options
    const { parameters } = login
    this.login = login
    this.#options = options
    this.#unit = lun?.unit
    this.#window = new CommandWindow({ expCmdSn: login.cmdSn, depth: limits.queueDepth })
    this.#output = new OutputQueue(pool)
    this.#output.setDigests({ header: parameters.headerDigest, data: parameters.dataDigest })
    this.#responder = new Responder({
      output: this.#output,
      window: this.#window,
      parameters,
      statSn: login.statSn,
    })
    this.#text = new TextExchange({
      responder: this.#responder,
      sessionType: login.sessionType,
      sendTargets: (value) => options.host.sendTargets(value),
    })
    if (lun === undefined) return
    const { unit, port } = lun
    this.nexus = unit.attach({
      initiatorPort: initiatorPortName(login.initiatorName, login.isid),
      port,
      afterNexusLoss: options.afterNexusLoss,
      abortTasks: (except) => settled(this.abortTasks((task) => task !== except)),
    })
    this.#commands = new Commands({
      options,
      unit,
      nexus: this.nexus,
      parameters,
      window: this.#window,
      responder: this.#responder,
      memory: new Memory({
        pool,
        budget: options.budget,
        sessionBytesMax: limits.sessionBytesMax,
        resume: (task) => this.#commands!.resume(task),
      }),
      reject: (reason, view, offset) => this.#reject(reason, view, offset),
      fail: (reason) => this.#fail(reason),
    })
  }

  get counters(): SessionCounters {
    return this.#commands?.counters ?? NO_COUNTERS
  }

  /** Bytes of output that are waiting. */
  get outputBytes(): number {
    return this.#output.lengthBytes
  }

  /** All output that is waiting, or undefined. */
  takeOutput(): OutputBatch | undefined {
    return this.#output.take()
  }

  header(view: DataView, offset: number): DataSink {
    this.#silentTicks = 0
    this.#reading = 'nothing'
    if (this.#state !== 'open') return 'discard'
    const opcode = opcodeOf(view, offset)
    if (this.#commands !== undefined) {
      if (opcode === Opcode.scsiCommand) {
        this.#reading = 'command'
        return this.#commands.begin(view, offset)
      }
      if (opcode === Opcode.dataOut) {
        this.#reading = 'data'
        return this.#commands.beginData(view, offset)
      }
    }
    return this.#beginSlow(decodeInitiatorPdu(view, offset), view, offset)
  }

  end(data: Uint8Array): void {
    switch (this.#reading) {
      case 'command':
        this.#commands!.end(data)
        break
      case 'data':
        this.#commands!.endData(data)
        break
      case 'slow':
        this.#endSlow(data)
        break
      case 'nothing':
        break
    }
  }

  fault(fault: StreamFault, view: DataView, offset: number): void {
    if (this.#state !== 'open') return
    switch (fault) {
      case 'data digest error':
        this.#reject(RejectReason.dataDigestError, view, offset)
        if (this.#reading === 'command' || this.#reading === 'data') this.#commands!.damaged()
        break
      case 'segment too long':
      case 'bad AHS':
        this.#reject(RejectReason.protocolError, view, offset)
        this.#end('after-output', fault)
        break
      case 'header digest error':
        this.#fail(fault)
        break
    }
  }

  /** Once a second: asks a silent initiator whether it is there, and gives up those who are not. */
  tick(): void {
    if (this.#state !== 'open') return
    const { pingAfterSeconds, pingTimeoutSeconds, discoveryIdleSeconds } = this.#options.limits
    const silent = ++this.#silentTicks
    if (this.#commands === undefined) {
      if (silent > discoveryIdleSeconds) this.#fail('the discovery session is idle')
      return
    }
    if (silent > pingAfterSeconds + pingTimeoutSeconds) this.#fail('the initiator does not answer')
    else if (silent === pingAfterSeconds) {
      this.#ping()
    }
    this.#commands.tick()
  }

  #ping(): number {
    const tag = this.#pings++ % RESERVED_TAG
    this.#responder.ping(tag)
    this.#options.host.wake()
    return tag
  }

  /**
   * The path by which this session came leads to the device now, by `unit`. What the initiator sent so far it may have
   * given up since, and repeated by another path: it is asked to answer a NOP-In, and everything that is read before the
   * answer is refused by the old unit. Resolves when the session uses `unit`, or is closed.
   */
  moveTo(unit: LogicalUnit, observer: CommandObserver | undefined): Promise<void> {
    if (this.#state === 'closed' || this.#commands === undefined) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#move = { unit, observer, tag: this.#ping(), done: resolve }
    return promise
  }

  /** Everything that was sent before the move was asked for has been read. */
  #endMove({ unit, observer, done }: SessionMove): void {
    this.#move = undefined
    this.#commands!.moveTo(unit, observer)
    unit.adopt(this.nexus!, this.#unit!)
    this.#unit = unit
    done()
  }

  /** Asks the initiator to log out within `seconds` (§11.9.1). */
  requestLogout(seconds: number): void {
    if (this.#state !== 'open') return
    this.#responder.asyncMessage(AsyncEvent.logoutRequest, [0, 0, Math.min(0xffff, Math.ceil(seconds))])
    this.#options.host.wake()
  }

  /** Aborts the tasks that `which` picks, all by default, and returns them. */
  abortTasks(which: (task: Task) => boolean = () => true): Task[] {
    const tasks = [...(this.#commands?.active() ?? [])].filter(which)
    this.#commands?.abortAll(tasks)
    return tasks
  }

  /** Commands that were taken and not answered. */
  get busy(): boolean {
    for (const _task of this.#commands?.active() ?? []) return true
    return false
  }

  /**
   * The connection is gone, or is to be cut. The parser gets no more bytes. Resolves when nothing that was begun
   * here is under way. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#state = 'closed'
    await this.#commands?.close()
    this.#output.clear()
    if (this.nexus !== undefined) this.#unit?.detach(this.nexus)
    this.#move?.done()
  }

  #beginSlow(pdu: ReturnType<typeof decodeInitiatorPdu>, view: DataView, offset: number): DataSink {
    switch (pdu.opcode) {
      case 'malformed':
        this.#reject(pdu.reason, view, offset)
        return 'discard'
      case Opcode.snackRequest:
        this.#reject(RejectReason.snackReject, view, offset)
        return 'discard'
      case Opcode.loginRequest:
        this.#reject(RejectReason.protocolError, view, offset)
        return 'discard'
      case Opcode.scsiCommand:
      case Opcode.dataOut:
        // A discovery session has no logical units.
        if (this.#isInWindow(pdu)) this.#reject(RejectReason.commandNotSupported, view, offset)
        return 'discard'
      case Opcode.taskManagementRequest:
        if (!this.#isInWindow(pdu)) return 'discard'
        if (this.#commands === undefined) {
          this.#reject(RejectReason.commandNotSupported, view, offset)
          return 'discard'
        }
        break
      case Opcode.nopOut:
        if (pdu.initiatorTaskTag === RESERVED_TAG) {
          if (pdu.targetTransferTag === this.#move?.tag) this.#endMove(this.#move)
          return 'discard'
        }
        if (!this.#isInWindow(pdu)) return 'discard'
        break
      case Opcode.textRequest:
      case Opcode.logoutRequest:
        if (!this.#isInWindow(pdu)) return 'discard'
        break
    }
    this.#slow = pdu
    this.#reading = 'slow'
    return 'lend'
  }

  /** Whether the PDU is to be processed. Such PDUs are over at once and hold no place in the window. */
  #isInWindow(pdu: Exclude<InitiatorPdu, { opcode: 0x03 | 0x10 }>): boolean {
    if (pdu.opcode === Opcode.dataOut || pdu.immediate) return true
    const verdict = this.#window.accept(pdu.cmdSn)
    if (verdict === 'accepted') this.#window.free()
    if (verdict === 'gap') this.#fail('a command is missing before this one')
    return verdict === 'accepted'
  }

  #endSlow(data: Uint8Array): void {
    const pdu = this.#slow!
    this.#slow = undefined
    switch (pdu.opcode) {
      case Opcode.nopOut:
        this.#responder.pong(pdu.initiatorTaskTag, pdu.lun, data)
        break
      case Opcode.textRequest: {
        const refusal = this.#text.take(pdu, data)
        if (refusal !== undefined) {
          const view = new DataView(new ArrayBuffer(BHS_BYTES))
          encodeTextRequest(view, 0, pdu)
          this.#reject(refusal, view, 0)
        }
        break
      }
      case Opcode.logoutRequest:
        this.#logout(pdu)
        break
      case Opcode.taskManagementRequest:
        this.#manage(pdu)
        break
    }
  }

  #manage(pdu: TaskManagementRequest): void {
    const context: ManagementContext = {
      session: this,
      commands: this.#commands!,
      unit: this.#unit!,
      window: this.#window,
      host: this.#options.host,
    }
    const response = manage(context, pdu)
    if (typeof response === 'number') this.#responder.taskManagement(pdu.initiatorTaskTag, response)
    else {
      void response.then((code) => {
        if (this.#state === 'closed') return
        this.#responder.taskManagement(pdu.initiatorTaskTag, code)
        this.#options.host.wake()
        if (pdu.function === TaskManagementFunction.targetColdReset) this.#endAll('target cold reset')
      })
    }
  }

  /** RFC 7143 §11.5.1: the response to TARGET COLD RESET goes out before the connections of the target end. */
  #endAll(reason: string): void {
    this.#end('after-output', reason)
    this.#options.host.endOthers(reason)
  }

  #logout(pdu: LogoutRequest): void {
    const { initiatorTaskTag, reasonCode } = pdu
    if (reasonCode === LogoutReason.removeConnectionForRecovery) {
      this.#responder.logout(initiatorTaskTag, LogoutResponseCode.recoveryNotSupported)
    } else if (reasonCode === LogoutReason.closeConnection && pdu.cid !== this.login.cid) {
      this.#responder.logout(initiatorTaskTag, LogoutResponseCode.cidNotFound)
    } else {
      this.#state = 'ending'
      void Promise.resolve(this.#commands?.close()).then(() => {
        if (this.#state === 'closed') return
        this.#responder.logout(initiatorTaskTag, LogoutResponseCode.closedSuccessfully)
        this.#end('after-output', 'logout')
      })
    }
  }

  #reject(reason: RejectReason, view: DataView, offset: number): void {
    const header = new Uint8Array(view.buffer, view.byteOffset + offset, BHS_BYTES)
    this.#options.logger.debug('iscsi.pdu_rejected', {
      initiator: this.login.initiatorName,
      opcode: opcodeOf(view, offset),
      reason,
    })
    this.#responder.reject(reason, header)
  }

  #end(how: 'after-output' | 'at-once', reason: string): void {
    if (this.#state === 'open') this.#state = 'ending'
    this.#options.host.end(how, reason)
  }

  #fail(reason: string): void {
    this.#end('at-once', reason)
  }
}
