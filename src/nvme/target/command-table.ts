/**
 * The commands of a queue that are not over, and how each comes to its end: answered, broken off while the host still
 * sends for it, or forgotten. An end gives back what the command holds, exactly once, but never a buffer that the parser
 * is filling.
 */
import { type AdminResult, adminStatus } from '../controller/admin-types.ts'
import { STATUS } from '../status.ts'
import { Command } from './command.ts'
import { FusedPairs } from './fused-pairs.ts'
import type { Memory } from './memory.ts'
import type { Attachment, QueueHost } from './queue-types.ts'
import type { Responder } from './responder.ts'
import { Transfers } from './transfers.ts'

/** Commands that are kept for use again. */
const SPARE_MAX = 128

export class CommandTable {
  /** By their ids; commands that are answered in the turn in which they came never get here. */
  readonly commands = new Map<number, Command>()
  readonly transfers = new Transfers()
  readonly pairs = new FusedPairs()
  attachment: Attachment | undefined
  /** What the parser is reading for. */
  current: Command | undefined
  /** Commands that were taken and have not been answered. */
  count = 0
  /** Nothing is said any more. */
  isClosed = false
  readonly #memory: Memory
  readonly #responder: Responder
  readonly #host: QueueHost
  readonly #spare: Command[] = []

  constructor(options: { memory: Memory; responder: Responder; host: QueueHost }) {
    this.#memory = options.memory
    this.#responder = options.responder
    this.#host = options.host
  }

  /** A command to be begun. */
  take(): Command {
    this.count++
    return this.#spare.pop() ?? new Command(this.#responder)
  }

  /** Answers an admin or Fabrics command. */
  finishAdmin(command: Command, result: AdminResult): void {
    const { status, dword0, dword1, data } = result
    this.#memory.giveBackBuffer(command)
    if (!this.isClosed) {
      this.#note(command, status, result.errorLocation)
      this.#responder.result(command, status, dword0, dword1, data, undefined)
      this.#giveBackLater(command, data !== undefined)
      if (result.ends !== undefined) this.#host.endAfterOutput(result.ends)
    }
    this.forget(command)
  }

  finishIo(
    command: Command,
    status: number,
    dword0: number,
    dataIn: Uint8Array | undefined,
    release: (() => void) | undefined,
  ): void {
    const attachment = this.attachment!
    const writtenBytes = command.dataOut.byteLength
    this.#memory.giveBackBuffer(command)
    if (this.isClosed) {
      release?.()
      this.#memory.giveBack(command)
      this.forget(command)
      return
    }
    if (status !== 0) this.#note(command, status, undefined)
    const readBytes = dataIn?.byteLength ?? 0
    this.#responder.result(command, status, dword0, 0, dataIn, release)
    this.#giveBackLater(command, readBytes > 0)
    attachment.io!.answered(command, status === 0 ? writtenBytes : 0, readBytes)
    this.forget(command)
  }

  /** What `command` reserved goes back when its data, if it has any, is out of the process. */
  #giveBackLater(command: Command, hasData: boolean): void {
    const bytes = this.#memory.takeOver(command)
    if (bytes === 0) return
    if (hasData) this.#responder.whenWritten(() => this.#memory.release(bytes))
    else this.#memory.release(bytes)
  }

  /** A command that cannot be carried out, and its other half. Nothing of it has begun. */
  fail(command: Command, status: number): void {
    this.pairs.failed(command)
    const { partner } = command
    command.partner = undefined
    this.finishAdmin(command, adminStatus(status))
    if (partner === undefined) return
    partner.partner = undefined
    if (partner === this.current) partner.failure = STATUS.ABORTED_FAILED_FUSED
    else this.breakOff(partner, STATUS.ABORTED_FAILED_FUSED)
  }

  /** Answers a command before it was executed; what the host still sends for it is dropped. */
  breakOff(command: Command, status: number): void {
    this.#memory.stopWaiting(command)
    const isOwed = this.transfers.has(command)
    if (!isOwed && command !== this.current) {
      this.fail(command, status)
      return
    }
    if (command === this.current && !isOwed) {
      command.failure = status
      return
    }
    command.abort()
    this.#note(command, status, undefined)
    this.#responder.result(command, status, 0, 0, undefined, undefined)
    this.commands.delete(command.cid)
    command.state = 'draining'
    this.count--
    this.pairs.failed(command)
    const { partner } = command
    command.partner = undefined
    if (partner !== undefined) {
      partner.partner = undefined
      this.breakOff(partner, STATUS.ABORTED_FAILED_FUSED)
    }
    if (command !== this.current) this.#memory.giveBackBuffer(command)
    this.#memory.giveBack(command)
  }

  #note(command: Command, status: number, errorLocation: number | undefined): void {
    command.status = status
    if (status !== 0) this.attachment?.note(command, status, errorLocation)
  }

  /** The command is over. */
  forget(command: Command): void {
    if (this.commands.get(command.cid) === command) this.commands.delete(command.cid)
    this.count--
    this.letGo(command)
  }

  /** Gives back what it holds, and keeps it for use again. */
  letGo(command: Command): void {
    this.#memory.giveBackBuffer(command)
    this.#memory.giveBack(command)
    command.state = 'over'
    // An Abort that waits for its end still reads its status.
    if (!command.isWatched && this.#spare.length < SPARE_MAX) this.#spare.push(command)
  }
}
