/**
 * One TCP connection of the target: bytes in, through the parser, to Initialize Connection and then to the queue; what
 * they say out, once per turn. The only place that knows both sockets and protocol.
 *
 *     initialize ──ICReq──▶ handshake ──Connect, authentication──▶ ready ──▶ ended
 *          └────────────────────┴─────────────────────────────────────────────▲
 *
 * Always true: when the socket takes no more, nothing more is read; an ended connection holds no place in the limits, and
 * its queue has nothing under way once `ended` has resolved.
 */
import type { BufferPool } from '../../base/buffer-pool.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock, Timer } from '../../base/ports/clock.ts'
import type { Connection, ConnectionHandlers } from '../../base/ports/net.ts'
import { KIB } from '../../base/units.ts'
import type { ByteBudget } from '../../frontend/byte-budget.ts'
import { hostOf, type LoginLimiter } from '../../frontend/login-limiter.ts'
import type { AdminResult } from '../controller/admin-types.ts'
import { ADMIN_CAPSULE_BYTES, TRANSFER_BYTES_MAX } from '../controller/capabilities.ts'
import { CommonHeader } from '../pdu/common-header.ts'
import { decodeIcReq, encodeIcResp, type IcReq, icReqFault, PDU_FORMAT_VERSION } from '../pdu/initialize.ts'
import { type DataSink, type PduHandler, PduStream } from '../pdu/stream.ts'
import { decodeTermReq, encodeTermReq } from '../pdu/term-req.ts'
import { alignmentBytesOf, type PduFault, PduType } from '../pdu/types.ts'
import { PduWriter } from '../pdu/writer.ts'
import type { Associations, QueueConnection } from './associations.ts'
import type { AuthenticationGate } from './authentication-gate.ts'
import type { Command } from './command.ts'
import type { NvmeTargetLimits } from './limits.ts'
import { Queue } from './queue.ts'
import type { QueueHost } from './queue-types.ts'

/** What the target gives each of its connections. */
export interface ConnectionContext {
  readonly clock: Clock
  readonly pool: BufferPool
  readonly budget: ByteBudget
  readonly logger: Logger
  readonly limits: NvmeTargetLimits
  readonly limiter: LoginLimiter
  readonly associations: Associations
  /** The handshake is over, well or not. */
  handshakeEnded(connection: NvmeConnection): void
  /** The connection is gone, and nothing of it is under way. */
  ended(connection: NvmeConnection): void
}

/** Output that leaves although more commands of the same chunk are to come: the host can work on it meanwhile. */
const EAGER_BYTES = 1024 * KIB
/** CPDA: data comes where its header ends, or at a multiple of 4. */
const CONTROLLER_ALIGNMENT = 0
const NO_BYTES = new Uint8Array(0)

export class NvmeConnection implements PduHandler, ConnectionHandlers, QueueHost, QueueConnection {
  readonly #connection: Connection
  readonly #context: ConnectionContext
  readonly #stream: PduStream
  readonly #writer: PduWriter
  readonly #timer: Timer
  readonly queue: Queue
  gate: AuthenticationGate | undefined
  refusals = 0
  #phase: 'initialize' | 'handshake' | 'ready' | 'ended' = 'initialize'
  #request: IcReq | undefined
  /** Output is flushed when the present turn's work is done; `wake` has nothing to do. */
  #flushing = false
  #paused = false
  #pausedTicks = 0
  #isEnding = false
  /** The TermReq is out. */
  #isTerminated = false
  #finishing = false
  /** Chunks that came so far. */
  #chunks = 0
  readonly #ended: Promise<void>
  readonly #resolveEnded: () => void

