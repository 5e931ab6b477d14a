/**
 * A host's side of one queue pair, which is one connection, as a pure core: bytes and commands in, bytes and completions
 * out. It knows no socket and no clock; the shell hands in chunks, takes batches, and says what time it is.
 *
 *     initializing ──▶ open ──▶ ended
 *          └────────────────────▲        (error, TermReq, connection lost, closed)
 *
 * Always true: each handler is called exactly once; no more commands are outstanding than the queue has room for, others
 * wait in order; the data of a command goes straight between the wire and the caller's buffer. What a controller must not
 * send is answered with a TermReq that says what it was, and ends the queue. A command that takes too long ends it too:
 * what the controller does with its buffers later can then not be seen any more.
 */
import type { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError } from '../../base/errors.ts'
import { Cqe, decodeCqe, Fuse } from '../commands.ts'
import { ENTRY_OFFSET } from '../pdu/capsule.ts'
import { HEADER_BYTES, pduTypeOf } from '../pdu/common-header.ts'
import { decodeIcResp, encodeIcReq, type IcReq, type IcResp, icRespFault } from '../pdu/initialize.ts'
import { type DataSink, type PduHandler, PduStream } from '../pdu/stream.ts'
import { decodeTermReq, encodeTermReq } from '../pdu/term-req.ts'
import { type C2hData, decodeC2hData, decodeR2t } from '../pdu/transfer.ts'
import { alignmentBytesOf, FatalErrorStatus, type PduFault, PduType } from '../pdu/types.ts'
import { type Batch, PduWriter } from '../pdu/writer.ts'
import { STATUS } from '../status.ts'
import type { NvmeHandler, NvmeRequest } from './command.ts'
import { Task, TaskTable } from './tasks.ts'
import { writeCommand, writeData } from './transmit.ts'

export interface QueueOptions {
  /** Entries of the submission queue, 2 to 4096: one fewer commands are outstanding. */
  readonly entries: number
  /** Commands outstanding or waiting; one more is refused with BUSY. At most 4095. */
  readonly tasksMax: number
  readonly commandTimeoutMs: number
  readonly headerDigest: boolean
  readonly dataDigest: boolean
  /** Data of a command that goes in its capsule. */
  readonly capsuleDataBytes: number
}

interface QueueEvents {
  /** Initialize Connection is over. */
  opened(agreed: IcResp): void
  /** Called once, last, with the error that every outstanding command got. */
  ended(error: BlockError): void
}

/** R2Ts that the controller may have outstanding for a command; each is answered at once. */
const R2TS_MAX = 4
/** DATAL is a u32, and an SGL's length too. */
const DATA_BYTES_MAX = 0xffff_ffff
const NO_BYTES = new Uint8Array(0)
const CCCID_AT = 8
const R2TL_AT = 16
const OUT_OF_SEQUENCE = { fes: FatalErrorStatus.pduSequenceError, fei: 0 } as const
const BAD_CCCID = { fes: FatalErrorStatus.invalidPduHeaderField, fei: CCCID_AT } as const
const OUT_OF_RANGE = { fes: FatalErrorStatus.dataTransferOutOfRange, fei: 0 } as const
const BAD_R2TL = { fes: FatalErrorStatus.invalidPduHeaderField, fei: R2TL_AT } as const

export class QueueCore implements PduHandler {
  readonly #options: QueueOptions
  readonly #events: QueueEvents
  readonly #writer: PduWriter
  readonly #stream: PduStream
  readonly #tasks = new TaskTable()
  readonly #asked: IcReq
  #phase: 'initializing' | 'open' | 'ended' = 'initializing'
  #maxH2cData = 0
  #capsuleDataBytes: number
  #entries: number
  #outstanding = 0
  #firstWaiting: Task | undefined
  #lastWaiting: Task | undefined
  #nowMs = 0
  /** The header of the PDU under way. */
  #type: number = PduType.icResp
  #icResp: IcResp | undefined
  #data: C2hData | undefined
  #dataTask: Task | undefined
  #termReq: { fes: number; fei: number } | undefined

