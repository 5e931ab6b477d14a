import { describe, expect, it } from 'vitest'
import { parsePgbench, parseSums } from './pgbench-output.ts'
import { checkRows, committedIn, rowValue, transaction } from './rows.ts'

describe('what pgbench 15.18 printed', () => {
  const RECORDED = `pgbench (15.18 (Debian 15.18-0+deb12u1))
starting vacuum...end.
transaction type: <builtin: TPC-B (sort of)>
scaling factor: 1
query mode: simple
number of clients: 2
number of threads: 1
maximum number of tries: 1
duration: 2 s
number of transactions actually processed: 821
number of failed transactions: 0 (0.000%)
latency average = 4.723 ms
initial connection time = 79.494 ms
tps = 423.496908 (without initial connection time)
`

  it('gives its figures', () => {
    expect(parsePgbench(RECORDED)).toEqual({
      transactions: 821,
      failed: 0,
      tps: 423.496908,
      latency_ms: 4.723,
    })
  })

  it('is refused when it ends early', () => {
    expect(() => parsePgbench('pgbench: error: connection to server failed')).toThrow('not understood')
  })

  it('has sums that agree, and a history', () => {
    expect(parseSums('-39510|-39510|-39510|-39510|821\n')).toEqual({ isBalanced: true, history: 821 })
    expect(parseSums('-39510|-39511|-39510|-39510|821\n')).toEqual({ isBalanced: false, history: 821 })
    expect(parseSums('ERROR')).toBeUndefined()
  })
})

describe('rows of a database', () => {
  const SEED = 'seed'
  const dump = (rows: number): string =>
    Array.from({ length: rows }, (_, index) => `${index + 1}|${rowValue(SEED, index + 1)}\n`).join('')

  it('are inserted in transactions that say when they are committed', () => {
    const text = transaction(SEED, 11, 5)
    expect(text).toMatch(
      /^BEGIN;INSERT INTO rows VALUES \(11,'[0-9a-f]{64}'\),.*;COMMIT;SELECT 'committed',15;\n$/,
    )
    expect(committedIn('committed|15')).toBe(15)
    expect(committedIn('wal')).toBeUndefined()
  })

  it('are all there, with what was under way', () => {
    expect(checkRows(dump(15), { seed: SEED, committed: 10, batch: 5 })).toEqual({ rows: 15, faults: [] })
  })

  it('miss the end', () => {
    const { faults } = checkRows(dump(5), { seed: SEED, committed: 10, batch: 5 })
    expect(faults).toEqual(['rows 6 to 10 were committed and are not there'])
  })

  it('miss one in the middle', () => {
    const text = dump(10)
      .split('\n')
      .filter((_, index) => index !== 3)
      .join('\n')
    expect(checkRows(text, { seed: SEED, committed: 10, batch: 5 }).faults).toEqual([
      'row 4 is missing: row 5 stands there',
    ])
  })

  it('have another value', () => {
    const text = dump(10).replace(rowValue(SEED, 7), rowValue(SEED, 8))
    expect(checkRows(text, { seed: SEED, committed: 10, batch: 5 }).faults).toEqual([
      'row 7 is not what was inserted',
    ])
  })

  it('are half a transaction', () => {
    expect(checkRows(dump(12), { seed: SEED, committed: 10, batch: 5 }).faults).toEqual([
      '12 rows are not whole transactions of 5',
    ])
  })
})
