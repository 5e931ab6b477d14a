import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { viewOf } from '../../base/binary.ts'
import { AHS_BYTES_MAX, encodeExtendedCdb, extendedCdbAhsBytes, parseAhs } from './ahs.ts'
import { encodeScsiCommand } from './scsi-command.ts'

const parse = (ahs: string) => {
  const bytes = Buffer.from(`${'00'.repeat(48)}${ahs.replaceAll(' ', '')}`, 'hex')
  return parseAhs(viewOf(bytes), 0, bytes.byteLength - 48)
}

describe('additional header segments', () => {
  it('reads a bidirectional read length', () => {
    expect(parse('0005 02 00 00001000')).toEqual({ bidirectionalReadExpectedDataTransferLength: 4096 })
  })

  it('reads an extended CDB of 32 bytes', () => {
    const verdict = parse(`0011 01 00 ${'ab'.repeat(16)}`)
    expect(verdict).toEqual({
      cdb: Uint8Array.from(Buffer.from(`${'00'.repeat(16)}${'ab'.repeat(16)}`, 'hex')),
    })
  })

  it('reads both, padded to words', () => {
    const verdict = parse('0003 01 00 abcd0000 0005 02 00 00000200')
    expect(verdict).toEqual({
      cdb: Uint8Array.from(Buffer.from(`${'00'.repeat(16)}abcd`, 'hex')),
      bidirectionalReadExpectedDataTransferLength: 512,
    })
  })

  it.each([
    ['no length', '0000 02 00'],
    ['an end outside', '0009 02 00 00000000'],
    ['a bidirectional read of four bytes', '0004 02 00 00000000'],
    ['two bidirectional reads', '0005 02 00 00000000 0005 02 00 00000000'],
    ['an extended CDB without bytes', '0001 01 00'],
    ['a CDB of 264 bytes', `00f9 01 00 ${'00'.repeat(248)}`],
  ])('refuses %s', (_, ahs) => {
    expect(parse(ahs)).toBe('bad AHS')
  })

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const words = bytes.subarray(0, bytes.byteLength & ~3)
        parse(Buffer.from(words).toString('hex'))
      }),
    )
  })

  it('writes a CDB of any length that it reads', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 17, maxLength: 260 }), (cdb) => {
        const ahsBytes = extendedCdbAhsBytes(cdb)
        const bytes = Buffer.alloc(48 + ahsBytes, 0xff)
        const view = viewOf(bytes)
        encodeScsiCommand(view, 0, {
          immediate: false,
          final: true,
          read: false,
          write: false,
          attr: 1,
          totalAhsLength: ahsBytes / 4,
          dataSegmentLength: 0,
          lun: 0n,
          initiatorTaskTag: 1,
          expectedDataTransferLength: 0,
          cmdSn: 1,
          expStatSn: 1,
          cdb,
        })
        encodeExtendedCdb(view, 48, cdb)
        expect(ahsBytes).toBeLessThanOrEqual(AHS_BYTES_MAX)
        expect(parseAhs(view, 0, ahsBytes)).toEqual({ cdb })
      }),
    )
  })
})
