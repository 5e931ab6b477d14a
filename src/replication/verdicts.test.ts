import { describe, expect, it } from 'vitest'
import type { BlockEntry } from '../blockvol/compare/page-entries.ts'
import { judge } from './verdicts.ts'

const data = (lsn: number, checksum = lsn): BlockEntry => ({ kind: 'data', lsn, checksum })
const zeros = (lsn: number): BlockEntry => ({ kind: 'zeros', lsn, checksum: 0 })
const UNKNOWN: BlockEntry = { kind: 'unknown', lsn: 0, checksum: 0 }
const NEWER: BlockEntry = { kind: 'newer', lsn: 0, checksum: 0 }

describe('what entries of a block say', () => {
  it.each([
    ['the same', [data(3), data(3)]],
    ['zeros of any name', [zeros(0), zeros(5), zeros(7)]],
    ['too new at the primary', [NEWER, data(3), data(4)]],
    ['too new at the replica', [data(3), NEWER]],
    ['nobody knows', [UNKNOWN, UNKNOWN]],
    ['nobody knows, or it is too new', [UNKNOWN, NEWER]],
  ])('%s: nothing', (_, sides) => expect(judge(sides)).toEqual({ kind: 'same' }))

  it.each([
    ['a replica', [data(4), data(3), data(4)], data(4), [1]],
    ['the primary', [data(3), data(4), data(3)], data(4), [0, 2]],
    ['one that does not know', [data(4), UNKNOWN], data(4), [1]],
    ['the primary that does not know', [UNKNOWN, data(4)], data(4), [0]],
    ['one that lost a trim', [zeros(5), data(3)], zeros(5), [1]],
    ['one that lost its map', [zeros(0), data(3)], data(3), [0]],
    ['one that does not know what nobody wrote', [zeros(0), UNKNOWN], zeros(0), [1]],
    ['but who is too new', [data(4), data(3), NEWER], data(4), [1]],
  ])('behind is %s', (_, sides, best, behind) =>
    expect(judge(sides)).toEqual({ kind: 'behind', best, sides: behind }),
  )

  it('one LSN has two contents', () => {
    expect(judge([data(4, 1), data(4, 2), data(3), data(4, 1)])).toEqual({
      kind: 'conflict',
      variants: [
        { entry: data(4, 1), sides: [0, 3] },
        { entry: data(4, 2), sides: [1] },
      ],
    })
    expect(judge([data(4), zeros(4)]).kind).toBe('conflict')
  })
})
