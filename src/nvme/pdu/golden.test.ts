/**
 * Golden vectors, written by hand from the byte tables of the PDUs that the codecs show. What the kernel's host and
 * target put on the wire is compared by the kernel cases of the end-to-end tests.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { viewOf } from '../../base/binary.ts'
import { decodeCqe, encodeCqe } from '../commands.ts'
import { HEADER_BYTES } from './common-header.ts'
import {
  decodeIcReq,
  decodeIcResp,
  encodeIcReq,
  encodeIcResp,
  icReqFault,
  icRespFault,
} from './initialize.ts'
import { decodeTermReq, encodeTermReq } from './term-req.ts'
import {
  decodeC2hData,
  decodeH2cData,
  decodeR2t,
  encodeC2hData,
  encodeH2cData,
  encodeR2t,
} from './transfer.ts'
import { PduType } from './types.ts'

interface Codec<Pdu> {
  readonly decode: (view: DataView, offset: number) => Pdu
  readonly encode: (view: DataView, offset: number, pdu: NoInfer<Pdu>) => void
}

interface Golden {
  readonly name: string
  readonly hex: string
  readonly decoded: unknown
  readonly decode: (view: DataView, offset: number) => unknown
  /** Encodes what was decoded from `view`, into a dirty buffer. */
  readonly reencode: (view: DataView) => string
}

function golden<Pdu>(name: string, codec: Codec<Pdu>, hex: string, decoded: NoInfer<Pdu>): Golden {
  const plain = hex.replaceAll(' ', '')
  return {
    name,
    hex: plain,
    decoded,
    decode: codec.decode,
    reencode(view) {
      const out = Buffer.alloc(plain.length / 2 + 8, 0xff)
      codec.encode(viewOf(out), 4, codec.decode(view, 0))
      expect(out.readUInt32BE(0)).toBe(0xffff_ffff)
      expect(out.readUInt32BE(out.byteLength - 4)).toBe(0xffff_ffff)
      return out.subarray(4, -4).toString('hex')
    },
  }
}

const ZEROS_112 = '00'.repeat(112)
const termReq = (type: typeof PduType.h2cTermReq | typeof PduType.c2hTermReq) => ({
  decode: decodeTermReq,
  encode: (view: DataView, offset: number, pdu: { fes: number; fei: number }) =>
    encodeTermReq(view, offset, type, pdu),
})

const VECTORS: readonly Golden[] = [
  golden(
    'ICReq',
    { decode: decodeIcReq, encode: encodeIcReq },
    `00 00 80 00 80000000 0000 05 03 03000000 ${ZEROS_112}`,
    { pfv: 0, dataAlignment: 5, headerDigest: true, dataDigest: true, maxR2t: 3 },
  ),
  golden(
    'ICResp',
    { decode: decodeIcResp, encode: encodeIcResp },
    `01 00 80 00 80000000 0000 00 02 00000200 ${ZEROS_112}`,
    { pfv: 0, dataAlignment: 0, headerDigest: false, dataDigest: true, maxH2cData: 131_072 },
  ),
  golden(
    'H2CTermReq: R2T limit exceeded',
    termReq(PduType.h2cTermReq),
    '02 00 18 00 18000000 0500 00000000 00000000000000000000',
    { fes: 5, fei: 0 },
  ),
  golden(
    'C2HTermReq: wrong header field at 4',
    termReq(PduType.c2hTermReq),
    '03 00 18 00 18000000 0100 04000000 00000000000000000000',
    { fes: 1, fei: 4 },
  ),
  golden(
    'H2CData',
    { decode: decodeH2cData, encode: encodeH2cData },
    '06 04 18 00 18000000 3412 0200 00100000 00020000 00000000',
    { last: true, cccid: 0x1234, ttag: 2, datao: 4096, datal: 512 },
  ),
  golden(
    'C2HData that ends its command',
    { decode: decodeC2hData, encode: encodeC2hData },
    '07 0c 18 00 18000000 0700 0000 00000000 00100000 00000000',
    { last: true, success: true, cccid: 7, datao: 0, datal: 4096 },
  ),
  golden(
    'C2HData in between',
    { decode: decodeC2hData, encode: encodeC2hData },
    '07 00 18 00 18000000 ffff 0000 00000200 00000200 00000000',
    { last: false, success: false, cccid: 0xffff, datao: 131_072, datal: 131_072 },
  ),
  golden(
    'R2T',
    { decode: decodeR2t, encode: encodeR2t },
    '09 00 18 00 18000000 0500 0b00 00000100 00000200 00000000',
    { cccid: 5, ttag: 11, r2to: 65_536, r2tl: 131_072 },
  ),
  golden(
    'CQE: LBA out of range, do not retry',
    { decode: decodeCqe, encode: encodeCqe },
    '78563412 00000000 0300 0000 0900 0081',
    { dw0: 0x1234_5678, dw1: 0, sqhd: 3, cid: 9, status: 0x4080 },
  ),
]

