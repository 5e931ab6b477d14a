/**
 * One command of a queue, from its capsule to its completion; at once what the namespace or the controller gets, and the
 * signal that tells them of an abort.
 *
 *     arrived ──▶ waiting (for memory) ──▶ collecting (data by R2T) ──▶ paired (waits for its fused half)
 *        └──────────────┴─────────────────────────┴──────────────────────┴──▶ executing ──▶ over
 *                                                                        └──▶ parked (asynchronous event)
 *
 * Each step may be skipped. A command that is over while the host still sends data for it is `draining`: the rest is
 * dropped without a word. Commands are used again by their queue, one entry buffer each: nobody keeps one that is over.
 */
import { viewOf } from '../../base/binary.ts'
import type { TaskSignal } from '../../frontend/task-signal.ts'
import { SQE_BYTES } from '../commands.ts'
import type { AdminCommand } from '../controller/admin-types.ts'
import type { IoCommand, NvmeHost } from '../namespace/io-types.ts'

export type CommandState =
  | 'arrived'
  | 'waiting'
  | 'collecting'
  | 'paired'
  | 'executing'
  | 'parked'
  | 'draining'
  | 'over'

export const NO_DATA = new Uint8Array(0)
/** Before Connect nobody is known; no command reaches a namespace then. */
const NOBODY: NvmeHost = { hostNqn: '', hostId: new Uint8Array(16), registrant: '', controllerId: 0 }

/** Where the data of commands goes; see `IoCommand.place`. */
interface Output {
  place(lengthBytes: number): Uint8Array | undefined
}

export class Command implements IoCommand, AdminCommand, TaskSignal {
  readonly sqe = new Uint8Array(SQE_BYTES)
  readonly view = viewOf(this.sqe)
  host: NvmeHost = NOBODY
  cid = 0
  state: CommandState = 'arrived'
  /** What of `buffer` is the host's data. */
  dataOut: Uint8Array = NO_DATA
  dataInLengthMax = 0
  /** Of the pool, for as long as the command holds it. */
  buffer: Uint8Array | undefined = undefined
  /** Bytes that go by R2T, and how many of them came. */
  wantedBytes = 0
  arrivedBytes = 0
  transferTag = 0
  /** What it is refused with, once all of its data has come; 0: nothing. */
  failure = 0
  /** What it holds of the budget. */
  reservedBytes = 0
  /** FUSE. */
  fuse = 0
  /** The other half of a fused pair. */
  partner: Command | undefined = undefined
  /** Settles when the namespace or the controller is done with it. */
  running: Promise<void> | undefined = undefined
  startedMs = 0
  /** Ticks since the host was asked for its data. */
  owedTicks = 0
  /** What it was answered with. */
  status = 0
  /** Somebody looks at it after its end. */
  isWatched = false
  #aborted = false
  #whenAborted: (() => void) | undefined
  readonly #output: Output

  constructor(output: Output) {
    this.#output = output
  }

  get aborted(): boolean {
    return this.#aborted
  }

  get signal(): TaskSignal {
    return this
  }

  place(lengthBytes: number): Uint8Array | undefined {
    return this.#output.place(lengthBytes)
  }

  /** Final, until the command is used again. */
  abort(): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#whenAborted?.()
  }

  onAbort(listener: () => void): void {
    if (this.#aborted) listener()
    else this.#whenAborted = listener
  }

  /** Takes the entry that stands at `offset`. */
  begin(view: DataView, offset: number, host: NvmeHost): void {
    const own = this.view
    for (let at = 0; at < SQE_BYTES; at += 4) own.setUint32(at, view.getUint32(offset + at))
    this.host = host
    this.cid = own.getUint16(2, true)
    this.state = 'arrived'
    this.dataOut = NO_DATA
    this.dataInLengthMax = 0
    this.wantedBytes = 0
    this.arrivedBytes = 0
    this.failure = 0
    this.fuse = this.sqe[1]! & 3
    this.partner = undefined
    this.running = undefined
    this.owedTicks = 0
    this.status = 0
    this.#aborted = false
    this.#whenAborted = undefined
  }
}
