/**
 * Keeps a number of commands under way on each connection until a moment comes or the source is dry. A slot is one
 * command at a time with its buffer: when the command ends, the slot begins the next from within the completion, so
 * that a chunk of answers becomes one write of commands, and nothing waits for a promise.
 *
 * The first command that fails, or a read that finds what it must not, ends the load when the others are over.
 */
import { viewOf, writeU64 } from '../base/binary.ts'
import { BlockError } from '../base/errors.ts'
import type { Clock } from '../base/ports/clock.ts'
import { read16, synchronizeCache16, write16 } from '../iscsi/initiator/cdb.ts'
import { type CommandHandler, type CommandResult, ScsiStatus } from '../iscsi/initiator/command.ts'
import { scsiError } from '../iscsi/initiator/sense.ts'
import type { InitiatorSession } from '../iscsi/initiator/session.ts'
import type { AccessSource } from './access.ts'
import { LatencyHistogram } from './histogram.ts'
import type { Ledger } from './ledger.ts'

export interface LoadOptions {
  readonly clock: Clock
  readonly sessions: readonly InitiatorSession[]
  /** Commands under way on each session. */
  readonly queueDepth: number
  readonly unitBytes: number
  readonly blockBytes: number
  readonly source: AccessSource
  /** Ends the load at this moment of the monotonic clock. */
  readonly endMs: number
  /** Writes of a connection after which it makes them durable; 0 for never. */
  readonly syncEvery: number
  /** Content of writes when there is no ledger; at least a unit. */
  readonly content: Uint8Array
  readonly ledger: Ledger | undefined
}

type Operation = 'read' | 'write' | 'flush'

export class Load {
  readonly latencies: Readonly<Record<Operation, LatencyHistogram>> = {
    read: new LatencyHistogram(),
    write: new LatencyHistogram(),
    flush: new LatencyHistogram(),
  }
  readonly options: LoadOptions
  readonly #over = Promise.withResolvers<void>()
  #underWay = 0
  #error: BlockError | undefined

  constructor(options: LoadOptions) {
    this.options = options
  }

  /** Resolves when no command is under way any more; rejects with the first error. */
  async run(): Promise<void> {
    const { sessions, queueDepth } = this.options
    const slots = sessions.flatMap((session) => {
      const lane = { session, unsyncedWrites: 0 }
      return Array.from({ length: queueDepth }, () => new Slot(this, lane))
    })
    this.#underWay = slots.length
    for (const slot of slots) slot.advance(this.options.clock.monotonicMs())
    await this.#over.promise
    if (this.#error !== undefined) throw this.#error
  }

  isOverAt(nowMs: number): boolean {
    return this.#error !== undefined || nowMs >= this.options.endMs
  }

  fail(error: BlockError): void {
    this.#error ??= error
  }

  /** A slot has no more to do. */
  slotEnded(): void {
    this.#underWay--
    if (this.#underWay === 0) this.#over.resolve()
  }
}

/** What the slots of one connection share. */
interface Lane {
  readonly session: InitiatorSession
  unsyncedWrites: number
}

/** Where the CDBs of READ (16) and WRITE (16) hold the LBA. */
const LBA_AT = 2

class Slot implements CommandHandler {
  readonly #load: Load
  readonly #lane: Lane
  readonly #read: { readonly cdb: Uint8Array; readonly dataIn: Uint8Array }
  readonly #write: { readonly cdb: Uint8Array; readonly dataOut: Uint8Array }
  readonly #flush = { cdb: synchronizeCache16() }
  readonly #readLba: DataView
  readonly #writeLba: DataView
  #operation: Operation = 'read'
  #unit = -1
  #beganMs = 0

  constructor(load: Load, lane: Lane) {
    const { unitBytes, blockBytes, content, ledger } = load.options
    this.#load = load
    this.#lane = lane
    const blocks = unitBytes / blockBytes
    this.#read = { cdb: read16(0, blocks), dataIn: new Uint8Array(unitBytes) }
    // Content that is the same for all may lie in one place; stamps may not.
    const dataOut = ledger === undefined ? content.subarray(0, unitBytes) : new Uint8Array(unitBytes)
    this.#write = { cdb: write16(0, blocks), dataOut }
    this.#readLba = viewOf(this.#read.cdb)
    this.#writeLba = viewOf(this.#write.cdb)
  }

  /** Begins the next command, or ends. */
  advance(nowMs: number): void {
    const load = this.#load
    const { syncEvery, source, ledger } = load.options
    const lane = this.#lane
    const isFlushDue = syncEvery > 0 && lane.unsyncedWrites >= syncEvery
    const isOver = load.isOverAt(nowMs)
    const wanted = isOver || isFlushDue ? -1 : source.next()
    if (isOver || (wanted < 0 && !isFlushDue)) {
      load.slotEnded()
      return
    }
    this.#beganMs = nowMs
    if (isFlushDue) {
      lane.unsyncedWrites = 0
      this.#operation = 'flush'
      lane.session.submit(this.#flush, this)
      return
    }
    const unit = ledger === undefined ? wanted : ledger.take(wanted)
    this.#unit = unit
    const lba = (unit * load.options.unitBytes) / load.options.blockBytes
    if (source.isWrite) {
      this.#operation = 'write'
      writeU64(this.#writeLba, LBA_AT, lba, false)
      ledger?.stamp(unit, this.#write.dataOut)
      lane.session.submit(this.#write, this)
    } else {
      this.#operation = 'read'
      writeU64(this.#readLba, LBA_AT, lba, false)
      lane.session.submit(this.#read, this)
    }
  }

  completed(result: CommandResult): void {
    const load = this.#load
    const operation = this.#operation
    const nowMs = load.options.clock.monotonicMs()
    load.latencies[operation].record((nowMs - this.#beganMs) * 1000)
    if (result.status !== ScsiStatus.good) {
      load.fail(scsiError(operation, result.status, result.sense))
    } else if (operation === 'read') this.#check(result)
    else if (operation === 'write') this.#lane.unsyncedWrites++
    if (operation !== 'flush') load.options.ledger?.release(this.#unit)
    this.advance(nowMs)
  }

  failed(error: BlockError): void {
    this.#load.fail(error)
    this.#load.slotEnded()
  }

  #check({ dataInBytes }: CommandResult): void {
    const { unitBytes, ledger } = this.#load.options
    if (dataInBytes !== unitBytes) {
      const text = `a read gave ${dataInBytes} bytes instead of ${unitBytes}`
      this.#load.fail(new BlockError('PROTOCOL', text))
      return
    }
    const error = ledger?.check(this.#unit, this.#read.dataIn)
    if (error !== undefined) this.#load.fail(error)
  }
}