  constructor(pool: BufferPool, options: QueueOptions, events: QueueEvents) {
    this.#options = options
    this.#events = events
    this.#entries = options.entries
    this.#capsuleDataBytes = options.capsuleDataBytes
    this.#writer = new PduWriter(pool)
    this.#stream = new PduStream(this, {
      side: 'host',
      alignmentBytes: alignmentBytesOf(0),
      capsuleDataBytesMax: 0,
      transferBytesMax: DATA_BYTES_MAX,
    })
    const { headerDigest, dataDigest } = options
    this.#asked = { pfv: 0, dataAlignment: 0, headerDigest, dataDigest, maxR2t: R2TS_MAX - 1 }
  }

  get isEnded(): boolean {
    return this.#phase === 'ended'
  }

  /** Commands that are not over. */
  get outstanding(): number {
    return this.#tasks.size
  }

  get pendingBytes(): number {
    return this.#writer.pendingBytes
  }

  /** Writes the ICReq. */
  start(): void {
    const at = this.#writer.begin(PduType.icReq)
    encodeIcReq(this.#writer.view, at, this.#asked)
    this.#writer.end()
  }

  /** What the controller has said of its queues, from the next command on. */
  setLimits(limits: { entries?: number; capsuleDataBytes?: number }): void {
    this.#entries = limits.entries ?? this.#entries
    this.#capsuleDataBytes = limits.capsuleDataBytes ?? this.#capsuleDataBytes
  }

  /** Takes the next bytes of the connection; `chunk` is lent for the call. */
  push(chunk: Uint8Array): void {
    this.#stream.push(chunk)
    this.#sendWaiting()
  }

  /** Begins a command; it leaves with the next `take`, or later when the queue is full. */
  submit(request: NvmeRequest, handler: NvmeHandler): void {
    const refusal = this.#refusal(request, 1)
    if (refusal !== undefined) handler.failed(refusal)
    else this.#enqueue(request, handler)
  }

  /** Begins two commands that the controller executes as one. Both are told. */
  submitFused(first: NvmeRequest, second: NvmeRequest, handlers: readonly [NvmeHandler, NvmeHandler]): void {
    const refusal = this.#refusal(first, 2) ?? this.#refusal(second, 2)
    if (refusal !== undefined) {
      for (const handler of handlers) handler.failed(refusal)
      return
    }
    this.#enqueue({ ...first, fuse: Fuse.first }, handlers[0])
    this.#enqueue({ ...second, fuse: Fuse.second }, handlers[1])
  }

  /** Takes the time, in milliseconds of a clock that never goes back. */
  tick(nowMs: number): void {
    this.#nowMs = nowMs
    for (const task of this.#tasks.values()) {
      if (task.deadlineMs > nowMs) continue
      const facts = { opcode: task.request.opcode, outstanding: this.#tasks.size }
      this.fail(new BlockError('TIMED_OUT', 'the controller does not answer', { facts }))
      return
    }
  }

  /** What has to be sent now. */
  take(): Batch {
    this.#sendWaiting()
    return this.#writer.take()
  }

  /** Ends the queue; everything that is outstanding fails. */
  fail(error: BlockError): void {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    this.#stream.stop()
    this.#firstWaiting = undefined
    this.#lastWaiting = undefined
    for (const task of this.#tasks.values()) {
      this.#tasks.remove(task)
      task.handler.failed(error)
    }
    this.#events.ended(error)
  }

  // ── What the parser tells ──

  header(view: DataView, offset: number, dataBytes: number): DataSink {
    this.#type = pduTypeOf(view, offset)
    switch (this.#type) {
      case PduType.c2hData:
        return this.#c2hData(view, offset)
      case PduType.capsuleResp:
        this.#response(view, offset + ENTRY_OFFSET)
        return 'discard'
      case PduType.r2t:
        this.#r2t(view, offset)
        return 'discard'
      case PduType.icResp:
        this.#icResp = decodeIcResp(view, offset)
        return 'discard'
      default:
        this.#termReq = decodeTermReq(view, offset)
        return dataBytes > 0 ? 'lend' : 'discard'
    }
  }

  end(): void {
    switch (this.#type) {
      case PduType.c2hData:
        this.#dataArrived(true)
        return
      case PduType.icResp:
        this.#initialized(this.#icResp!)
        return
      case PduType.c2hTermReq: {
        const { fes, fei } = this.#termReq!
        const facts = { fes, fei }
        this.fail(new BlockError('PROTOCOL', 'the controller terminated the connection', { facts }))
        return
      }
    }
  }

  dataDamaged(): void {
    this.#dataArrived(false)
  }

  fault(fault: PduFault | 'close', header: Uint8Array): void {
    this.#violated(fault, header)
  }

  // ── Initialize Connection ──

  #initialized(answer: IcResp): void {
    const fault = icRespFault(answer, this.#asked)
    if (fault !== undefined) {
      this.#violated(fault, NO_BYTES)
      return
    }
    this.#phase = 'open'
    this.#maxH2cData = answer.maxH2cData
    this.#stream.initialized(answer)
    this.#writer.initialized(answer)
    this.#events.opened(answer)
  }

  // ── Commands ──

  #refusal({ dataOut, dataIn }: NvmeRequest, count: number): BlockError | undefined {
    if (this.#phase !== 'open') return new BlockError('DISCONNECTED', 'the queue is not open')
    const { tasksMax } = this.#options
    if (this.#tasks.size + count > tasksMax) {
      return new BlockError('BUSY', `${this.#tasks.size} of ${tasksMax} commands are outstanding already`)
    }
    const outBytes = dataOut?.byteLength ?? 0
    const inBytes = dataIn?.byteLength ?? 0
    if (outBytes > 0 && inBytes > 0) {
      return new BlockError('INVALID_ARGUMENT', 'a command moves data in one direction')
    }
    if (outBytes > DATA_BYTES_MAX || inBytes > DATA_BYTES_MAX) {
      return new BlockError('INVALID_ARGUMENT', 'a command moves less than 4 GiB')
    }
    return undefined
  }

  #enqueue(request: NvmeRequest, handler: NvmeHandler): void {
    const timeoutMs = request.timeoutMs ?? this.#options.commandTimeoutMs
    const task = new Task(request, this.#nowMs + timeoutMs, handler)
    this.#tasks.add(task)
    if (this.#lastWaiting === undefined) this.#firstWaiting = task
    else this.#lastWaiting.next = task
    this.#lastWaiting = task
  }

  /** Sends what waits, as far as there is room; the two of a fused pair one behind the other. */
  #sendWaiting(): void {
    if (this.#phase !== 'open') return
    let task = this.#firstWaiting
    while (task !== undefined) {
      const needed = task.request.fuse === Fuse.first ? 2 : 1
      if (this.#outstanding + needed > this.#entries - 1) break
      const { next } = task
      task.next = undefined
      this.#send(task)
      task = next
    }
    this.#firstWaiting = task
    if (task === undefined) this.#lastWaiting = undefined
  }

  #send(task: Task): void {
    task.isSent = true
    this.#outstanding++
    writeCommand(this.#writer, task, this.#capsuleDataBytes)
  }

  #complete(task: Task, status: number, dw0: number, dw1: number): void {
    this.#tasks.remove(task)
    this.#outstanding--
    const isLost = task.isDamaged && status === 0
    task.handler.completed({
      status: isLost ? STATUS.TRANSIENT_TRANSPORT_ERROR : status,
      dw0,
      dw1,
      dataInBytes: task.dataInBytes,
    })
  }

  #sentTask(cid: number): Task | undefined {
    const task = this.#tasks.get(cid)
    return task?.isSent === true ? task : undefined
  }

  #response(view: DataView, cqeAt: number): void {
    const cid = view.getUint16(cqeAt + Cqe.at.cid, true)
    const task = this.#sentTask(cid)
    if (task === undefined) {
      const fault = { fes: FatalErrorStatus.invalidPduHeaderField, fei: ENTRY_OFFSET + Cqe.at.cid } as const
      this.#violated(fault, headerOf(view, cqeAt - ENTRY_OFFSET))
      return
    }
    const { status, dw0, dw1 } = decodeCqe(view, cqeAt)
    const isShort = task.dataInBytes > 0 && !task.isDataOver && status === 0
    if (isShort) this.#violated(OUT_OF_SEQUENCE, headerOf(view, cqeAt - ENTRY_OFFSET))
    else this.#complete(task, status, dw0, dw1)
  }

  #c2hData(view: DataView, offset: number): DataSink {
    const data = decodeC2hData(view, offset)
    const task = this.#sentTask(data.cccid)
    const fault = task === undefined ? BAD_CCCID : misplaced(task, data)
    if (task === undefined || fault !== undefined) {
      this.#violated(fault ?? BAD_CCCID, headerOf(view, offset))
      return 'discard'
    }
    this.#data = data
    this.#dataTask = task
    const { dataIn } = task
    return data.datal === dataIn.byteLength ? dataIn : dataIn.subarray(data.datao, data.datao + data.datal)
  }

  #dataArrived(isGood: boolean): void {
    const task = this.#dataTask!
    const { datal, last, success } = this.#data!
    this.#dataTask = undefined
    task.dataInBytes += datal
    if (!isGood) task.isDamaged = true
    if (last) task.isDataOver = true
    if (success) this.#complete(task, 0, 0, 0)
  }

  #r2t(view: DataView, offset: number): void {
    const { cccid, ttag, r2to, r2tl } = decodeR2t(view, offset)
    const task = this.#sentTask(cccid)
    let fault: PduFault | undefined
    if (task === undefined) fault = BAD_CCCID
    else if (r2tl === 0) fault = BAD_R2TL
    else if (r2to + r2tl > task.dataOut.byteLength) fault = OUT_OF_RANGE
    else if (r2to !== task.nextR2tOffset) fault = OUT_OF_SEQUENCE
    if (task === undefined || fault !== undefined) {
      this.#violated(fault ?? BAD_CCCID, headerOf(view, offset))
      return
    }
    writeData(this.#writer, task, { cccid, ttag, r2to, r2tl }, this.#maxH2cData)
  }

  /** Tells the controller what it did, and ends the queue. */
  #violated(fault: PduFault | 'close', header: Uint8Array): void {
    if (fault !== 'close') {
      const at = this.#writer.begin(PduType.h2cTermReq)
      encodeTermReq(this.#writer.view, at, PduType.h2cTermReq, fault)
      this.#writer.end(header)
    }
    const facts = fault === 'close' ? {} : { fes: fault.fes, fei: fault.fei, pdu: this.#type }
    this.fail(new BlockError('PROTOCOL', 'the controller sent what the protocol does not allow', { facts }))
  }
}

/** Data comes in order, and never beyond what the host has room for. */
function misplaced(task: Task, { datao, datal }: C2hData): PduFault | undefined {
  if (datao + datal > task.dataIn.byteLength) return OUT_OF_RANGE
  return datao === task.dataInBytes && !task.isDataOver ? undefined : OUT_OF_SEQUENCE
}

const headerOf = (view: DataView, offset: number): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset + offset, HEADER_BYTES[view.getUint8(offset) as PduType])
