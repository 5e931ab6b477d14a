import { expect, it } from 'vitest'
import { gatedFigures } from './gate.ts'

it('keeps the rates and the p99 of a benchmark, by where they stand', () => {
  const result = {
    generator: 'basalt',
    read: { operations: 10, iops: 900, bytes_per_second: 1, p50_us: 80, p99_us: 400 },
    write: null,
    tps: 12,
  }
  expect(gatedFigures(result)).toEqual({
    'read.iops': 900,
    'read.bytes_per_second': 1,
    'read.p99_us': 400,
    tps: 12,
  })
})

it('refuses what is no benchmark', () => {
  expect(() => gatedFigures({ blocks: 5 })).toThrow('no rate and no p99')
})
