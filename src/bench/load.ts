/**
 * Keeps a number of commands under way on each connection until a moment comes or the source is dry. A slot is one
 * command at a time with its buffer: when the command ends, the slot begins the next from within the completion, so
 * that a chunk of answers becomes one write of commands, and nothing waits for a promise.
 *
 * The first command that fails, or a read that finds what it must not, ends the load when the others are over.
 */
import { BlockError } from '../base/errors.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { AccessSource } from './access.ts'
import type { BenchLink, SlotCommands, SlotHandler } from './disk.ts'
import { LatencyHistogram } from './histogram.ts'
import type { Ledger } from './ledger.ts'

export interface LoadOptions {
  readonly clock: Clock
  readonly links: readonly BenchLink[]
  /** Commands under way on each link. */
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
    const { links, queueDepth } = this.options
    const slots = links.flatMap((link) => {
      const lane = { link, unsyncedWrites: 0 }
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
  readonly link: BenchLink
  unsyncedWrites: number
}

class Slot implements SlotHandler {
  readonly #load: Load
  readonly #lane: Lane
  readonly #dataIn: Uint8Array
  readonly #dataOut: Uint8Array
  readonly #commands: SlotCommands
  #operation: Operation = 'read'
  #unit = -1
  #beganMs = 0

  constructor(load: Load, lane: Lane) {
    const { unitBytes, blockBytes, content, ledger } = load.options
    this.#load = load
    this.#lane = lane
    this.#dataIn = new Uint8Array(unitBytes)
    // Content that is the same for all may lie in one place; stamps may not.
    this.#dataOut = ledger === undefined ? content.subarray(0, unitBytes) : new Uint8Array(unitBytes)
    const buffers = { blocks: unitBytes / blockBytes, dataIn: this.#dataIn, dataOut: this.#dataOut }
    this.#commands = lane.link.slot(buffers, this)
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
      this.#commands.flush()
      return
    }
    const unit = ledger === undefined ? wanted : ledger.take(wanted)
    this.#unit = unit
    const lba = (unit * load.options.unitBytes) / load.options.blockBytes
    if (source.isWrite) {
      this.#operation = 'write'
      ledger?.stamp(unit, this.#dataOut)
      this.#commands.write(lba)
    } else {
      this.#operation = 'read'
      this.#commands.read(lba)
    }
  }

  completed(dataInBytes: number, error: BlockError | undefined): void {
    const load = this.#load
    const operation = this.#operation
    const nowMs = load.options.clock.monotonicMs()
    load.latencies[operation].record((nowMs - this.#beganMs) * 1000)
    if (error !== undefined) load.fail(error)
    else if (operation === 'read') this.#check(dataInBytes)
    else if (operation === 'write') this.#lane.unsyncedWrites++
    if (operation !== 'flush') load.options.ledger?.release(this.#unit)
    this.advance(nowMs)
  }

  failed(error: BlockError): void {
    this.#load.fail(error)
    this.#load.slotEnded()
  }

  #check(dataInBytes: number): void {
    const { unitBytes, ledger } = this.#load.options
    if (dataInBytes !== unitBytes) {
      const text = `a read gave ${dataInBytes} bytes instead of ${unitBytes}`
      this.#load.fail(new BlockError('PROTOCOL', text))
      return
    }
    const error = ledger?.check(this.#unit, this.#dataIn)
    if (error !== undefined) this.#load.fail(error)
  }
}
