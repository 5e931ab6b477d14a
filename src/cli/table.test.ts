import { describe, expect, it } from 'vitest'
import { renderFacts, renderTable } from './table.ts'

const COLUMNS = [
  { title: 'NAME', shrinks: true, value: (row: string[]) => row[0] ?? '' },
  { title: 'N', right: true, value: (row: string[]) => row[1] ?? '' },
  { title: 'MORE', isWide: true, value: () => 'x' },
]

describe('tables', () => {
  it('have numbers to the right, and more columns when asked', () => {
    expect(
      renderTable(COLUMNS, [
        ['a', '7'],
        ['bcdef', '12'],
      ]),
    ).toBe('NAME    N\na       7\nbcdef  12\n')
    expect(renderTable(COLUMNS, [['a', '7']], { isWide: true })).toBe('NAME  N  MORE\na     7  x\n')
  })

  it('cut what may be cut to fit a terminal, and never below what can be read', () => {
    const rows = [['abcdefghijklmnopqrst', '1']]
    expect(renderTable(COLUMNS, rows, { width: 15 })).toBe('NAME          N\nabcdefghijk…  1\n')
    expect(renderTable(COLUMNS, rows, { width: 3 })).toBe('NAME      N\nabcdefg…  1\n')
    expect(renderTable(COLUMNS, rows)).toContain('abcdefghijklmnopqrst')
  })

  it('hold one line for a row, whatever is in it', () => {
    expect(renderTable(COLUMNS, [['a\nb\u001b[2J\u202e', '1']])).toBe('NAME      N\na b [2J   1\n')
    expect(
      renderFacts([
        ['k', 'a\r\nb'],
        ['', ''],
      ]),
    ).toBe('k  a b\n\n')
  })
})
