import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isBlockError } from '../../base/errors.ts'
import {
  decodeCreate,
  decodeDelete,
  decodeOrigin,
  decodeRestore,
  encodeCreate,
  encodeDelete,
  encodeOrigin,
  encodeRestore,
} from './snapshot-entries.ts'

const u53 = fc.maxSafeNat()
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })

const isRefused = (decode: () => unknown): boolean => {
  try {
    decode()
    return false
  } catch (error) {
    return isBlockError(error, 'UNKNOWN_FORMAT')
  }
}

describe('the block of an entry of snapshots', () => {
  it('comes back as it was written', () => {
    const create = fc.record({ id: u64, createdWallMs: u53, name: fc.stringMatching(/^[a-z0-9.-]{0,63}$/) })
    fc.assert(
      fc.property(create, (made) => {
        expect(decodeCreate(encodeCreate(made), 1)).toEqual(made)
      }),
    )
    fc.assert(
      fc.property(u64, (id) => {
        expect(decodeDelete(encodeDelete(id), 1)).toBe(id)
      }),
    )
    const restore = fc.record({ id: u64, lsn: u53, sizeBytes: u53 })
    fc.assert(
      fc.property(restore, (to) => {
        expect(decodeRestore(encodeRestore(to), 1)).toEqual(to)
      }),
    )
    const origin = fc.record({
      volume: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      snapshot: u64,
      sizeBytes: u53,
    })
    fc.assert(
      fc.property(origin, (of) => {
        expect(decodeOrigin(encodeOrigin(of), 1)).toEqual(of)
      }),
    )
  })

  it('has its fields where the table says', () => {
    const block = encodeRestore({ id: 0x0102_0304_0506_0708n, lsn: 9, sizeBytes: 0x1000 })
    expect([...block.subarray(0, 24)]).toEqual([
      8, 7, 6, 5, 4, 3, 2, 1, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0,
    ])
  })

  it('is refused with anything behind its fields, and when there is none', () => {
    const blocks = [
      encodeCreate({ id: 1n, createdWallMs: 2, name: 'a' }),
      encodeDelete(1n),
      encodeRestore({ id: 1n, lsn: 2, sizeBytes: 3 }),
      encodeOrigin({ volume: new Uint8Array(16), snapshot: 1n, sizeBytes: 2 }),
    ]
    for (const [i, decode] of [decodeCreate, decodeDelete, decodeRestore, decodeOrigin].entries()) {
      expect(isRefused(() => decode(undefined, 1))).toBe(true)
      expect(isRefused(() => decode(blocks[i]!.with(4095, 1), 1))).toBe(true)
      expect(isRefused(() => decode(blocks[i]!, 1))).toBe(false)
    }
  })
})
