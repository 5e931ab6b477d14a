import { expect, it } from 'vitest'
import { BufferPool } from './buffer-pool.ts'
import { KIB } from './units.ts'

it('gives a released buffer of the same size out again', () => {
  const pool = new BufferPool()
  const buffer = pool.acquire(5000)
  expect(buffer.byteLength).toBe(5000)
  pool.release(buffer)
  expect(pool.acquire(8192).buffer).toBe(buffer.buffer)
})

it('keeps no more than its bound', () => {
  const pool = new BufferPool({ keepBytesMax: 16 * KIB })
  const buffers = Array.from({ length: 5 }, () => pool.acquire(4 * KIB))
  const memory = new Set(buffers.map((buffer) => buffer.buffer))
  for (const buffer of buffers) pool.release(buffer)
  const again = Array.from({ length: 5 }, () => pool.acquire(4 * KIB))
  expect(again.filter((buffer) => memory.has(buffer.buffer))).toHaveLength(4)
})

it('drops sizes that are not asked for any more in favour of those that are', () => {
  const pool = new BufferPool({ keepBytesMax: 64 * KIB })
  for (const buffer of Array.from({ length: 4 }, () => pool.acquire(16 * KIB))) pool.release(buffer)
  const small = Array.from({ length: 3 }, () => pool.acquire(4 * KIB))
  for (const buffer of small) pool.release(buffer)
  const memory = new Set(small.map((buffer) => buffer.buffer))
  for (let i = 0; i < 3; i++) expect(memory.has(pool.acquire(4 * KIB).buffer)).toBe(true)
})

it('does not keep what is larger than its bound', () => {
  const pool = new BufferPool({ keepBytesMax: 4 * KIB })
  const buffer = pool.acquire(8 * KIB)
  pool.release(buffer)
  expect(pool.acquire(8 * KIB).buffer).not.toBe(buffer.buffer)
  expect(pool.lentBytes).toBe(8 * KIB)
})
