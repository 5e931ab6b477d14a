/**
 * A connection to a controller without a host behind it: it sends what no host would. It frames PDUs and digests them;
 * every other byte is the caller's. What the controller sends waits in order until it is asked for; nothing is answered
 * by itself. What comes is checked by the parser of a host: a PDU that no controller may send fails the case.
 */
import { strict as assert } from 'node:assert'
import type { HostPort } from '../../../src/base/address.ts'
import { viewOf } from '../../../src/base/binary.ts'
import { BufferPool } from '../../../src/base/buffer-pool.ts'
import type { Clock } from '../../../src/base/ports/clock.ts'
import type { Connection, Net } from '../../../src/base/ports/net.ts'
import { PSDT_SGL, SglIdentifier, Sqe } from '../../../src/nvme/commands.ts'
import { beginCapsuleCmd, ENTRY_OFFSET } from '../../../src/nvme/pdu/capsule.ts'
import { HEADER_BYTES, pduTypeOf } from '../../../src/nvme/pdu/common-header.ts'
import { decodeIcResp, encodeIcReq, type IcReq, type IcResp } from '../../../src/nvme/pdu/initialize.ts'
import { PduStream } from '../../../src/nvme/pdu/stream.ts'
import { decodeTermReq } from '../../../src/nvme/pdu/term-req.ts'
import { encodeH2cData, type H2cData } from '../../../src/nvme/pdu/transfer.ts'
import { alignmentBytesOf, PduType } from '../../../src/nvme/pdu/types.ts'
import { PduWriter } from '../../../src/nvme/pdu/writer.ts'

/** One PDU as it came. */
export interface Pdu {
  readonly type: number
  readonly flags: number
  /** Offset of the data, as the PDU says. */
  readonly pdo: number
  readonly header: DataView
  readonly data: Uint8Array
}

/** A submission queue entry, field by field; a sane one where nothing is said. */
export interface Entry {
  readonly opcode: number
  readonly flags?: number
  readonly cid?: number
  readonly nsid?: number
  readonly fctype?: number
  readonly cdw2?: number
  readonly cdw3?: number
  readonly sgl?: { readonly identifier: number; readonly lengthBytes: number; readonly offset?: number }
  readonly cdw10?: number
  readonly cdw11?: number
  readonly cdw12?: number
  readonly cdw13?: number
  readonly cdw14?: number
  readonly cdw15?: number
  /** In-capsule data. Its descriptor is made when `sgl` says nothing. */
  readonly capsuleData?: Uint8Array
}

export const IC_REQ: IcReq = { pfv: 0, dataAlignment: 0, headerDigest: false, dataDigest: false, maxR2t: 0 }

const EMPTY = new Uint8Array(0)
const ANSWER_MS = 5_000
const DATA_BYTES_MAX = 2 ** 31

export class RawConnection {
  readonly #connection: Connection
  readonly #clock: Clock
  readonly #stream: PduStream
  readonly #writer = new PduWriter(new BufferPool())
  readonly #received: Pdu[] = []
  readonly #waiting: ((pdu: Pdu | undefined) => void)[] = []
  readonly #closed = Promise.withResolvers<void>()
  #isClosed = false
  #violation: string | undefined
  #nextCid = 1