describe('NVMe/TCP codecs', () => {
  it.each(VECTORS.map((one) => [one.name, one] as const))('read and write %s', (_, vector) => {
    const view = viewOf(Buffer.from(vector.hex, 'hex'))
    expect(vector.decode(view, 0)).toEqual(vector.decoded)
    expect(vector.reencode(view)).toBe(vector.hex)
  })

  it('declare headers of the lengths of the standard', () => {
    for (const { hex, name } of VECTORS) {
      if (name.startsWith('CQE')) continue
      const pdu = Buffer.from(hex, 'hex')
      expect(HEADER_BYTES[pdu[0] as PduType]).toBe(pdu[2])
      expect(pdu.readUInt32LE(4)).toBe(pdu[2])
    }
  })

  it('round-trip data PDUs of any values', () => {
    const u16 = fc.integer({ min: 0, max: 0xffff })
    const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
    const pdus = fc.record({ last: fc.boolean(), cccid: u16, ttag: u16, datao: u32, datal: u32 })
    const view = viewOf(Buffer.alloc(24, 0xff))
    fc.assert(
      fc.property(pdus, (pdu) => {
        encodeH2cData(view, 0, pdu)
        expect(decodeH2cData(view, 0)).toEqual(pdu)
      }),
    )
  })
})

describe('Initialize Connection', () => {
  const asked = { pfv: 0, dataAlignment: 31, headerDigest: false, dataDigest: false, maxR2t: 0 }
  const answer = { pfv: 0, dataAlignment: 31, headerDigest: false, dataDigest: false, maxH2cData: 4096 }

  it('takes the greatest alignment and refuses one more', () => {
    expect(icReqFault(asked)).toBeUndefined()
    expect(icReqFault({ ...asked, dataAlignment: 32 })).toEqual({ fes: 1, fei: 10 })
  })

  it('refuses a format version that is not 0', () => {
    expect(icReqFault({ ...asked, pfv: 1 })).toEqual({ fes: 6, fei: 8 })
    expect(icRespFault({ ...answer, pfv: 1 }, asked)).toEqual({ fes: 6, fei: 8 })
  })

  it('refuses a digest that was not asked for', () => {
    expect(icRespFault({ ...answer, dataDigest: true }, asked)).toEqual({ fes: 1, fei: 11 })
    expect(icRespFault({ ...answer, dataDigest: true }, { ...asked, dataDigest: true })).toBeUndefined()
  })

  it('refuses a MAXH2CDATA below 4096 or of no whole dwords', () => {
    expect(icRespFault(answer, asked)).toBeUndefined()
    expect(icRespFault({ ...answer, maxH2cData: 4092 }, asked)).toEqual({ fes: 1, fei: 12 })
    expect(icRespFault({ ...answer, maxH2cData: 4098 }, asked)).toEqual({ fes: 1, fei: 12 })
  })
})
