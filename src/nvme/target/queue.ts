/**
 * One queue of a host in the time between Initialize Connection and its end: PDUs in from the parser, PDUs out into the
 * writer. Takes commands, brings their data together, runs them at the controller (admin) or the namespace (I/O), has
 * them answered in the order in which they end. No sockets, no timers: the shell feeds the parser, ticks once a second,
 * sends the output and closes the connection when asked.
 *
 *     fresh ──Connect──▶ admin or I/O ──Disconnect──▶ ending ──▶ closed
 *       └──────────────────────┴─────────────────────────────────▲   (connection lost, protocol broken, association over)
 *
 * Always true: every command is answered once or aborted with its connection; it holds memory only between its
 * reservation and its end; a buffer that the parser is filling is not released before the parser is done; after `close`
 * nothing is said, and once it has resolved nothing that was begun here touches the medium any more.
 */
import type { BufferPool } from '../../base/buffer-pool.ts'
import type { ByteBudget } from '../../frontend/byte-budget.ts'
import { FABRICS_OPCODE } from '../commands.ts'
import type { AdminCommand, AdminResult } from '../controller/admin-types.ts'
import { ADMIN_CAPSULE_BYTES } from '../controller/capabilities.ts'
import type { ControllerQueue } from '../controller/controller.ts'
import type { IoResult } from '../namespace/io-types.ts'
import { ENTRY_OFFSET } from '../pdu/capsule.ts'
import type { DataSink } from '../pdu/stream.ts'
import { PduType } from '../pdu/types.ts'
import type { PduWriter } from '../pdu/writer.ts'
import { DEVICE_STATUS, final, STATUS } from '../status.ts'
import { AbortWaits } from './abort-waits.ts'
import { Command } from './command.ts'
import { CommandTable } from './command-table.ts'
import { type CapsuleRange, readDataPointer } from './data-pointer.ts'
import { FUSE } from './fused-pairs.ts'
import { Memory } from './memory.ts'
import type { Attachment, QueueHost } from './queue-types.ts'
import { Responder } from './responder.ts'
import { OUT_OF_SEQUENCE } from './transfers.ts'

export interface QueueOptions {
  readonly writer: PduWriter
  readonly pool: BufferPool
  readonly budget: ByteBudget
  readonly queueBytesMax: number
  readonly adminBytesMax: number
  readonly capsuleBytesMax: number
  readonly dataTimeoutSeconds: number
  readonly host: QueueHost
}

/** Entries before Connect has said how many there are: it comes alone. */
const FRESH_ENTRIES = 1
export class Queue implements ControllerQueue {
  readonly #options: QueueOptions
  readonly #responder: Responder
  readonly #memory: Memory
  readonly #range: CapsuleRange = { start: 0, end: 0 }
  readonly #table: CommandTable
  readonly #abortWaits = new AbortWaits()
  #entries = FRESH_ENTRIES
  #isCapsule = true
  #dataBytes = 0
  #state: 'open' | 'ending' | 'closed' = 'open'
  #closing: Promise<void> | undefined

