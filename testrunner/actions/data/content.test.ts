import { describe, expect, it } from 'vitest'
import { firstDifference, seededBytes, sha256 } from './content.ts'
import { piecesOf } from './disk-io.ts'

const MIB = 1024 * 1024

describe('content of a seed', () => {
  it('is the same, whichever part is made', () => {
    const whole = seededBytes('a', 0, 8192)
    expect(Buffer.compare(seededBytes('a', 4096, 512), whole.subarray(4096, 4608))).toBe(0)
    expect(sha256(whole)).toBe(sha256(seededBytes('a', 0, 8192)))
  })

  it('is another of another seed, and nowhere the same', () => {
    expect(firstDifference(seededBytes('a', 0, 512), seededBytes('b', 0, 512))).toBe(0)
    expect(firstDifference(seededBytes('a', 0, 512), seededBytes('a', 512, 512))).toBe(0)
  })

  it('parts where a byte was changed', () => {
    const changed = Uint8Array.from(seededBytes('a', 0, 512))
    changed[77]! ^= 1
    expect(firstDifference(changed, seededBytes('a', 0, 512))).toBe(77)
    expect(firstDifference(changed, changed)).toBe(-1)
  })
})

describe('a range of a disk', () => {
  const disk = { sizeBytes: 4 * MIB, logicalBlockBytes: 512 }

  it('is gone through in pieces of 1 MiB, the last one shorter', () => {
    expect(piecesOf(disk, { offset: 512, length: MIB + 512 })).toEqual([
      { offsetBytes: 512, lengthBytes: MIB },
      { offsetBytes: MIB + 512, lengthBytes: 512 },
    ])
  })

  it('goes to the end unless told', () => {
    expect(piecesOf(disk, { offset: 3 * MIB, length: undefined })).toEqual([
      { offsetBytes: 3 * MIB, lengthBytes: MIB },
    ])
  })

  it.each([
    [1, 512],
    [0, 100],
    [0, 5 * MIB],
    [4 * MIB, undefined],
    [0, 0],
  ])('from %s of %s bytes is refused', (offset, length) => {
    expect(() => piecesOf(disk, { offset, length })).toThrow(/multiples|not a part/)
  })
})
