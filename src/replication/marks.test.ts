import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epochNumber, lsn } from '../base/units.ts'
import { MARKS_BYTES_MAX } from '../blockvol/marks-file.ts'
import { opening, serverId } from '../v2engine/identity.ts'
import type { Marks } from '../v2engine/marks.ts'
import { decodeMarks, encodeMarks } from './marks.ts'
import { SPANS_MAX } from './wire/parts.ts'

const u53 = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const epochs = fc.record({
  number: u53.map(epochNumber),
  id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
})
const marks: fc.Arbitrary<Marks> = fc.record({
  opening: u53.map(opening),
  bootId: fc.string({ maxLength: 40 }),
  sealed: epochs,
  served: u53.map(epochNumber),
  isDoubtful: fc.boolean(),
  isDamaged: fc.boolean(),
  resync: fc.option(
    fc.record({
      phase: fc.constantFrom('forgetting' as const, 'copying' as const),
      base: u53.map(lsn),
      common: u53.map(lsn),
      target: u53.map(lsn),
      history: epochs.map((epoch) => [{ epoch, firstLsn: lsn(4) }]),
    }),
  ),
  set: fc.option(
    fc.record({
      epoch: u53.map(epochNumber),
      version: u53,
      members: fc.array(fc.string({ minLength: 1, maxLength: 20 }).map(serverId), { maxLength: 9 }),
    }),
  ),
})

describe('marks', () => {
  it('are read as they were written, and nothing else is taken for some', () => {
    fc.assert(
      fc.property(marks, fc.nat(), (one, place) => {
        const bytes = encodeMarks(one)
        expect(decodeMarks(bytes, 'marks')).toEqual(one)
        expect(() => decodeMarks(bytes.subarray(0, place % bytes.byteLength), 'marks')).toThrow(/contradict/)
        expect(() => decodeMarks(Buffer.concat([bytes, Buffer.alloc(1)]), 'marks')).toThrow(/contradict/)
      }),
    )
  })

  it('fit their slot with the longest history', () => {
    const history = Array.from({ length: SPANS_MAX + 100 }, (_, i) => ({
      epoch: { number: epochNumber(i + 1), id: BigInt(i) },
      firstLsn: lsn(i + 1),
    }))
    const [first] = fc.sample(marks, 1)
    const resync = { phase: 'copying', base: lsn(1), common: lsn(2), target: lsn(3), history } as const
    const bytes = encodeMarks({ ...first!, resync })
    expect(bytes.byteLength).toBeLessThanOrEqual(MARKS_BYTES_MAX)
    expect(decodeMarks(bytes, 'marks').resync?.history).toEqual(history.slice(-SPANS_MAX))
  })
})
