import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { viewOf } from '../../base/binary.ts'
import { BufferPool } from '../../base/buffer-pool.ts'
import { beginCapsuleCmd, beginCapsuleResp, ENTRY_OFFSET } from './capsule.ts'
import { HEADER_BYTES } from './common-header.ts'
import { encodeIcReq } from './initialize.ts'
import { type DataSink, type PduHandler, PduStream } from './stream.ts'
import { encodeTermReq } from './term-req.ts'
import { encodeC2hData, encodeH2cData, encodeR2t } from './transfer.ts'
import { alignmentBytesOf, type PduFault, PduType } from './types.ts'
import { PduWriter } from './writer.ts'

interface Setting {
  readonly side: 'controller' | 'host'
  readonly headerDigest: boolean
  readonly dataDigest: boolean
  readonly dataAlignment: number
}
const PLAIN: Setting = { side: 'controller', headerDigest: false, dataDigest: false, dataAlignment: 0 }
const CAPSULE_BYTES_MAX = 8192
const TRANSFER_BYTES_MAX = 16_384

interface Sent {
  readonly type: PduType
  readonly tag: number
  readonly data: Uint8Array
}

/** PDUs as a peer sends them. */
function wire(pdus: readonly Sent[], setting: Setting = PLAIN): Buffer {
  const writer = new PduWriter(new BufferPool())
  writer.initialized(setting)
  for (const { type, tag, data } of pdus) {
    const at = writer.begin(type)
    const { view } = writer
    const transfer = { cccid: tag, ttag: 0, datao: 0, datal: data.byteLength, last: true, success: false }
    if (type === PduType.capsuleCmd) {
      beginCapsuleCmd(view, at)
      writer.bytes.fill(tag & 0xff, at + ENTRY_OFFSET, at + HEADER_BYTES[type])
      view.setUint16(at + ENTRY_OFFSET, tag, true)
    } else if (type === PduType.capsuleResp) {
      beginCapsuleResp(view, at)
      writer.bytes.fill(0, at + ENTRY_OFFSET, at + HEADER_BYTES[type])
      view.setUint16(at + ENTRY_OFFSET, tag, true)
    } else if (type === PduType.h2cData) encodeH2cData(view, at, transfer)
    else if (type === PduType.c2hData) encodeC2hData(view, at, transfer)
    else encodeR2t(view, at, { cccid: tag, ttag: 1, r2to: 0, r2tl: 4096 })
    writer.end(data)
  }
  return Buffer.concat(writer.take().buffers)
}

/** Records what it is told. Asks for each PDU's data in another way, by the tag. */
class Recorder implements PduHandler {
  readonly seen: string[] = []
  #tag = 0

  header(view: DataView, offset: number, dataBytes: number): DataSink {
    this.#tag = view.getUint16(offset + ENTRY_OFFSET, true)
    if (this.#tag % 3 === 0) return 'lend'
    return this.#tag % 3 === 1 ? new Uint8Array(dataBytes) : 'discard'
  }

  end(data: Uint8Array): void {
    this.seen.push(`${this.#tag}:${Buffer.from(data).toString('hex')}`)
  }

  dataDamaged(): void {
    this.seen.push(`${this.#tag}!damaged`)
  }

  fault(fault: PduFault | 'close', header: Uint8Array): void {
    const what = fault === 'close' ? fault : `${fault.fes}/${fault.fei}`
    this.seen.push(`!${what} ${Buffer.from(header).toString('hex')}`)
  }
}

function streamOf(handler: PduHandler, setting: Setting): PduStream {
  return new PduStream(handler, {
    side: setting.side,
    alignmentBytes: alignmentBytesOf(setting.dataAlignment),
    capsuleDataBytesMax: CAPSULE_BYTES_MAX,
    transferBytesMax: TRANSFER_BYTES_MAX,
  })
}

function parse(chunks: readonly Uint8Array[], setting: Setting = PLAIN): string[] {
  const recorder = new Recorder()
  const stream = streamOf(recorder, setting)
  stream.initialized(setting)
  for (const chunk of chunks) {
    const lent = Uint8Array.from(chunk)
    stream.push(lent)
    lent.fill(0xee)
  }
  return recorder.seen
}

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...new Set(places.map((place) => place % bytes.byteLength)), bytes.byteLength]
  ends.sort((a, b) => a - b)
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
}

