import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BlockTable } from './block-table.ts'

interface Version {
  readonly lsn: number
  readonly position: number
  readonly checksum: number
}

/** Few blocks, many of which share their low 32 bits and so their first slot, up to 2^34. */
const blocks = fc
  .record({ low: fc.nat(40), high: fc.nat(3), far: fc.boolean() })
  .map(({ low, high, far }) => {
    const block = low + high * 2 ** 32
    return far ? 2 ** 34 - 1 - block : block
  })
const puts = fc.array(
  fc.record({
    block: blocks,
    lsn: fc.integer({ min: 1, max: 2 ** 50 }),
    position: fc.integer({ min: 0, max: 2 ** 50 }),
    checksum: fc.nat(0xffff_ffff),
  }),
  { maxLength: 2000, size: 'max' },
)

function versionOf(table: BlockTable, block: number): Version | undefined {
  const slot = table.find(block)
  if (slot < 0) return undefined
  return { lsn: table.lsn(slot), position: table.position(slot), checksum: table.checksum(slot) }
}

describe('the table of dirty blocks', () => {
  it('keeps the newest version of each block, in whatever order they come', () => {
    fc.assert(
      fc.property(puts, (list) => {
        const table = new BlockTable()
        const naive = new Map<number, Version>()
        for (const { block, ...version } of list) {
          table.put(block, version.lsn, version.position, version.checksum)
          if (version.lsn >= (naive.get(block)?.lsn ?? 0)) naive.set(block, version)
        }
        expect(table.size).toBe(naive.size)
        for (const [block, version] of naive) expect(versionOf(table, block)).toEqual(version)
        expect([...table.sortedBlocks()]).toEqual([...naive.keys()].sort((a, b) => a - b))
      }),
      { numRuns: 100 },
    )
  })

  it('does not find what is not there, not even what shares the low bits of what is', () => {
    const table = new BlockTable()
    for (let low = 0; low < 1000; low++) table.put(low + 2 ** 33, 1, 2, 3)
    for (let low = 0; low < 1000; low++) {
      expect(table.find(low)).toBe(-1)
      expect(table.find(low + 2 ** 32)).toBe(-1)
      expect(table.find(low + 3 * 2 ** 32)).toBe(-1)
      expect(table.find(low + 2 ** 33)).toBeGreaterThanOrEqual(0)
    }
  })

  it('grows to any number of blocks and finds each of them', () => {
    const table = new BlockTable()
    const count = 100_000
    const blockOf = (i: number): number => (i * 7_919 * 4099) % 2 ** 34
    for (let i = 0; i < count; i++) table.put(blockOf(i), i + 1, i * 4096, i)
    expect(table.size).toBe(count)
    for (let i = 0; i < count; i++) {
      const slot = table.find(blockOf(i))
      if (table.lsn(slot) !== i + 1 || table.position(slot) !== i * 4096) {
        expect.fail(`block ${blockOf(i)} has LSN ${table.lsn(slot)}, expected ${i + 1}`)
      }
    }
  })
})
