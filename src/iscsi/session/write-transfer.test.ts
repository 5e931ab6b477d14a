import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RESERVED_TAG } from '../pdu/opcodes.ts'
import { WriteTransfer } from './write-transfer.ts'

const rules = { maxBurstLengthBytes: 1000, firstBurstLengthBytes: 600, maxOutstandingR2t: 2 }
const start = (options: Partial<ConstructorParameters<typeof WriteTransfer>[0]> = {}) =>
  new WriteTransfer({
    rules,
    expectedBytes: 2500,
    wantedBytes: 2500,
    immediateBytes: 0,
    final: true,
    ...options,
  })
const piece = (tag: number, offsetBytes: number, lengthBytes: number, dataSn: number, final: boolean) => ({
  tag,
  offsetBytes,
  lengthBytes,
  dataSn,
  final,
})

describe('data that is asked for', () => {
  it('comes in bursts of at most MaxBurstLength, MaxOutstandingR2T at a time', () => {
    const transfer = start({ immediateBytes: 100 })
    expect(transfer.solicit(1)).toEqual({ tag: 1, r2tSn: 0, offsetBytes: 100, lengthBytes: 1000 })
    expect(transfer.solicit(2)).toEqual({ tag: 2, r2tSn: 1, offsetBytes: 1100, lengthBytes: 1000 })
    expect(transfer.solicit(3)).toBeUndefined()
    transfer.took(piece(1, 100, 1000, 0, true))
    expect(transfer.solicit(3)).toEqual({ tag: 3, r2tSn: 2, offsetBytes: 2100, lengthBytes: 400 })
    transfer.took(piece(2, 1100, 1000, 0, true))
    expect(transfer.complete).toBe(false)
    transfer.took(piece(3, 2100, 400, 0, true))
    expect([transfer.complete, transfer.waiting, transfer.solicit(4)]).toEqual([true, false, undefined])
  })

  it.each([
    ['an unknown tag', piece(9, 0, 100, 0, false), 'unexpected'],
    ['unsolicited', piece(RESERVED_TAG, 0, 100, 0, false), 'unexpected'],
    ['another offset', piece(1, 100, 100, 0, false), 'incorrect-amount'],
    ['another DataSN', piece(1, 0, 100, 1, false), 'incorrect-amount'],
    ['more than asked', piece(1, 0, 1001, 0, true), 'incorrect-amount'],
    ['less than asked', piece(1, 0, 999, 0, true), 'incorrect-amount'],
    ['all of it', piece(1, 0, 1000, 0, true), undefined],
    ['the first part', piece(1, 0, 999, 0, false), undefined],
  ])('with %s', (_name, pdu, fault) => {
    const transfer = start()
    transfer.solicit(1)
    expect(transfer.check(pdu)).toBe(fault)
  })
})

describe('unsolicited data', () => {
  it('may go up to FirstBurstLength, and only then the rest is asked for', () => {
    const transfer = start({ final: false, immediateBytes: 200 })
    expect([transfer.waiting, transfer.solicit(1)]).toEqual([true, undefined])
    expect(transfer.check(piece(RESERVED_TAG, 200, 401, 0, false))).toBe('incorrect-amount')
    transfer.took(piece(RESERVED_TAG, 200, 100, 0, false))
    expect(transfer.check(piece(RESERVED_TAG, 300, 300, 1, true))).toBeUndefined()
    transfer.took(piece(RESERVED_TAG, 300, 300, 1, true))
    expect(transfer.solicit(1)).toMatchObject({ offsetBytes: 600, lengthBytes: 1000 })
  })

  it('may end early', () => {
    const transfer = start({ final: false })
    transfer.took(piece(RESERVED_TAG, 0, 10, 0, true))
    expect(transfer.solicit(1)).toMatchObject({ offsetBytes: 10 })
  })

  it('ends by itself where nothing more may come', () => {
    const transfer = start({ final: false, expectedBytes: 500, wantedBytes: 500 })
    transfer.took(piece(RESERVED_TAG, 0, 500, 0, false))
    expect(transfer.complete).toBe(true)
  })

  it('beyond what is of use is waited for, and nothing is asked for', () => {
    const transfer = start({ final: false, wantedBytes: 0 })
    expect(transfer.complete).toBe(false)
    transfer.took(piece(RESERVED_TAG, 0, 300, 0, true))
    expect([transfer.complete, transfer.solicit(1)]).toEqual([true, undefined])
  })
})

it('every byte of use comes exactly once, whatever the lengths', () => {
  const length = fc.integer({ min: 1, max: 5000 })
  const options = fc.record({
    maxBurstLengthBytes: length,
    firstBurstLengthBytes: length,
    maxOutstandingR2t: fc.integer({ min: 1, max: 4 }),
  })
  fc.assert(
    fc.property(options, length, length, fc.boolean(), length, (limits, expected, wanted, final, segment) => {
      const immediateBytes = Math.min(expected, limits.firstBurstLengthBytes, segment)
      const wantedBytes = Math.min(wanted, expected)
      const transfer = new WriteTransfer({
        rules: limits,
        expectedBytes: expected,
        wantedBytes,
        immediateBytes,
        final,
      })
      const seen = new Uint8Array(expected)
      seen.fill(1, 0, immediateBytes)
      const send = (tag: number, from: number, to: number): void => {
        for (let at = from, dataSn = 0; at < to; dataSn++) {
          const lengthBytes = Math.min(segment, to - at)
          const pdu = piece(tag, at, lengthBytes, dataSn, at + lengthBytes === to)
          expect(transfer.check(pdu)).toBeUndefined()
          transfer.took(pdu)
          for (let i = at; i < at + lengthBytes; i++) seen[i]!++
          at += lengthBytes
        }
      }
      if (transfer.waiting)
        send(RESERVED_TAG, immediateBytes, Math.min(expected, limits.firstBurstLengthBytes))
      for (let tag = 0; !transfer.complete; tag++) {
        const bursts = []
        for (
          let burst = transfer.solicit(tag * 8);
          burst !== undefined;
          burst = transfer.solicit(tag * 8 + bursts.length)
        ) {
          bursts.push(burst)
        }
        expect(bursts.length).toBeGreaterThan(0)
        for (const burst of bursts) send(burst.tag, burst.offsetBytes, burst.offsetBytes + burst.lengthBytes)
      }
      expect(seen.subarray(0, wantedBytes).every((count) => count === 1)).toBe(true)
    }),
  )
})
