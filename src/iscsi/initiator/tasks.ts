/** Outstanding tasks of an initiator session: SCSI commands, and the few other requests that are answered. */
import type { BlockError } from '../../base/errors.ts'
import { TaskAttribute as Attribute, type TaskAttribute } from '../pdu/opcodes.ts'
import type { TextCollector, TextPair } from '../text/pairs.ts'
import type { CommandHandler, CommandRequest } from './command.ts'

const NO_BYTES = new Uint8Array(0)

/** One shape for every command, with or without data, so that the code which reads it stays monomorphic. */
export class CommandTask {
  readonly kind = 'command'
  readonly cdb: Uint8Array
  readonly lun: bigint
  readonly attr: TaskAttribute
  readonly immediate: boolean
  readonly dataOut: Uint8Array
  dataIn: Uint8Array
  handler: CommandHandler
  deadlineMs: number
  tag = 0
  cmdSn = 0
  isSent = false
  /** It took too long, and the target was asked to abort it. Its buffers stay lent until that is answered. */
  isAborting = false
  isOver = false
  dataInBytes = 0
  nextDataSn = 0
  nextR2tSn = 0
  /** The next in the queue of those that wait for the command window. */
  next: CommandTask | undefined = undefined

  constructor(request: CommandRequest, lun: bigint, deadlineMs: number, handler: CommandHandler) {
    this.cdb = new Uint8Array(request.cdb)
    this.lun = lun
    this.attr = request.attr ?? Attribute.simple
    this.immediate = request.immediate === true
    this.dataOut = request.dataOut ?? NO_BYTES
    this.dataIn = request.dataIn ?? NO_BYTES
    this.deadlineMs = deadlineMs
    this.handler = handler
  }

  get expectedDataTransferLength(): number {
    return this.dataOut.byteLength > 0 ? this.dataOut.byteLength : this.dataIn.byteLength
  }
}

interface ControlTask {
  tag: number
  readonly deadlineMs: number
  readonly failed: (error: BlockError) => void
}

interface NopTask extends ControlTask {
  readonly kind: 'nop'
  /** The echo is lent for the call. */
  readonly answered: (echo: Uint8Array) => void
}

export interface TextTask extends ControlTask {
  readonly kind: 'text'
  readonly collector: TextCollector
  readonly answered: (pairs: readonly TextPair[]) => void
}

export interface TaskManagementTask extends ControlTask {
  readonly kind: 'task management'
  readonly function: number
  readonly lun: bigint
  readonly referencedTaskTag: number
  /** Commands before it are those that the function is about. */
  readonly cmdSn: number
  readonly answered: (response: number) => void
}

interface LogoutTask extends ControlTask {
  readonly kind: 'logout'
}

export type Task = CommandTask | NopTask | TextTask | TaskManagementTask | LogoutTask
