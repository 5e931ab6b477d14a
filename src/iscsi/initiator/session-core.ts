/**
 * An initiator's session with one connection, as a pure core: bytes and commands in, bytes and completions out.
 * It knows no socket and no clock; the shell hands in chunks, takes batches, and says what time it is.
 *
 *     login ──▶ full ──▶ ended
 *       └──────────────────▲       (logged out, refused, redirected, error, connection lost)
 *
 * Always true: each handler is called exactly once; a command that is not immediate leaves only inside the
 * target's window, others wait in order; the data of a command goes straight between the wire and the caller's
 * buffer; what a target must not send ends the session with PROTOCOL, for at ErrorRecoveryLevel 0 there is
 * nothing else to fall back on.
 */
import type { HostPort } from '../../base/address.ts'
import type { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError } from '../../base/errors.ts'
import type { AsyncMessage } from '../pdu/async-message.ts'
import { decodeTargetPdu, type MalformedPdu, type TargetPdu } from '../pdu/decode.ts'
import { encodeLoginRequest } from '../pdu/login.ts'
import { Opcode, RESERVED_TAG } from '../pdu/opcodes.ts'
import { type DataSink, type PduHandler, PduStream, type StreamFault } from '../pdu/stream.ts'
import { type Batch, PduWriter } from '../pdu/writer.ts'
import type { CommandHandler, CommandRequest } from './command.ts'
import { FullFeature, type FullFeatureOptions, type SessionEnd } from './full-feature.ts'
import { InitiatorLogin, type LoginOptions, type LoginResult, type LoginStep } from './login.ts'

interface SessionEvents {
  loggedIn(result: LoginResult): void
  /** The target lives elsewhere; the session is over. */
  redirected(address: HostPort, permanent: boolean): void
  /** Any Asynchronous Message, before the core does its part. `data` is lent for the call. */
  asyncMessage(message: AsyncMessage, data: Uint8Array): void
  /** Called once, last: after a logout without, else with the error that every outstanding command got. */
  ended(error: BlockError | undefined): void
}

export interface SessionCoreOptions extends FullFeatureOptions {
  readonly login: LoginOptions
  readonly pool: BufferPool
  readonly events: SessionEvents
}

/** MaxRecvDataSegmentLength before anything was declared (RFC 7143 §13.12). */
const LOGIN_SEGMENT_BYTES_MAX = 8192
/** A target has no use for additional headers. */
const AHS_BYTES_MAX = 0

export class SessionCore implements PduHandler {
  readonly #options: SessionCoreOptions
  readonly #login: InitiatorLogin
  readonly #stream: PduStream
  readonly #writer: PduWriter
  /** Undefined while logging in. */
  #full: FullFeature | undefined
  #pdu: TargetPdu | MalformedPdu | undefined
  #nowMs = 0
  #isEnded = false

  constructor(options: SessionCoreOptions) {
    this.#options = options
    this.#login = new InitiatorLogin(options.login)
    this.#writer = new PduWriter(options.pool)
    const limits = { dataSegmentBytesMax: LOGIN_SEGMENT_BYTES_MAX, ahsBytesMax: AHS_BYTES_MAX }
    this.#stream = new PduStream(this, limits)
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Commands and other requests that are not over. */
  get outstanding(): number {
    return this.#full?.outstanding ?? 0
  }

  /** Whether `tick` has to be called while time goes by. */
  get needsTicks(): boolean {
    return !this.#isEnded && this.#full?.needsTicks === true
  }

  /** Bytes that `take` would give. */
  get pendingBytes(): number {
    return this.#writer.pendingBytes
  }

  /** Writes the first request of the login. */
  start(): void {
    this.#step(this.#login.first())
  }

  /** Takes the next bytes of the connection; `chunk` is lent for the call. */
  push(chunk: Uint8Array): void {
    this.#full?.heard()
    this.#stream.push(chunk)
    this.#full?.sendWaiting()
  }

  /**
   * Begins a command; returns its task tag, or `RESERVED_TAG` when it failed at once (the handler was told).
   * It leaves with the next `take`, or later when the window is closed.
   */
  submit(request: CommandRequest, handler: CommandHandler): number {
    if (this.#isEnded || this.#full === undefined) {
      handler.failed(new BlockError('DISCONNECTED', 'the session is not open'))
      return RESERVED_TAG
    }
    return this.#full.submit(request, handler)
  }

  /** The full feature phase, for the requests that are not commands; undefined before and after it. */
  get full(): FullFeature | undefined {
    return this.#isEnded ? undefined : this.#full
  }

  /** Takes the time, in milliseconds of a clock that never goes back. */
  tick(nowMs: number): void {
    this.#nowMs = nowMs
    const end = this.full?.tick(nowMs)
    if (end !== undefined) this.#end(end)
  }

  /** What has to be sent now. */
  take(): Batch {
    this.full?.sendWaiting()
    return this.#writer.take()
  }

  /** The connection is gone, or is given up: everything outstanding fails. */
  lost(error: BlockError): void {
    this.#end({ error })
  }

  header(view: DataView, offset: number): DataSink {
    const pdu = decodeTargetPdu(view, offset)
    this.#pdu = pdu
    return pdu.opcode === 'malformed' || this.#full === undefined ? 'lend' : this.#full.sink(pdu)
  }

  end(data: Uint8Array): void {
    const pdu = this.#pdu!
    if (pdu.opcode === 'malformed') {
      this.#violated(`opcode 0x${pdu.receivedOpcode.toString(16)} is none of a target`)
    } else if (this.#full !== undefined) {
      const end = this.#full.receive(pdu, data)
      if (end !== undefined) this.#end(end)
    } else if (pdu.opcode === Opcode.loginResponse) this.#step(this.#login.receive(pdu, data))
    else this.#violated(`opcode 0x${pdu.opcode.toString(16)} during the login`)
  }

  fault(fault: StreamFault): void {
    this.#violated(fault)
  }

  #step(step: LoginStep): void {
    switch (step.kind) {
      case 'send': {
        const at = this.#writer.begin()
        encodeLoginRequest(this.#writer.view, at, step.request)
        this.#writer.end(step.data)
        return
      }
      case 'done':
        this.#loggedIn(step.result)
        return
      case 'redirect': {
        const { host, port } = step.address
        this.#options.events.redirected(step.address, step.permanent)
        this.#end({ error: new BlockError('DISCONNECTED', `the target moved to ${host} port ${port}`) })
        return
      }
      case 'failed':
        this.#end(step)
    }
  }

  #loggedIn(login: LoginResult): void {
    const { headerDigest: header, dataDigest: data, maxRecvDataSegmentLengthBytes } = login.parameters
    this.#stream.setDigests({ header, data })
    this.#stream.setLimits({
      dataSegmentBytesMax: maxRecvDataSegmentLengthBytes,
      ahsBytesMax: AHS_BYTES_MAX,
    })
    this.#writer.setDigests({ header, data })
    const { events, login: asked } = this.#options
    this.#full = new FullFeature(
      this.#options,
      { writer: this.#writer, login, cmdSn: asked.cmdSn, nowMs: this.#nowMs },
      (message, bytes) => events.asyncMessage(message, bytes),
    )
    events.loggedIn(login)
  }

  #violated(message: string): void {
    this.#end({ error: new BlockError('PROTOCOL', message) })
  }

  #end({ error }: SessionEnd): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#stream.stop()
    this.#full?.end(error ?? new BlockError('DISCONNECTED', 'the session was closed'))
    this.#options.events.ended(error)
  }
}
