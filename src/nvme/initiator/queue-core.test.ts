import { describe, expect, it } from 'vitest'
import { BufferPool } from '../../base/buffer-pool.ts'
import type { BlockError } from '../../base/errors.ts'
import { encodeCqe, Fuse, IoOpcode, SglIdentifier, sglIdentifierOf, sglLengthOf } from '../commands.ts'
import { beginCapsuleResp, ENTRY_OFFSET } from '../pdu/capsule.ts'
import { HEADER_BYTES, pduTypeOf } from '../pdu/common-header.ts'
import { decodeIcReq, encodeIcResp, type IcResp } from '../pdu/initialize.ts'
import { PduStream } from '../pdu/stream.ts'
import { decodeTermReq, encodeTermReq } from '../pdu/term-req.ts'
import { type C2hData, decodeH2cData, encodeC2hData, encodeR2t, type R2t } from '../pdu/transfer.ts'
import { alignmentBytesOf, PduType } from '../pdu/types.ts'
import { PduWriter } from '../pdu/writer.ts'
import { STATUS } from '../status.ts'
import type { NvmeRequest, NvmeResult } from './command.ts'
import { QueueCore, type QueueOptions } from './queue-core.ts'

const OPTIONS: QueueOptions = {
  entries: 4,
  tasksMax: 16,
  commandTimeoutMs: 1000,
  headerDigest: false,
  dataDigest: false,
  capsuleDataBytes: 4096,
}
const AGREED: IcResp = {
  pfv: 0,
  dataAlignment: 0,
  headerDigest: false,
  dataDigest: false,
  maxH2cData: 8192,
}

interface Seen {
  readonly type: number
  readonly header: DataView
  readonly data: Uint8Array
}

/** A host's queue, and a controller that says what the test wants. */
class Bench {
  readonly pool = new BufferPool()
  readonly core: QueueCore
  readonly sent: Seen[] = []
  readonly ends: (NvmeResult | BlockError)[] = []
  ended: BlockError | undefined
  readonly #writer = new PduWriter(new BufferPool())
  readonly #stream: PduStream

