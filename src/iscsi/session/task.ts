/**
 * One SCSI command of a session, from its arrival to its answer; at once the request that the logical unit gets
 * and the signal that tells it of an abort.
 *
 *     arrives ──▶ waiting (for memory) ──▶ collecting (data from the initiator) ──▶ executing ──▶ answered
 *        └──────────────┴─────────────────────────────┴───────────────────────────────┘
 *                                   each step may be skipped
 *
 * An aborted task is never answered. One whose initiator may still send data stays known as `draining`, so that
 * the rest of it is dropped without a word.
 */
import type { TaskSignal } from '../../frontend/task-signal.ts'
import type { Nexus } from '../scsi/nexus.ts'
import type { ScsiRequest, ScsiResult } from '../scsi/task.ts'
import type { WriteTransfer } from './write-transfer.ts'

export type TaskState = 'arrived' | 'waiting' | 'collecting' | 'executing' | 'draining'

const NO_DATA = new Uint8Array(0)

export class Task implements ScsiRequest, TaskSignal {
  readonly initiatorTaskTag: number
  readonly cmdSn: number
  readonly immediate: boolean
  readonly cdb: Uint8Array
  /** Number of the logical unit, −1 when the field addresses none in a way that is known. */
  readonly lun: number
  /** The eight bytes of the field, which R2Ts repeat. */
  readonly lunField: bigint
  readonly dataOutLengthExpected: number
  readonly dataInLengthMax: number
  readonly nexus: Nexus
  state: TaskState = 'arrived'
  /** Of the pool, for as long as the task holds it. */
  dataOut: Uint8Array = NO_DATA
  transfer: WriteTransfer | undefined = undefined
  /** Part of the data came damaged: the answer, once all that the initiator owes has come. */
  failure: ScsiResult | undefined = undefined
  /** What the task holds of the budget. */
  reservedBytes = 0
  /** Settles when the logical unit is done with the task. */
  running: Promise<void> | undefined = undefined
  startedMs = 0
  /** Ticks of the clock since the initiator last sent of the data that it owes. */
  idleTicks = 0
  #aborted = false
  #whenAborted: (() => void) | undefined

  constructor(options: {
    initiatorTaskTag: number
    cmdSn: number
    immediate: boolean
    cdb: Uint8Array
    lun: number
    lunField: bigint
    dataOutLengthExpected: number
    dataInLengthMax: number
    nexus: Nexus
  }) {
    this.initiatorTaskTag = options.initiatorTaskTag
    this.cmdSn = options.cmdSn
    this.immediate = options.immediate
    this.cdb = options.cdb
    this.lun = options.lun
    this.lunField = options.lunField
    this.dataOutLengthExpected = options.dataOutLengthExpected
    this.dataInLengthMax = options.dataInLengthMax
    this.nexus = options.nexus
  }

  get aborted(): boolean {
    return this.#aborted
  }

  /** Final. */
  set aborted(value: true) {
    this.#aborted = value
    this.#whenAborted?.()
  }

  onAbort(listener: () => void): void {
    if (this.#aborted) listener()
    else this.#whenAborted = listener
  }

  get signal(): TaskSignal {
    return this
  }

  /** Takes the buffer away; whoever asks owns it. */
  takeDataOut(): Uint8Array | undefined {
    const buffer = this.dataOut
    this.dataOut = NO_DATA
    return buffer.byteLength === 0 ? undefined : buffer
  }
}