const NONE = new Uint8Array(0)
const settings: fc.Arbitrary<Setting> = fc.record({
  side: fc.constantFrom('controller', 'host'),
  headerDigest: fc.boolean(),
  dataDigest: fc.boolean(),
  dataAlignment: fc.constantFrom(0, 0, 1, 15, 31),
})

const streams: fc.Arbitrary<{ setting: Setting; pdus: Sent[] }> = settings.chain((setting) => {
  const types =
    setting.side === 'controller'
      ? fc.constantFrom(PduType.capsuleCmd, PduType.h2cData)
      : fc.constantFrom(PduType.capsuleResp, PduType.c2hData, PduType.r2t)
  const pdu = fc
    .tuple(types, fc.nat(1000), fc.uint8Array({ minLength: 1, maxLength: 700 }), fc.boolean())
    .map(([type, tag, bytes, hasData]): Sent => {
      const isBare = type === PduType.capsuleResp || type === PduType.r2t
      return { type, tag, data: isBare || (type === PduType.capsuleCmd && !hasData) ? NONE : bytes }
    })
  return fc.record({ setting: fc.constant(setting), pdus: fc.array(pdu, { minLength: 1, maxLength: 6 }) })
})

describe('PduStream', () => {
  it('parses any split of what the writer wrote alike', () => {
    fc.assert(
      fc.property(streams, fc.array(fc.nat(5000), { maxLength: 12 }), ({ setting, pdus }, places) => {
        const expected = pdus.map(
          ({ tag, data }) => `${tag}:${tag % 3 === 2 ? '' : Buffer.from(data).toString('hex')}`,
        )
        expect(parse(cut(wire(pdus, setting), places), setting)).toEqual(expected)
      }),
      { numRuns: 400 },
    )
  })

  it('says the same about damaged streams however they are split', () => {
    fc.assert(
      fc.property(
        streams,
        fc.array(fc.tuple(fc.nat(5000), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(5000), { maxLength: 5 }),
        ({ setting, pdus }, damages, places) => {
          const bytes = wire(pdus, setting)
          for (const [at, value] of damages) bytes[at % bytes.byteLength] = value
          expect(parse(cut(bytes, places), setting)).toEqual(parse([bytes], setting))
        },
      ),
      { numRuns: 400 },
    )
  })

  it('parses byte by byte', () => {
    const setting: Setting = { side: 'controller', headerDigest: true, dataDigest: true, dataAlignment: 31 }
    const bytes = wire(
      [
        { type: PduType.capsuleCmd, tag: 3, data: Uint8Array.of(1, 2, 3) },
        { type: PduType.capsuleCmd, tag: 4, data: NONE },
        { type: PduType.h2cData, tag: 6, data: Uint8Array.of(9) },
      ],
      setting,
    )
    expect(
      parse(
        [...bytes].map((byte) => Uint8Array.of(byte)),
        setting,
      ),
    ).toEqual(['3:010203', '4:', '6:09'])
  })

  it('lends the very bytes of the chunk when the data lies whole in it', () => {
    const chunk = wire([{ type: PduType.capsuleCmd, tag: 3, data: Uint8Array.of(1, 2, 3, 4) }])
    const ends: Uint8Array[] = []
    const handler: PduHandler = {
      header: () => 'lend',
      end: (data) => ends.push(data),
      dataDamaged: () => expect.fail(),
      fault: () => expect.fail(),
    }
    const stream = streamOf(handler, PLAIN)
    stream.initialized(PLAIN)
    stream.push(chunk)
    expect(ends[0]?.buffer).toBe(chunk.buffer)
    expect(ends[0]?.byteOffset).toBe(chunk.byteOffset + 72)
  })

  it('goes on behind data whose digest is wrong', () => {
    const setting = { ...PLAIN, dataDigest: true }
    const bytes = wire(
      [
        { type: PduType.h2cData, tag: 4, data: Uint8Array.of(1, 2) },
        { type: PduType.h2cData, tag: 6, data: Uint8Array.of(5) },
      ],
      setting,
    )
    bytes[24]! ^= 1
    for (const places of [[], [20], [25], [27]]) {
      expect(parse(cut(bytes, places), setting)).toEqual(['4!damaged', '6:05'])
    }
  })

  it('takes nothing more once the handler stopped it', () => {
    let headers = 0
    const stream: PduStream = streamOf(
      {
        header: () => {
          headers++
          stream.stop()
          return 'discard'
        },
        end: () => expect.fail(),
        dataDamaged: () => expect.fail(),
        fault: () => expect.fail(),
      },
      PLAIN,
    )
    stream.initialized(PLAIN)
    const one = { type: PduType.capsuleCmd, tag: 1, data: Uint8Array.of(1) }
    stream.push(wire([one, one]))
    stream.push(wire([one]))
    expect(headers).toBe(1)
  })
})

describe('what PduStream refuses', () => {
  const capsule = { type: PduType.capsuleCmd, tag: 3, data: Uint8Array.of(1, 2, 3, 4) }
  const h2c = { type: PduType.h2cData, tag: 3, data: Uint8Array.of(1, 2, 3, 4) }
  const c2h = { type: PduType.c2hData, tag: 3, data: Uint8Array.of(1, 2, 3, 4) }
  const r2t = { type: PduType.r2t, tag: 3, data: NONE }
  const host: Setting = { ...PLAIN, side: 'host' }
  const digested = { ...PLAIN, headerDigest: true, dataDigest: true }

  const cases: [string, Sent, Setting, (pdu: Buffer) => void, string][] = [
    ['a type that there is not', capsule, PLAIN, (pdu) => pdu.writeUInt8(8), '!1/0'],
    ['a PDU of the other direction', { ...r2t }, PLAIN, () => undefined, '!1/0'],
    ['a CapsuleCmd at a host', capsule, host, () => undefined, '!1/0'],
    ['a second ICReq', capsule, PLAIN, (pdu) => pdu.writeUInt8(PduType.icReq), '!2/0'],
    ['a header digest that was not agreed', capsule, PLAIN, (pdu) => pdu.writeUInt8(1, 1), '!1/1'],
    ['a data digest that was not agreed', capsule, PLAIN, (pdu) => pdu.writeUInt8(2, 1), '!1/1'],
    ['no header digest where one was agreed', capsule, digested, (pdu) => pdu.writeUInt8(2, 1), '!1/1'],
    ['no data digest where one was agreed', capsule, digested, (pdu) => pdu.writeUInt8(1, 1), '!1/1'],
    ['SUCCESS without LAST_PDU', c2h, host, (pdu) => pdu.writeUInt8(8, 1), '!1/1'],
    ['a wrong HLEN', capsule, PLAIN, (pdu) => pdu.writeUInt8(71, 2), '!1/2'],
    ['data within the header', capsule, PLAIN, (pdu) => pdu.writeUInt8(68, 3), '!1/3'],
    [
      'data that is not aligned',
      capsule,
      { ...PLAIN, dataAlignment: 1 },
      (pdu) => pdu.writeUInt8(76, 3),
      '!1/3',
    ],
    ['data behind the end', capsule, PLAIN, (pdu) => pdu.writeUInt8(80, 3), '!1/3'],
    ['a PLEN below HLEN', capsule, PLAIN, (pdu) => pdu.writeUInt32LE(71, 4), '!1/4'],
    ['a PLEN of 4 GiB', capsule, PLAIN, (pdu) => pdu.writeUInt32LE(0xffff_ffff, 4), '!1/4'],
    ['an R2T with data', r2t, host, (pdu) => pdu.writeUInt32LE(28, 4), '!1/4'],
    ['a digest without data', h2c, digested, (pdu) => pdu.writeUInt32LE(32, 4), '!1/4'],
    ['a data PDU without data', h2c, PLAIN, (pdu) => pdu.writeUInt32LE(24, 4), '!1/4'],
    [
      'more data in a capsule than it may have',
      capsule,
      PLAIN,
      (pdu) => pdu.writeUInt32LE(72 + 8193, 4),
      '!1/4',
    ],
    [
      'more data in an H2CData than it may have',
      h2c,
      PLAIN,
      (pdu) => pdu.writeUInt32LE(24 + 16_385, 4),
      '!5/0',
    ],
    ['a DATAL that PLEN does not bear out', h2c, PLAIN, (pdu) => pdu.writeUInt32LE(3, 16), '!1/16'],
  ]

  it.each(cases)('%s', (_, sent, setting, damage, expected) => {
    const pdu = wire([sent], setting)
    damage(pdu)
    for (const places of [[], [3], [8], [20]]) {
      const [seen, ...more] = parse([...cut(pdu, places), wire([capsule])], setting)
      expect(seen?.split(' ')[0]).toBe(expected)
      expect(more).toEqual([])
    }
  })

  it('takes as much data as there may be', () => {
    const most = (type: PduType, bytes: number) => ({ type, tag: 3, data: new Uint8Array(bytes) })
    const sent = [most(PduType.capsuleCmd, CAPSULE_BYTES_MAX), most(PduType.h2cData, TRANSFER_BYTES_MAX)]
    expect(parse([wire(sent)]).map((one) => one.length)).toEqual([2 + 2 * 8192, 2 + 2 * 16_384])
  })

  it('a wrong header digest, and names the digest that came', () => {
    const pdu = wire([capsule], digested)
    pdu.writeUInt32LE(0x0102_0304, 72)
    const [seen] = parse([pdu], digested)
    expect(seen).toBe(`!3/${0x0102_0304} ${pdu.subarray(0, 72).toString('hex')}`)
  })

  it('anything but Initialize Connection at first, and that with wrong lengths', () => {
    const icReq = Buffer.alloc(128)
    encodeIcReq(viewOf(icReq), 0, {
      pfv: 0,
      dataAlignment: 0,
      headerDigest: false,
      dataDigest: false,
      maxR2t: 0,
    })
    const first = (bytes: Uint8Array): string | undefined => {
      const recorder = new Recorder()
      streamOf(recorder, PLAIN).push(bytes)
      return recorder.seen[0]?.split(' ')[0]
    }
    expect(first(icReq)).toBe('0:')
    expect(first(wire([capsule]))).toBe('!2/0')
    expect(first(wire([h2c]))).toBe('!2/0')
    for (const [at, expected] of [
      [2, '!1/2'],
      [4, '!1/4'],
    ] as const) {
      const wrong = Buffer.from(icReq)
      wrong.writeUInt8(127, at)
      expect(first(wrong)).toBe(expected)
    }
  })

  it.each([
    [23, '!close'],
    [24, '5:'],
    [152, '5:'],
    [153, '!close'],
  ])('a TermReq of %d bytes: %s', (bytes, expected) => {
    const pdu = Buffer.alloc(bytes)
    const whole = Buffer.alloc(Math.max(24, bytes))
    encodeTermReq(viewOf(whole), 0, PduType.h2cTermReq, { fes: 5, fei: 0 })
    whole.writeUInt32LE(bytes, 4)
    whole.copy(pdu)
    expect(parse([pdu], digested)[0]?.split(' ')[0]).toBe(expected)
  })
})