  constructor(connection: Connection, context: ConnectionContext) {
    this.#connection = connection
    this.#context = context
    const { clock, limits, pool, budget } = context
    this.#stream = new PduStream(this, {
      side: 'controller',
      alignmentBytes: alignmentBytesOf(CONTROLLER_ALIGNMENT),
      capsuleDataBytesMax: ADMIN_CAPSULE_BYTES,
      transferBytesMax: TRANSFER_BYTES_MAX,
    })
    this.#writer = new PduWriter(pool)
    this.queue = new Queue({
      writer: this.#writer,
      pool,
      budget,
      queueBytesMax: limits.connectionBytesMax,
      adminBytesMax: limits.adminBytesMax,
      capsuleBytesMax: limits.capsuleBytesMax,
      dataTimeoutSeconds: limits.dataTimeoutSeconds,
      host: this,
    })
    this.#timer = clock.after(limits.handshakeTimeoutMs, () => this.#cut('the handshake takes too long'))
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#ended = promise
    this.#resolveEnded = resolve
    connection.start(this)
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress
  }

  get localAddress(): string {
    return this.#connection.localAddress
  }

  /** Chunks that came: for who waits until it is read empty. */
  get chunks(): number {
    return this.#chunks
  }

  /** Nothing of a PDU is held, and what comes is read. */
  get isBetweenPdus(): boolean {
    return !this.#paused && !this.#stream.isWithinPdu
  }

  get isEnded(): boolean {
    return this.#phase === 'ended'
  }

  // ── What the socket tells ──

  data(chunk: Uint8Array): void {
    this.#chunks++
    this.#flushing = true
    this.#stream.push(chunk)
    this.#flushing = false
    this.#flush()
  }

  drain(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#pausedTicks = 0
    this.#connection.resume()
  }

  closed(error: Error | undefined): void {
    if (error !== undefined && this.#phase !== 'ended') this.#log('nvme.connection_lost', error.message)
    this.#toEnded()
  }

  // ── What the parser tells ──

  header(view: DataView, offset: number, dataBytes: number): DataSink {
    switch (view.getUint8(offset)) {
      case PduType.icReq:
        this.#request = decodeIcReq(view, offset)
        return 'discard'
      case PduType.h2cTermReq: {
        const { fes, fei } = decodeTermReq(view, offset)
        this.#cut(`the host ended the connection: status ${fes}, information ${fei}`)
        return 'discard'
      }
      default:
        return this.queue.header(view, offset, dataBytes)
    }
  }

  end(): void {
    if (this.#request !== undefined) {
      const request = this.#request
      this.#request = undefined
      this.#initialize(request)
      return
    }
    this.queue.end()
    if (this.#writer.pendingBytes >= EAGER_BYTES) this.#flush()
  }

  dataDamaged(): void {
    this.queue.dataDamaged()
  }

  fault(fault: PduFault | 'close', viewOrHeader: DataView | Uint8Array, offset = 0): void {
    if (fault === 'close') {
      this.#cut('the host sent what is no PDU')
      return
    }
    const header = viewOrHeader instanceof DataView ? headerOf(viewOrHeader, offset) : viewOrHeader
    const at = this.#writer.begin(PduType.c2hTermReq)
    encodeTermReq(this.#writer.view, at, PduType.c2hTermReq, fault)
    this.#writer.end(header)
    // A TermReq is the last PDU: what commands still under way say after it goes nowhere.
    this.#flush()
    this.#isTerminated = true
    this.endAfterOutput(`the host broke the protocol: status ${fault.fes}, information ${fault.fei}`)
  }

  #initialize(request: IcReq): void {
    const fault = icReqFault(request)
    if (fault !== undefined) {
      this.fault(fault, NO_BYTES)
      return
    }
    const { headerDigest, dataDigest, dataAlignment } = request
    const at = this.#writer.begin(PduType.icResp)
    encodeIcResp(this.#writer.view, at, {
      pfv: PDU_FORMAT_VERSION,
      dataAlignment: CONTROLLER_ALIGNMENT,
      headerDigest,
      dataDigest,
      maxH2cData: TRANSFER_BYTES_MAX,
    })
    this.#writer.end()
    this.#writer.initialized({ headerDigest, dataDigest, dataAlignment })
    this.#stream.initialized({ headerDigest, dataDigest })
    this.#phase = 'handshake'
  }

  // ── What the queue asks for ──

  wake(): void {
    if (this.#flushing) return
    this.#flushing = true
    queueMicrotask(this.#flushTurn)
  }

  nowMs(): number {
    return this.#context.clock.monotonicMs()
  }

  execute(command: Command): AdminResult | Promise<AdminResult> | 'parked' {
    return this.#context.associations.execute(command, this)
  }

  reset(reason: string): Promise<void> {
    this.#cut(reason)
    return this.#ended
  }

  // ── What Connect asks for ──

  ready(): void {
    if (this.#phase !== 'handshake') return
    this.#phase = 'ready'
    this.#timer.cancel()
    this.#context.handshakeEnded(this)
  }

  authenticationFailed(): void {
    this.#context.limiter.failed(hostOf(this.remoteAddress))
    this.#log('nvme.authentication_failed')
    // The host asks for the reason yet; one that is used already has no time for that.
    if (this.#phase === 'ready') this.#context.clock.after(0, () => this.#cut('authentication failed'))
  }

  setCapsuleBytes(bytes: number): void {
    this.#stream.setLimits({ capsuleDataBytesMax: bytes })
  }

  endAfterOutput(reason: string): void {
    if (this.#phase === 'ended' || this.#isEnding) return
    this.#isEnding = true
    this.#log('nvme.connection_ending', reason)
    this.#stream.stop()
    // What is said in this turn goes out first.
    queueMicrotask(() => {
      if (this.#phase === 'ended') return
      this.#flush()
      this.#connection.end()
    })
  }

  /** Once a second. Whoever is not read because he does not read has time of another kind. */
  tick(): void {
    if (this.#phase !== 'ready') return
    if (!this.#paused) this.queue.tick()
    else if (++this.#pausedTicks > this.#context.limits.outputStallSeconds) {
      this.#cut('the host does not take its answers')
    }
  }

  // ── Output and end ──

  readonly #flushTurn = (): void => {
    this.#flushing = false
    this.#flush()
  }

  #flush(): void {
    if (this.#phase === 'ended' || this.#writer.pendingBytes === 0) return
    if (this.#isTerminated) {
      this.#writer.discard()
      return
    }
    const batch = this.#writer.take()
    const isTaken = this.#connection.write(batch.buffers, batch.written)
    if (isTaken || this.#paused || this.#isEnding) return
    this.#paused = true
    this.#connection.pause()
  }

  /** Ends the connection now; what is queued is lost. */
  #cut(reason: string): void {
    if (this.#phase === 'ended') return
    this.#log('nvme.connection_cut', reason)
    this.#connection.destroy()
    this.#toEnded()
  }

  #toEnded(): void {
    this.#stream.stop()
    const isHandshake = this.#phase === 'initialize' || this.#phase === 'handshake'
    this.#phase = 'ended'
    this.#timer.cancel()
    if (isHandshake) this.#context.handshakeEnded(this)
    void this.#finish()
  }

  async #finish(): Promise<void> {
    if (this.#finishing) return
    this.#finishing = true
    this.#context.associations.lost(this)
    await this.queue.close()
    this.#writer.discard()
    this.#context.associations.gone(this)
    this.#resolveEnded()
    this.#context.ended(this)
  }

  #log(event: string, reason?: string): void {
    const { attachment } = this.queue
    this.#context.logger.info(event, {
      address: this.remoteAddress,
      host: attachment?.controller.hostNqn,
      controllerId: attachment?.controller.id,
      queueId: attachment?.queueId,
      reason,
    })
  }
}

/** The header at `offset`, as its HLEN says. */
function headerOf(view: DataView, offset: number): Uint8Array {
  const lengthBytes = view.getUint8(offset + CommonHeader.at.hlen)
  return new Uint8Array(view.buffer, view.byteOffset + offset, lengthBytes)
}