  constructor(options: QueueOptions) {
    this.#options = options
    this.#responder = new Responder(options.writer)
    this.#memory = new Memory({
      pool: options.pool,
      budget: options.budget,
      queueBytesMax: options.queueBytesMax,
      capsuleBytesMax: options.capsuleBytesMax,
      resume: (command) => this.#resume(command),
    })
    const { host } = options
    this.#table = new CommandTable({ memory: this.#memory, responder: this.#responder, host })
  }

  get queueId(): number {
    return this.#table.attachment?.queueId ?? 0
  }

  /** Commands that were taken and not answered, but for those that wait for an event. */
  get isBusy(): boolean {
    for (const { state } of this.#table.commands.values()) if (state !== 'parked') return true
    return false
  }

  get attachment(): Attachment | undefined {
    return this.#table.attachment
  }

  /** Connect has succeeded. */
  attach(attachment: Attachment): void {
    this.#table.attachment = attachment
    this.#entries = attachment.entries
    if (attachment.io === undefined) this.#memory.restrict(this.#options.adminBytesMax)
    this.#responder.connected(attachment)
  }

  // ── What the parser tells ──

  /** A CapsuleCmd or an H2CData. */
  header(view: DataView, offset: number, dataBytes: number): DataSink {
    if (this.#state !== 'open') {
      this.#table.current = undefined
      return 'discard'
    }
    this.#dataBytes = dataBytes
    this.#isCapsule = view.getUint8(offset) === PduType.capsuleCmd
    return this.#isCapsule
      ? this.#beginCommand(view, offset + ENTRY_OFFSET, dataBytes)
      : this.#beginData(view, offset, dataBytes)
  }

  end(): void {
    const command = this.#table.current
    if (command === undefined) return
    this.#table.current = undefined
    if (this.#isCapsule) this.#endCommand(command)
    else this.#endData(command)
  }

  dataDamaged(): void {
    const command = this.#table.current
    if (command === undefined) return
    if (command.failure === 0) command.failure = STATUS.TRANSIENT_TRANSPORT_ERROR
    this.end()
  }

  // ── What the shell tells ──

  /** Once a second. */
  tick(): void {
    const { dataTimeoutSeconds, host } = this.#options
    const isLate = this.#table.transfers.tick(dataTimeoutSeconds)
    if (isLate) void host.reset('the host does not send the data that it owes')
    const alone = this.#table.pairs.tick(dataTimeoutSeconds)
    if (alone !== undefined) {
      this.#table.breakOff(alone, STATUS.ABORTED_MISSING_FUSED)
      host.wake()
    }
    this.#abortWaits.tick()
  }

  /** The connection is gone, or is to be cut. Resolves when nothing that was begun here is under way. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#state = 'closed'
    this.#table.isClosed = true
    const current = this.#table.current
    this.#table.current = undefined
    if (current !== undefined) {
      current.abort()
      this.#table.letGo(current)
    }
    this.#table.transfers.clear()
    await this.#abortAll(undefined)
    this.#abortWaits.close()
  }

  // ── What the controller asks for ──

  abort(cid: number): boolean | Promise<boolean> {
    const command = this.#table.commands.get(cid)
    if (command === undefined || command.state === 'draining') return false
    if (command.state === 'executing') {
      command.abort()
      return this.#abortWaits.whenOver(command)
    }
    if (command.state === 'parked') this.#table.attachment?.controller.events.withdraw(command)
    this.#table.breakOff(command, STATUS.ABORT_REQUESTED)
    // The Abort came by another connection.
    this.#options.host.wake()
    return true
  }

  /** Aborts all commands but `except`; resolves when none of them can change anything any more. */
  abortCommands(except: unknown): Promise<void> {
    return this.#abortAll(except)
  }

  complete(command: AdminCommand, result: AdminResult): void {
    if (this.#state === 'closed') return
    this.#table.finishAdmin(command as Command, result)
    this.#options.host.wake()
  }

  drop(command: AdminCommand): void {
    this.#table.forget(command as Command)
  }

  reset(reason: string): Promise<void> {
    return this.#options.host.reset(reason)
  }

  // ── Commands ──

  #beginCommand(view: DataView, offset: number, dataBytes: number): DataSink {
    if (this.#table.count >= this.#entries) {
      // More than the submission queue holds.
      this.#options.host.fault(OUT_OF_SEQUENCE, view, offset - ENTRY_OFFSET)
      return 'discard'
    }
    const attachment = this.#table.attachment
    const command = this.#table.take()
    command.begin(view, offset, attachment?.host ?? command.host)
    if (attachment !== undefined) attachment.controller.isAlive = true
    this.#responder.consumed()
    this.#table.current = command
    if (attachment?.observer !== undefined) command.startedMs = this.#options.host.nowMs()
    if (this.#table.commands.has(command.cid)) {
      command.failure = final(STATUS.COMMAND_ID_CONFLICT)
      command.fuse = 0
    } else if (command.fuse !== 0 && (attachment?.io === undefined || command.fuse === 3)) {
      command.failure = final(STATUS.INVALID_FIELD)
      command.fuse = 0
    }
    if (attachment?.io !== undefined && (command.fuse !== 0 || this.#table.pairs.isWaiting)) {
      const alone = this.#table.pairs.take(command)
      if (alone !== undefined) this.#table.breakOff(alone, STATUS.ABORTED_MISSING_FUSED)
    }
    if (command.failure === 0) command.failure = readDataPointer(command, dataBytes, this.#range)
    // No admin command has more, and who has not come to Connect yet shall not hold memory.
    if (attachment?.io === undefined && command.wantedBytes > ADMIN_CAPSULE_BYTES) {
      command.failure = final(STATUS.INVALID_FIELD)
    }
    if (command.failure === 0 && attachment?.io !== undefined)
      command.failure = attachment.io.refusal(command)
    if (command.failure !== 0 || this.#range.end === 0) return 'discard'
    if (!this.#memory.takeNow(command, dataBytes)) {
      command.failure = DEVICE_STATUS.BUSY
      return 'discard'
    }
    const { buffer } = command
    const { start, end } = this.#range
    command.dataOut = start === 0 && end === dataBytes ? buffer! : buffer!.subarray(start, end)
    return buffer!
  }

  #endCommand(command: Command): void {
    if (command.failure !== 0) this.#table.fail(command, command.failure)
    else if (command.wantedBytes > 0 || command.dataInLengthMax > 0) {
      if (this.#memory.take(command)) this.#proceed(command)
      else {
        command.state = 'waiting'
        this.#table.commands.set(command.cid, command)
      }
    } else this.#start(command)
  }

  /** Memory was found for a command that waited for it. */
  #resume(command: Command): void {
    this.#proceed(command)
    this.#options.host.wake()
  }

  /** The command has the memory that it needs. */
  #proceed(command: Command): void {
    if (command.wantedBytes === 0) {
      this.#start(command)
      return
    }
    command.dataOut = command.buffer!
    command.state = 'collecting'
    this.#table.commands.set(command.cid, command)
    if (this.#table.transfers.isFull) {
      // Aborted commands are no longer counted, but the host still owes their data.
      void this.#options.host.reset('the host owes the data of too many commands')
      return
    }
    this.#table.transfers.add(command)
    this.#responder.r2t(command)
  }

  #beginData(view: DataView, offset: number, dataBytes: number): DataSink {
    const command = this.#table.transfers.commandOf(view, offset, dataBytes)
    if (!(command instanceof Command)) {
      this.#options.host.fault(command, view, offset)
      return 'discard'
    }
    if (this.#table.attachment !== undefined) this.#table.attachment.controller.isAlive = true
    this.#table.current = command
    if (command.state === 'draining') return 'discard'
    const buffer = command.buffer!
    return dataBytes === buffer.byteLength
      ? buffer
      : buffer.subarray(command.arrivedBytes, command.arrivedBytes + dataBytes)
  }

  #endData(command: Command): void {
    command.arrivedBytes += this.#dataBytes
    if (command.arrivedBytes < command.wantedBytes) {
      if (command.state === 'draining') this.#memory.giveBackBuffer(command)
      return
    }
    this.#table.transfers.delete(command)
    if (command.state === 'draining') this.#table.letGo(command)
    else if (command.failure !== 0) this.#table.fail(command, command.failure)
    else this.#start(command)
  }

  /** All data of the command is there. */
  #start(command: Command): void {
    const attachment = this.#table.attachment
    if (attachment?.io === undefined || command.sqe[0] === FABRICS_OPCODE) {
      this.#settleAdmin(command, this.#options.host.execute(command))
    } else if (command.fuse !== 0) this.#startFused(command)
    else {
      const result = attachment.io.execute(command)
      if (!(result instanceof Promise)) {
        this.#answer(command, result)
        return
      }
      this.#await(
        command,
        result.then((settled) => this.#answer(command, settled)),
      )
    }
  }

  #answer(command: Command, { status, dword0, dataIn, release }: IoResult): void {
    this.#table.finishIo(command, status, dword0, dataIn, release)
    this.#options.host.wake()
  }

  /** `done` answers the command, and wakes the host. */
  #await(command: Command, done: Promise<void>): void {
    command.state = 'executing'
    this.#table.commands.set(command.cid, command)
    command.running = done
  }

  // ── Fused pairs ──

  #startFused(command: Command): void {
    command.state = 'paired'
    this.#table.commands.set(command.cid, command)
    const { partner } = command
    if (partner?.state !== 'paired') return
    const [first, second] = command.fuse === FUSE.first ? [command, partner] : [partner, command]
    // From here each ends by itself.
    first.partner = undefined
    second.partner = undefined
    const result = this.#table.attachment!.io!.executeFused(first, second)
    const settle = (pair: Awaited<typeof result>): void => {
      this.#answer(first, pair.first)
      this.#answer(second, pair.second)
    }
    if (!(result instanceof Promise)) {
      settle(result)
      return
    }
    const done = result.then(settle)
    this.#await(first, done)
    this.#await(second, done)
  }

  // ── Ends ──

  #settleAdmin(command: Command, result: AdminResult | Promise<AdminResult> | 'parked'): void {
    if (result === 'parked') {
      // Some are answered at once, from within.
      if (command.state === 'over') return
      command.state = 'parked'
      this.#table.commands.set(command.cid, command)
    } else if (result instanceof Promise) {
      this.#await(
        command,
        result.then((settled) => {
          this.#table.finishAdmin(command, settled)
          this.#options.host.wake()
        }),
      )
    } else this.#table.finishAdmin(command, result)
  }

  async #abortAll(except: unknown): Promise<void> {
    const running: Promise<void>[] = []
    for (const command of [...this.#table.commands.values()]) {
      if (command === except) continue
      if (command.state === 'executing') {
        command.abort()
        if (command.running !== undefined) running.push(command.running)
      } else if (this.#state === 'closed') {
        this.#memory.stopWaiting(command)
        this.#table.forget(command)
      } else if (command.state !== 'parked') this.#table.breakOff(command, STATUS.ABORT_REQUESTED)
    }
    this.#options.host.wake()
    await Promise.all(running)
  }

  /** Disconnect, which is `except`: aborts everything else; resolves when nothing is under way. */
  async quiesce(except: Command): Promise<void> {
    this.#state = 'ending'
    await this.#abortAll(except)
  }
}