  constructor(options: Partial<QueueOptions> = {}, answer: IcResp | undefined = AGREED) {
    this.core = new QueueCore(
      this.pool,
      { ...OPTIONS, ...options },
      {
        opened: () => undefined,
        ended: (error) => {
          this.ended = error
        },
      },
    )
    let header = new Uint8Array(0)
    this.#stream = new PduStream(
      {
        header: (view, offset, dataBytes) => {
          const bytes = HEADER_BYTES[pduTypeOf(view, offset) as PduType]
          header = new Uint8Array(view.buffer, view.byteOffset + offset, bytes).slice()
          return new Uint8Array(dataBytes)
        },
        end: (data) => this.sent.push({ type: header[0]!, header: new DataView(header.buffer), data }),
        dataDamaged: () => expect.fail(),
        fault: (fault) => expect.fail(JSON.stringify(fault)),
      },
      {
        side: 'controller',
        alignmentBytes: alignmentBytesOf(0),
        capsuleDataBytesMax: 8192,
        transferBytesMax: 8192,
      },
    )
    this.core.tick(0)
    this.core.start()
    this.pump()
    if (answer === undefined) return
    this.say(PduType.icResp, (view, at) => encodeIcResp(view, at, answer))
    this.#stream.initialized(answer)
    this.#writer.initialized(answer)
  }

  /** Reads what the host sent. */
  pump(): void {
    const batch = this.core.take()
    for (const buffer of batch.buffers) this.#stream.push(buffer)
    batch.written()
  }

  say(
    type: PduType,
    encode: (view: DataView, at: number) => void,
    data?: Uint8Array,
    change?: (pdu: Buffer) => void,
  ): void {
    const at = this.#writer.begin(type)
    encode(this.#writer.view, at)
    this.#writer.end(data)
    const batch = this.#writer.take()
    const pdu = Buffer.concat(batch.buffers)
    batch.written()
    change?.(pdu)
    this.core.push(pdu)
    this.pump()
  }

  submit(request: NvmeRequest): void {
    this.core.submit(request, this.#handler)
    this.pump()
  }

  submitFused(): void {
    const request = { opcode: IoOpcode.compare, nsid: 1, dataOut: new Uint8Array(512) }
    this.core.submitFused(request, { ...request, opcode: IoOpcode.write }, [this.#handler, this.#handler])
    this.pump()
  }

  get #handler() {
    return {
      completed: (result: NvmeResult) => this.ends.push(result),
      failed: (error: BlockError) => this.ends.push(error),
    }
  }

  /** CIDs of the commands that the host has sent. */
  get cids(): number[] {
    return this.sent
      .filter(({ type }) => type === PduType.capsuleCmd)
      .map(({ header }) => header.getUint16(ENTRY_OFFSET + 2, true))
  }

  complete(cid: number, status = 0, dw0 = 0): void {
    this.say(PduType.capsuleResp, (view, at) => {
      beginCapsuleResp(view, at)
      encodeCqe(view, at + ENTRY_OFFSET, { dw0, dw1: 0, sqhd: 0, cid, status })
    })
  }

  data(fields: Partial<C2hData>, bytes: Uint8Array, change?: (pdu: Buffer) => void): void {
    const pdu = { last: true, success: false, cccid: 0, datao: 0, datal: bytes.byteLength, ...fields }
    this.say(PduType.c2hData, (view, at) => encodeC2hData(view, at, pdu), bytes, change)
  }

  r2t(fields: Partial<R2t>): void {
    this.say(PduType.r2t, (view, at) =>
      encodeR2t(view, at, { cccid: 0, ttag: 9, r2to: 0, r2tl: 0, ...fields }),
    )
  }

  /** The reason of the TermReq that the host sent last. */
  get termReq(): { fes: number; fei: number } | undefined {
    const last = this.sent.at(-1)
    return last?.type === PduType.h2cTermReq ? decodeTermReq(last.header, 0) : undefined
  }
}

const read = (dataIn: Uint8Array): NvmeRequest => ({ opcode: IoOpcode.read, nsid: 1, dataIn })
const write = (dataOut: Uint8Array): NvmeRequest => ({ opcode: IoOpcode.write, nsid: 1, dataOut })
const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i & 0xff)

describe('a queue of a host', () => {
  it('asks for the digests that are wished for, and takes what the controller gives', () => {
    const bench = new Bench({ headerDigest: true, dataDigest: true }, { ...AGREED, headerDigest: true })
    expect(decodeIcReq(bench.sent[0]!.header, 0)).toMatchObject({ headerDigest: true, dataDigest: true })
    bench.submit({ opcode: IoOpcode.flush, nsid: 1 })
    expect(bench.sent.at(-1)?.header.getUint8(1)).toBe(1)
  })

  it('refuses an answer that no host can take', () => {
    const bench = new Bench({}, { ...AGREED, maxH2cData: 1024 })
    expect(bench.ended?.code).toBe('PROTOCOL')
    expect(bench.termReq).toEqual({ fes: 1, fei: 12 })
  })

  it('sends small data in the capsule and larger data when it is asked for', () => {
    const bench = new Bench()
    const data = bytes(20_000)
    bench.submit(write(data.subarray(0, 4096)))
    const small = bench.sent.at(-1)!
    expect(sglIdentifierOf(small.header, ENTRY_OFFSET)).toBe(SglIdentifier.inCapsule)
    expect(small.data).toEqual(data.subarray(0, 4096))
    bench.submit(write(data))
    const large = bench.sent.at(-1)!
    expect(sglIdentifierOf(large.header, ENTRY_OFFSET)).toBe(SglIdentifier.transport)
    expect([sglLengthOf(large.header, ENTRY_OFFSET), large.data.byteLength]).toEqual([20_000, 0])
    const cccid = bench.cids[1]!
    bench.r2t({ cccid, r2tl: 10_000 })
    bench.r2t({ cccid, ttag: 3, r2to: 10_000, r2tl: 10_000 })
    const parts = bench.sent.slice(3)
    expect(parts.map(({ header }) => decodeH2cData(header, 0))).toEqual([
      { cccid, ttag: 9, datao: 0, datal: 8192, last: false },
      { cccid, ttag: 9, datao: 8192, datal: 1808, last: true },
      { cccid, ttag: 3, datao: 10_000, datal: 8192, last: false },
      { cccid, ttag: 3, datao: 18_192, datal: 1808, last: true },
    ])
    expect(Buffer.compare(Buffer.concat(parts.map((part) => part.data)), data)).toBe(0)
    bench.complete(cccid)
    expect(bench.ends).toEqual([{ status: 0, dw0: 0, dw1: 0, dataInBytes: 0 }])
  })

  it('puts data where the caller wants it, in one piece or in several', () => {
    const bench = new Bench()
    const target = new Uint8Array(1000)
    bench.submit(read(target))
    const [cccid] = bench.cids as [number]
    bench.data({ cccid, last: false }, bytes(600))
    bench.data({ cccid, datao: 600, success: true }, bytes(400))
    expect(target.subarray(0, 600)).toEqual(bytes(600))
    expect(target.subarray(600)).toEqual(bytes(400))
    expect(bench.ends).toEqual([{ status: 0, dw0: 0, dw1: 0, dataInBytes: 1000 }])
  })

  it('makes a transport error of data whose digest is wrong', () => {
    const bench = new Bench({ dataDigest: true }, { ...AGREED, dataDigest: true })
    bench.submit(read(new Uint8Array(512)))
    const [cccid] = bench.cids as [number]
    bench.data({ cccid, success: true }, bytes(512), (pdu) => {
      pdu[40]! ^= 1
    })
    expect(bench.ends).toMatchObject([{ status: STATUS.TRANSIENT_TRANSPORT_ERROR }])
    expect(bench.ended).toBeUndefined()
  })

  it('sends no more than the queue has room for, and the rest in order', () => {
    const bench = new Bench({ entries: 3 })
    for (let i = 0; i < 5; i++) bench.submit({ opcode: IoOpcode.flush, nsid: i })
    expect(bench.cids).toHaveLength(2)
    bench.complete(bench.cids[1]!)
    bench.complete(bench.cids[0]!)
    const nsids = bench.sent.slice(1).map(({ header }) => header.getUint32(ENTRY_OFFSET + 4, true))
    expect(nsids).toEqual([0, 1, 2, 3])
  })

  it('sends the halves of a fused pair one behind the other, and only together', () => {
    const bench = new Bench({ entries: 4 })
    bench.submit({ opcode: IoOpcode.flush, nsid: 1 })
    bench.submit({ opcode: IoOpcode.flush, nsid: 1 })
    bench.submitFused()
    expect(bench.cids).toHaveLength(2)
    bench.complete(bench.cids[0]!)
    expect(bench.sent.slice(-2).map(({ header }) => header.getUint8(ENTRY_OFFSET + 1) & 3)).toEqual([
      Fuse.first,
      Fuse.second,
    ])
  })

  it('refuses commands beyond its bound, and those that make no sense', () => {
    const bench = new Bench({ tasksMax: 1 })
    bench.submit({ ...read(new Uint8Array(1)), dataOut: new Uint8Array(1) })
    bench.submit({ opcode: IoOpcode.flush })
    bench.submit({ opcode: IoOpcode.flush })
    expect(bench.ends).toMatchObject([{ code: 'INVALID_ARGUMENT' }, { code: 'BUSY' }])
  })

  it('does not find a command by the identifier of one that is over', () => {
    const bench = new Bench()
    bench.submit({ opcode: IoOpcode.flush })
    const [first] = bench.cids as [number]
    bench.complete(first)
    bench.submit({ opcode: IoOpcode.flush })
    expect(bench.cids[1]).not.toBe(first)
    bench.complete(first)
    expect(bench.ended?.code).toBe('PROTOCOL')
    expect(bench.termReq).toEqual({ fes: 1, fei: 20 })
  })

  it('gives up a controller that does not answer, and not before', () => {
    const bench = new Bench()
    bench.submit({ opcode: IoOpcode.flush })
    bench.submit({ opcode: IoOpcode.flush, timeoutMs: Number.POSITIVE_INFINITY })
    bench.core.tick(999)
    expect(bench.ended).toBeUndefined()
    bench.core.tick(1000)
    expect(bench.ends).toMatchObject([{ code: 'TIMED_OUT' }, { code: 'TIMED_OUT' }])
  })

  it('gives its buffers back', () => {
    const bench = new Bench()
    bench.submit(write(bytes(100)))
    bench.core.fail(bench.ended as never)
    bench.pump()
    expect(bench.pool.lentBytes).toBe(0)
  })
})

describe('what a queue of a host terminates the connection for', () => {
  const READ_BYTES = 1000

  it.each<[string, (bench: Bench, cid: number) => void, { fes: number; fei: number }]>([
    ['data of no command', (b) => b.data({ cccid: 0xfff }, bytes(4)), { fes: 1, fei: 8 }],
    ['data beyond the buffer', (b, cccid) => b.data({ cccid }, bytes(READ_BYTES + 1)), { fes: 4, fei: 0 }],
    ['data out of order', (b, cccid) => b.data({ cccid, datao: 4 }, bytes(4)), { fes: 2, fei: 0 }],
    [
      'data behind the last',
      (b, cccid) => {
        b.data({ cccid }, bytes(4))
        b.data({ cccid, datao: 4 }, bytes(4))
      },
      { fes: 2, fei: 0 },
    ],
    ['an R2T of a read', (b, cccid) => b.r2t({ cccid, r2tl: 4 }), { fes: 4, fei: 0 }],
    ['an R2T of nothing', (b, cccid) => b.r2t({ cccid }), { fes: 1, fei: 16 }],
    ['an R2T of no command', (b) => b.r2t({ cccid: 0xfff, r2tl: 4 }), { fes: 1, fei: 8 }],
    ['a completion of no command', (b) => b.complete(0xfff), { fes: 1, fei: 20 }],
  ])('%s', (_, act, reason) => {
    const bench = new Bench()
    bench.submit(read(new Uint8Array(READ_BYTES)))
    act(bench, bench.cids[0]!)
    expect(bench.termReq).toEqual(reason)
    expect(bench.ends).toMatchObject([{ code: 'PROTOCOL' }])
  })

  it('an R2T that leaves data out', () => {
    const bench = new Bench()
    bench.submit(write(bytes(10_000)))
    bench.r2t({ cccid: bench.cids[0]!, r2to: 4, r2tl: 4 })
    expect(bench.termReq).toEqual({ fes: 2, fei: 0 })
  })

  it('says nothing to a TermReq, and keeps its reason', () => {
    const bench = new Bench()
    bench.say(PduType.c2hTermReq, (view, at) =>
      encodeTermReq(view, at, PduType.c2hTermReq, { fes: 3, fei: 77 }),
    )
    expect(bench.ended).toMatchObject({ code: 'PROTOCOL', facts: { fes: 3, fei: 77 } })
    expect(bench.termReq).toBeUndefined()
  })
})
