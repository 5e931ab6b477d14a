/**
 * A connection to a target without a session behind it: for conformance tests, which send what no initiator
 * would. It frames PDUs and pads and digests data segments; every other byte is the caller's. What the target
 * sends waits in order until it is asked for; nothing is answered by itself.
 */
import { viewOf } from '../../base/binary.ts'
import { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Connection, Net } from '../../base/ports/net.ts'
import { dataSegmentLength } from '../pdu/bhs.ts'
import { decodeTargetPdu, type MalformedPdu, type TargetPdu } from '../pdu/decode.ts'
import { encodeLoginRequest } from '../pdu/login.ts'
import { BHS_BYTES, Opcode } from '../pdu/opcodes.ts'
import { PduStream } from '../pdu/stream.ts'
import { PduWriter } from '../pdu/writer.ts'
import { InitiatorLogin, type LoginOptions, type LoginResult } from './login.ts'

/** One PDU as it came. */
export interface ReceivedPdu {
  readonly pdu: TargetPdu | MalformedPdu
  /** The 48 bytes of the basic header. */
  readonly header: Uint8Array
  readonly data: Uint8Array
}

const SEGMENT_BYTES_MAX = 2 ** 24 - 1
const EMPTY = new Uint8Array(0)

export class RawConnection {
  readonly #connection: Connection
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #stream: PduStream
  readonly #writer = new PduWriter(new BufferPool())
  readonly #received: ReceivedPdu[] = []
  readonly #waiting: ((pdu: ReceivedPdu | undefined) => void)[] = []
  readonly #closed = Promise.withResolvers<void>()
  #isClosed = false

  private constructor(connection: Connection, options: { clock: Clock; timeoutMs: number }) {
    this.#connection = connection
    this.#clock = options.clock
    this.#timeoutMs = options.timeoutMs
    let header: Uint8Array = EMPTY
    this.#stream = new PduStream(
      {
        header: (view, offset) => {
          header = new Uint8Array(view.buffer, view.byteOffset + offset, BHS_BYTES).slice()
          return new Uint8Array(dataSegmentLength(view, offset))
        },
        end: (data) => this.#deliver({ pdu: decodeTargetPdu(viewOf(header), 0), header, data }),
        fault: () => this.#connection.destroy(),
      },
      { dataSegmentBytesMax: SEGMENT_BYTES_MAX, ahsBytesMax: 0 },
    )
    connection.start({
      data: (chunk) => this.#stream.push(chunk),
      drain: () => undefined,
      closed: () => {
        this.#isClosed = true
        for (const resolve of this.#waiting.splice(0)) resolve(undefined)
        this.#closed.resolve()
      },
    })
  }

  static async connect(options: {
    net: Net
    clock: Clock
    host: string
    port: number
    /** How long `next` waits; 5 s when absent. */
    timeoutMs?: number
  }): Promise<RawConnection> {
    const { net, clock, host, port, timeoutMs = 5_000 } = options
    return new RawConnection(await net.connect({ host, port, timeoutMs }), { clock, timeoutMs })
  }

  /** From the next PDU on, both ways. */
  setDigests(digests: { header: boolean; data: boolean }): void {
    this.#stream.setDigests(digests)
    this.#writer.setDigests(digests)
  }

  /**
   * Sends one PDU: `encode` writes the header (and `ahsBytes` of additional headers) at the offset it is given.
   * `data` goes with it whatever length the header says.
   */
  send(
    encode: (view: DataView, offset: number) => void,
    data: Uint8Array = EMPTY,
    options: { ahsBytes?: number } = {},
  ): void {
    const at = this.#writer.begin(options.ahsBytes)
    encode(this.#writer.view, at)
    this.#writer.end(data)
    const batch = this.#writer.take()
    this.#connection.write(batch.buffers, batch.written)
  }

  /** Sends bytes as they are. */
  sendBytes(bytes: Uint8Array): void {
    this.#connection.write([bytes])
  }

  /** The next PDU. DISCONNECTED when the target closes the connection instead, or stays silent. */
  async next(): Promise<ReceivedPdu> {
    const pdu = await this.nextOrClosed()
    if (pdu === undefined) throw new BlockError('DISCONNECTED', 'the target closed the connection')
    return pdu
  }

  /** The next PDU, or undefined when the target closes the connection instead. */
  async nextOrClosed(): Promise<ReceivedPdu | undefined> {
    const received = this.#received.shift()
    if (received !== undefined || this.#isClosed) return received
    return await new Promise((resolve, reject) => {
      const arrived = (pdu: ReceivedPdu | undefined): void => {
        timer.cancel()
        resolve(pdu)
      }
      const timer = this.#clock.after(this.#timeoutMs, () => {
        this.#waiting.splice(this.#waiting.indexOf(arrived), 1)
        reject(new BlockError('DISCONNECTED', `the target sent nothing for ${this.#timeoutMs} ms`))
      })
      this.#waiting.push(arrived)
    })
  }

  /** Logs in as an initiator does, and switches to the digests that were agreed. */
  async login(options: LoginOptions): Promise<LoginResult> {
    const login = new InitiatorLogin(options)
    let step = login.first()
    while (step.kind === 'send') {
      const { request, data } = step
      this.send((view, offset) => encodeLoginRequest(view, offset, request), data)
      const { pdu, data: answer } = await this.next()
      if (pdu.opcode !== Opcode.loginResponse) {
        throw new BlockError('PROTOCOL', 'something else than a Login Response during the login')
      }
      step = login.receive(pdu, answer)
    }
    if (step.kind === 'failed') throw step.error
    if (step.kind === 'redirect') throw new BlockError('PROTOCOL', 'the target moved')
    const { headerDigest: header, dataDigest: data } = step.result.parameters
    this.setDigests({ header, data })
    return step.result
  }

  /** Resolves when the connection is gone, by whichever side. */
  get closed(): Promise<void> {
    return this.#closed.promise
  }

  close(): void {
    this.#connection.destroy()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #deliver(pdu: ReceivedPdu): void {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#received.push(pdu)
    else waiting(pdu)
  }
}
