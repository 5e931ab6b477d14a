import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epochNumber, KIB } from '../../base/units.ts'
import { decodeForward, decodeForwarded, encodeForward, encodeForwarded } from './forward.ts'
import { FORWARD_BYTES_MAX, FRAME, payloadBytesMax } from './frame.ts'

const epoch = { number: epochNumber(3), id: 0x1122334455667788n }
const EPOCH = '0300000000000000' + '8877665544332211'
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('FORWARD and FORWARDED', () => {
  it('have the documented bytes', () => {
    expect(hex(encodeForward({ epoch, heardMs: 7, id: 5, bytes: Uint8Array.of(1, 2) }))).toBe(
      `${EPOCH}0700000000000000` + '05000000' + '0102',
    )
    expect(hex(encodeForwarded({ epoch, id: 5, bytes: Uint8Array.of(3) }))).toBe(
      `${EPOCH}05000000` + '00' + '03',
    )
    expect(hex(encodeForwarded({ epoch, id: 5, bytes: undefined }))).toBe(`${EPOCH}05000000` + '01')
  })

  it('round-trip, and fit their frames when they are as long as they may be', () => {
    for (const length of [0, 1, 64 * KIB]) {
      const common = { epoch, id: 2 ** 32 - 1, bytes: new Uint8Array(length).fill(7) }
      const forward = { ...common, heardMs: 2 ** 40 }
      const [asked, answered] = [encodeForward(forward), encodeForwarded(common)]
      expect(decodeForward(asked)).toEqual(forward)
      expect(decodeForwarded(answered)).toEqual(common)
      expect(asked.byteLength).toBeLessThanOrEqual(payloadBytesMax(FRAME.forward, true))
      expect(answered.byteLength).toBeLessThanOrEqual(payloadBytesMax(FRAME.forwarded, true))
    }
    expect(payloadBytesMax(FRAME.forward, false)).toBe(0)
    const busy = { epoch, id: 1, bytes: undefined }
    expect(decodeForwarded(encodeForwarded(busy))).toEqual(busy)
  })

  it('are refused when they are cut short, too long, or say what cannot be', () => {
    const right = encodeForwarded({ epoch, id: 1, bytes: undefined })
    for (let length = 0; length < right.byteLength; length++) {
      expect(decodeForwarded(right.subarray(0, length)), `${length} bytes`).toBeUndefined()
      if (length < 28) expect(decodeForward(right.subarray(0, length)), `${length} bytes`).toBeUndefined()
    }
    expect(decodeForwarded(Uint8Array.of(...right, 0))).toBeUndefined()
    expect(decodeForwarded(Uint8Array.of(...right.subarray(0, -1), 2))).toBeUndefined()
    const long = new Uint8Array(FORWARD_BYTES_MAX + 1)
    expect(decodeForward(encodeForward({ epoch, heardMs: 1, id: 1, bytes: long }))).toBeUndefined()
    expect(decodeForwarded(encodeForwarded({ epoch, id: 1, bytes: long }))).toBeUndefined()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const forward = decodeForward(bytes)
        if (forward !== undefined) expect(encodeForward(forward)).toEqual(bytes)
      }),
    )
  })
})
