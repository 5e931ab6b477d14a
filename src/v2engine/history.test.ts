import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epochNumber, lsn } from '../base/units.ts'
import { appendSpan, epochAt, type History, lastCommonLsn, trimHistory } from './history.ts'

const span = (number: number, firstLsn: number, id = number) => ({
  epoch: { number: epochNumber(number), id: BigInt(id) },
  firstLsn: lsn(firstLsn),
})

/** Logs as lists of writers: two logs share an entry when it is the same one of the same epoch. */
interface Log {
  readonly entries: readonly number[]
}

/** Histories as a cluster makes them: each epoch begins on a prefix of some log that there was. */
const forests = fc
  .array(fc.record({ from: fc.nat(), kept: fc.nat(), length: fc.integer({ min: 1, max: 4 }) }), {
    minLength: 2,
    maxLength: 8,
  })
  .map((steps) => {
    const logs: Log[] = [{ entries: [] }]
    steps.forEach((one, i) => {
      const base = logs[one.from % logs.length]!.entries
      const kept = base.slice(0, one.kept % (base.length + 1))
      logs.push({ entries: [...kept, ...Array.from({ length: one.length }, () => i + 1)] })
    })
    return logs
  })

const historyOf = (log: Log): History =>
  log.entries.flatMap((writer, i) => (log.entries[i - 1] === writer ? [] : [span(writer, i + 1)]))

/** Compares entry by entry; an entry is known by its writer, its LSN and all before it. */
function naiveCommon(a: Log, b: Log): number {
  let i = 0
  while (i < a.entries.length && i < b.entries.length && a.entries[i] === b.entries[i]) i += 1
  return i
}

describe('epoch histories', () => {
  it('find the last common LSN as a compare of the entries does', () => {
    fc.assert(
      fc.property(forests, fc.nat(), fc.nat(), fc.nat(), fc.nat(), (logs, x, y, cutX, cutY) => {
        const whole = [logs[x % logs.length]!, logs[y % logs.length]!] as const
        const a = { entries: whole[0].entries.slice(0, cutX % (whole[0].entries.length + 1)) }
        const b = { entries: whole[1].entries.slice(0, cutY % (whole[1].entries.length + 1)) }
        const left = { history: historyOf(whole[0]), end: lsn(a.entries.length) }
        const right = { history: historyOf(whole[1]), end: lsn(b.entries.length) }
        expect(lastCommonLsn(left, right)).toBe(naiveCommon(a, b))
        expect(lastCommonLsn(right, left)).toBe(naiveCommon(a, b))
      }),
      { numRuns: 2000 },
    )
  })

  it('know two epochs of one number apart', () => {
    const left = { history: [span(1, 1), span(2, 5, 77)], end: lsn(9) }
    const right = { history: [span(1, 1), span(2, 5, 88)], end: lsn(9) }
    expect(lastCommonLsn(left, right)).toBe(4)
  })

  it('share nothing when what they share is forgotten by one of them', () => {
    const left = { history: [span(1, 1), span(2, 5)], end: lsn(9) }
    const right = { history: [span(3, 8)], end: lsn(9) }
    expect(lastCommonLsn(left, right)).toBe(0)
  })

  it('still compare when one of them forgot its oldest spans', () => {
    const left = { history: [span(1, 1), span(2, 5), span(3, 8)], end: lsn(9) }
    const right = { history: [span(2, 5), span(4, 7)], end: lsn(12) }
    expect(lastCommonLsn(left, right)).toBe(6)
  })

  it('tell the epoch of an entry', () => {
    const history = [span(1, 1), span(3, 5)]
    expect([0, 1, 4, 5, 9].map((at) => epochAt(history, lsn(at)))).toEqual([0, 1, 1, 3, 3])
    expect(trimHistory(history, lsn(4))).toEqual([span(1, 1)])
  })

  it('refuse a span that does not rise', () => {
    expect(() => appendSpan([span(3, 5)], span(3, 9))).toThrow('epochs rise')
    expect(() => appendSpan([span(3, 5)], span(4, 5))).toThrow('first LSNs rise')
    expect(appendSpan([span(3, 5)], span(4, 6))).toEqual([span(3, 5), span(4, 6)])
  })
})
