import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isZero, readU64, viewOf, writeU64 } from './binary.ts'
import { BufferPool } from './buffer-pool.ts'
import { serialAdd, serialAfter, serialBefore, serialDistance } from './serial32.ts'
import { formatSize, parseSize } from './sizes.ts'
import { GIB, KIB, MIB, TIB } from './units.ts'

describe('readU64', () => {
  it('reads what writeU64 wrote, in both byte orders', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.boolean(), (value, littleEndian) => {
        const view = new DataView(new ArrayBuffer(8))
        writeU64(view, 0, value, littleEndian)
        expect(readU64(view, 0, littleEndian)).toBe(value)
        expect(view.getBigUint64(0, littleEndian)).toBe(BigInt(value))
      }),
    )
  })

  it('refuses values above 2^53 − 1', () => {
    const view = viewOf(new Uint8Array(8))
    view.setBigUint64(0, BigInt(Number.MAX_SAFE_INTEGER) + 1n, true)
    expect(readU64(view, 0)).toBe(-1)
  })
})

describe('isZero', () => {
  it('finds a bit anywhere, aligned or not', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.nat(3), fc.nat(99), (length, start, at) => {
        const all = new Uint8Array(length + start)
        expect(isZero(all.subarray(start))).toBe(true)
        if (at >= length) return
        all[start + at] = 1
        expect(isZero(all.subarray(start))).toBe(false)
      }),
    )
  })
})

describe('serial32', () => {
  it('orders across the wrap', () => {
    expect(serialAdd(0xffffffff, 2)).toBe(1)
    expect(serialAfter(1, 0xffffffff)).toBe(true)
    expect(serialBefore(0xffffffff, 1)).toBe(true)
    expect(serialDistance(1, 0xffffffff)).toBe(2)
  })
})

describe('BufferPool', () => {
  it('gives exact lengths and reuses what came back', () => {
    const pool = new BufferPool()
    const first = pool.acquire(5000)
    expect(first.byteLength).toBe(5000)
    expect(pool.lentBytes).toBe(8192)
    pool.release(first)
    expect(pool.lentBytes).toBe(0)
    const second = pool.acquire(8192)
    expect(second.buffer).toBe(first.buffer)
  })

  it('notices a buffer that is released twice, or that is not its own', () => {
    const pool = new BufferPool()
    const [a] = [pool.acquire(4096), pool.acquire(4096)]
    pool.release(a)
    expect(() => pool.release(a)).toThrow(/released once/)
    expect(() => pool.release(new Uint8Array(4096))).toThrow(/released once/)
  })

  it('keeps no more than it was told', () => {
    const pool = new BufferPool({ keepBytesMax: 4096 })
    const [a, b] = [pool.acquire(4096), pool.acquire(4096)]
    pool.release(a)
    pool.release(b)
    expect(pool.acquire(4096).buffer).toBe(a.buffer)
    expect(pool.acquire(4096).buffer).not.toBe(b.buffer)
  })

  it('serves requests above the greatest class', () => {
    const pool = new BufferPool()
    const large = pool.acquire(3 * MIB)
    expect(large.byteLength).toBe(3 * MIB)
    pool.release(large)
    expect(pool.lentBytes).toBe(0)
  })
})

describe('parseSize', () => {
  it.each([
    ['512', 512],
    ['4KiB', 4 * KIB],
    ['1.5 GiB', 1.5 * GIB],
    ['64tib', 64 * TIB],
  ])('%s', (text, expected) => {
    expect(parseSize(text, '--size')).toBe(expected)
  })

  it('refuses decimal units with a hint, and anything else with the name of the flag', () => {
    expect(() => parseSize('1G', '--size')).toThrow("--size: '1G' is ambiguous; write 1GiB")
    for (const text of ['', 'x', '-1', '1.5', '1PiB', '1e9']) {
      expect(() => parseSize(text, '--size')).toThrow(/--size: .* is not a size/)
    }
  })

  it('prints what it parses', () => {
    expect(formatSize(1.5 * GIB)).toBe('1.5GiB')
    expect(formatSize(512)).toBe('512B')
  })
})
