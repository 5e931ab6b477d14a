import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ledger } from './ledger.ts'
import { faultOf, stampBlock } from './stamp.ts'

const AUTHOR = { runId: 0xfedc_ba98, generation: 3 }
const OFFSET = 5 * 2 ** 40

function stamped(offsetBytes = OFFSET, author = AUTHOR, lengthBytes = 512): Uint8Array {
  const block = new Uint8Array(lengthBytes)
  stampBlock(block, offsetBytes, author)
  return block
}

describe('a stamped block', () => {
  it('is right in its place, for the one who wrote it and for a stranger', () => {
    for (const lengthBytes of [512, 4096]) {
      const block = stamped(OFFSET, AUTHOR, lengthBytes)
      expect(faultOf(block, OFFSET, AUTHOR)).toBeUndefined()
      expect(faultOf(block, OFFSET, undefined)).toBeUndefined()
    }
  })

  it('shows any bit that changed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 512 * 8 - 1 }), (bit) => {
        const block = stamped()
        block[bit >>> 3]! ^= 1 << (bit & 7)
        expect(faultOf(block, OFFSET, undefined)).toBeDefined()
      }),
    )
  })

  it('shows when it is elsewhere, old, or torn', () => {
    expect(faultOf(stamped(), OFFSET + 512, AUTHOR)).toBe(`it holds the block of byte ${OFFSET}`)
    expect(faultOf(stamped(OFFSET, { ...AUTHOR, generation: 2 }), OFFSET, AUTHOR)).toBe(
      'it holds write 2 of this place, not write 3',
    )
    expect(faultOf(stamped(OFFSET, { ...AUTHOR, runId: 1 }), OFFSET, AUTHOR)).toMatch(/earlier run/)
    const torn = stamped()
    torn.set(stamped(OFFSET, { ...AUTHOR, generation: 2 }).subarray(256), 256)
    expect(faultOf(torn, OFFSET, AUTHOR)).toBe('it is damaged 256 bytes in')
    expect(faultOf(new Uint8Array(512), OFFSET, AUTHOR)).toBe('it does not hold what was written')
  })
})

describe('a ledger', () => {
  const open = () => new Ledger({ runId: 7, units: 4, unitBytes: 1024, blockBytes: 512 })

  it('lets one operation at a time use a unit', () => {
    const ledger = open()
    expect([ledger.take(3), ledger.take(3), ledger.take(0)]).toEqual([3, 0, 1])
    ledger.release(3)
    expect(ledger.take(3)).toBe(3)
  })

  it('finds an acknowledged write that is not there any more', () => {
    const ledger = open()
    const [first, second] = [new Uint8Array(1024), new Uint8Array(1024)]
    ledger.stamp(2, first)
    expect(ledger.check(2, first)).toBeUndefined()
    ledger.stamp(2, second)
    expect(ledger.check(2, second)).toBeUndefined()
    expect(ledger.checkedBlocks).toBe(4)
    expect(ledger.check(2, first)).toMatchObject({
      code: 'MEDIUM',
      facts: { offsetBytes: 2048, generation: 2 },
    })
    expect(ledger.check(2, new Uint8Array(1024))?.code).toBe('MEDIUM')
  })

  it('says nothing of blocks that nobody stamped, and checks those of earlier runs', () => {
    const ledger = open()
    const unit = new Uint8Array(1024)
    unit.set(stamped(512), 512)
    expect(ledger.check(0, unit)).toBeUndefined()
    expect([ledger.unknownBlocks, ledger.checkedBlocks]).toEqual([1, 1])
    expect(ledger.check(1, unit)?.code).toBe('MEDIUM')
  })

  it('tells which units were written', () => {
    const ledger = open()
    ledger.stamp(1, new Uint8Array(1024))
    ledger.stamp(3, new Uint8Array(1024))
    expect([ledger.nextWritten(0), ledger.nextWritten(2), ledger.nextWritten(4)]).toEqual([1, 3, -1])
  })
})