  private constructor(connection: Connection, clock: Clock) {
    this.#connection = connection
    this.#clock = clock
    let header: Uint8Array = EMPTY
    const options = { capsuleDataBytesMax: 0, transferBytesMax: DATA_BYTES_MAX }
    this.#stream = new PduStream(
      {
        header: (view, offset, dataBytes) => {
          const length = HEADER_BYTES[pduTypeOf(view, offset) as PduType]
          header = new Uint8Array(view.buffer, view.byteOffset + offset, length).slice()
          return new Uint8Array(dataBytes)
        },
        end: (data) => this.#deliver(header, data),
        dataDamaged: () => this.#violated('a data digest is wrong'),
        fault: (fault) =>
          this.#violated(fault === 'close' ? 'a TermReq of a wrong length' : JSON.stringify(fault)),
      },
      { side: 'host', alignmentBytes: alignmentBytesOf(0), ...options },
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

  static async open(net: Net, clock: Clock, portal: HostPort): Promise<RawConnection> {
    return new RawConnection(await net.connect({ ...portal, timeoutMs: ANSWER_MS }), clock)
  }

  /** Exchanges Initialize Connection; both sides use from then on what was agreed. */
  async initialize(wish: Partial<IcReq> = {}): Promise<IcResp> {
    const asked = { ...IC_REQ, ...wish }
    this.send(PduType.icReq, (view, at) => encodeIcReq(view, at, asked))
    const answer = await this.next(PduType.icResp)
    const agreed = decodeIcResp(answer.header, 0)
    this.#stream.initialized(agreed)
    this.#stream.setLimits({ alignmentBytes: alignmentBytesOf(asked.dataAlignment) })
    this.#writer.initialized(agreed)
    return agreed
  }

  /** Sends one PDU; `encode` writes the header at the offset it is given. `change` has the last word over its bytes. */
  send(
    type: PduType,
    encode: (view: DataView, at: number) => void,
    data: Uint8Array = EMPTY,
    change?: (pdu: Buffer) => void,
  ): void {
    const at = this.#writer.begin(type)
    encode(this.#writer.view, at)
    this.#writer.end(data)
    const batch = this.#writer.take()
    if (change === undefined) {
      this.#connection.write(batch.buffers, batch.written)
      return
    }
    const whole = Buffer.concat(batch.buffers)
    batch.written()
    change(whole)
    this.sendBytes(whole)
  }

  sendBytes(bytes: Uint8Array): void {
    this.#connection.write([bytes])
  }

  /** Sends a command capsule; returns its CID. */
  capsule(entry: Entry, change?: (pdu: Buffer) => void): number {
    const { capsuleData = EMPTY } = entry
    const cid = entry.cid ?? this.takeCid()
    const encode = (view: DataView, at: number): void => {
      beginCapsuleCmd(view, at)
      writeEntry(view, at + ENTRY_OFFSET, { ...entry, cid })
    }
    this.send(PduType.capsuleCmd, encode, capsuleData, change)
    return cid
  }

  h2cData(fields: Partial<H2cData>, data: Uint8Array, change?: (pdu: Buffer) => void): void {
    const pdu = { last: true, cccid: 0, ttag: 0, datao: 0, datal: data.byteLength, ...fields }
    this.send(PduType.h2cData, (view, at) => encodeH2cData(view, at, pdu), data, change)
  }

  takeCid(): number {
    const cid = this.#nextCid
    this.#nextCid = this.#nextCid === 0xfffe ? 1 : this.#nextCid + 1
    return cid
  }

  /** The next PDU, which is to be of this type. */
  async next(type?: number): Promise<Pdu> {
    const pdu = await this.nextOrClosed()
    assert(pdu !== undefined, 'the controller closed the connection')
    if (type !== undefined) {
      const { header } = pdu
      const said = pdu.type === PduType.c2hTermReq ? ` (${JSON.stringify(decodeTermReq(header, 0))})` : ''
      assert.equal(pdu.type, type, `PDU of type ${pdu.type}${said} instead of ${type}`)
    }
    return pdu
  }

  /** The next PDU, or undefined when the controller closes the connection instead. */
  async nextOrClosed(): Promise<Pdu | undefined> {
    if (this.#violation !== undefined) assert.fail(this.#violation)
    const received = this.#received.shift()
    if (received !== undefined || this.#isClosed) return received
    const pdu = await new Promise<Pdu | undefined>((resolve, reject) => {
      const arrived = (one: Pdu | undefined): void => {
        timer.cancel()
        resolve(one)
      }
      const timer = this.#clock.after(ANSWER_MS, () => {
        this.#waiting.splice(this.#waiting.indexOf(arrived), 1)
        reject(new Error(`the controller sent nothing for ${ANSWER_MS} ms`))
      })
      this.#waiting.push(arrived)
    })
    if (this.#violation !== undefined) assert.fail(this.#violation)
    return pdu
  }

  /** PDUs that came and were not asked for. */
  get pending(): number {
    return this.#received.length
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** The controller terminates the connection for this reason, or for one of these. */
  async terminated(fes: number | readonly number[], fei?: number): Promise<void> {
    const pdu = await this.nextOrClosed()
    assert(pdu !== undefined, 'the connection was closed without a TermReq')
    assert.equal(pdu.type, PduType.c2hTermReq, `PDU of type ${pdu.type} instead of a TermReq`)
    const said = decodeTermReq(pdu.header, 0)
    const reasons = typeof fes === 'number' ? [fes] : fes
    const wanted = `${reasons.join(' or ')}, information ${fei ?? 'any'}`
    const isThere = reasons.includes(said.fes) && (fei === undefined || fei === said.fei)
    assert(isThere, `a TermReq with status ${said.fes}, information ${said.fei} instead of ${wanted}`)
    this.close()
  }

  /** The controller closes the connection, and says nothing more. */
  async closedSilently(): Promise<void> {
    const pdu = await this.nextOrClosed()
    assert.equal(pdu?.type, undefined, 'a PDU came instead of the end of the connection')
  }

  /** Resolves when the connection is gone. */
  get closed(): Promise<void> {
    return this.#closed.promise
  }

  close(): void {
    this.#connection.destroy()
  }

  #deliver(bytes: Uint8Array, data: Uint8Array): void {
    const header = viewOf(bytes)
    const pdu = { type: bytes[0]!, flags: bytes[1]!, pdo: bytes[3]!, header, data }
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#received.push(pdu)
    else waiting(pdu)
  }

  #violated(what: string): void {
    this.#violation = `the controller sent what no host can take: ${what}`
    this.#connection.destroy()
  }
}

function writeEntry(view: DataView, at: number, entry: Entry & { cid: number }): void {
  const { capsuleData = EMPTY } = entry
  const dataBytes = capsuleData.byteLength
  const identifier = dataBytes > 0 ? SglIdentifier.inCapsule : SglIdentifier.transport
  const sgl = entry.sgl ?? { identifier, lengthBytes: dataBytes }
  for (let i = 0; i < 64; i += 4) view.setUint32(at + i, 0)
  view.setUint8(at, entry.opcode)
  view.setUint8(at + Sqe.at.flags, entry.flags ?? PSDT_SGL)
  view.setUint16(at + Sqe.at.cid, entry.cid, true)
  view.setUint32(at + Sqe.at.nsid, entry.fctype ?? entry.nsid ?? 0, true)
  view.setUint32(at + Sqe.at.cdw2, entry.cdw2 ?? 0, true)
  view.setUint32(at + Sqe.at.cdw3, entry.cdw3 ?? 0, true)
  view.setUint32(at + Sqe.at.sgl1, sgl.offset ?? 0, true)
  view.setUint32(at + Sqe.at.sgl1 + 8, sgl.lengthBytes, true)
  view.setUint8(at + Sqe.at.sgl1 + 15, sgl.identifier)
  view.setUint32(at + Sqe.at.cdw10, entry.cdw10 ?? 0, true)
  view.setUint32(at + Sqe.at.cdw11, entry.cdw11 ?? 0, true)
  view.setUint32(at + Sqe.at.cdw12, entry.cdw12 ?? 0, true)
  view.setUint32(at + Sqe.at.cdw13, entry.cdw13 ?? 0, true)
  view.setUint32(at + Sqe.at.cdw14, entry.cdw14 ?? 0, true)
  view.setUint32(at + Sqe.at.cdw15, entry.cdw15 ?? 0, true)
}
