import { describe, expect, it } from 'vitest'
import { BufferPool } from '../../base/buffer-pool.ts'
import { crc32c } from '../../base/crc32c.ts'
import { OutputQueue } from './output-queue.ts'

const header = (queue: OutputQueue, mark: number): number => {
  const at = queue.header()
  for (let i = 0; i < 48; i++) queue.view.setUint8(at + i, mark)
  return at
}
const bytesOf = (queue: OutputQueue): Buffer => {
  const batch = queue.take()
  const bytes = Buffer.concat(batch?.buffers ?? [])
  expect(bytes.byteLength).toBe(batch?.lengthBytes)
  batch?.written()
  return bytes
}

describe('an output queue', () => {
  it('lays short PDUs into one buffer, padded', () => {
    const pool = new BufferPool()
    const queue = new OutputQueue(pool)
    expect(queue.take()).toBeUndefined()
    queue.end(header(queue, 1), Uint8Array.of(7, 8, 9))
    queue.end(header(queue, 2))
    const batch = queue.take()
    expect(batch?.buffers).toHaveLength(1)
    expect([...batch!.buffers[0]!]).toEqual([...Array(48).fill(1), 7, 8, 9, 0, ...Array(48).fill(2)])
    expect(pool.lentBytes).toBeGreaterThan(0)
    batch?.written()
    expect([pool.lentBytes, queue.isEmpty]).toEqual([0, true])
  })

  it('refers to long data where it stands, and tells when it has gone', () => {
    const queue = new OutputQueue(new BufferPool())
    const data = new Uint8Array(100_001).fill(5)
    let gone = 0
    expect(queue.end(header(queue, 1), data)).toBe(false)
    queue.whenWritten(() => gone++)
    expect(queue.end(header(queue, 2), new Uint8Array(4))).toBe(true)
    const batch = queue.take()
    expect(batch?.buffers[1]).toBe(data)
    expect(batch?.lengthBytes).toBe(48 + 100_001 + 3 + 48 + 4)
    expect(gone).toBe(0)
    batch?.written()
    expect(gone).toBe(1)
  })

  it('does not release a batch when an earlier one has gone', () => {
    const queue = new OutputQueue(new BufferPool())
    let gone = 0
    queue.end(header(queue, 1))
    const first = queue.take()
    queue.end(header(queue, 2), new Uint8Array(100_000))
    queue.whenWritten(() => gone++)
    const second = queue.take()
    first?.written()
    expect(gone).toBe(0)
    second?.written()
    expect(gone).toBe(1)
  })

  it('adds digests over header, data and padding', () => {
    const queue = new OutputQueue(new BufferPool())
    queue.setDigests({ header: true, data: true })
    for (const lengthBytes of [5, 30_001]) {
      const data = new Uint8Array(lengthBytes).fill(9)
      queue.end(header(queue, 3), data)
      const bytes = bytesOf(queue)
      const padded = Buffer.concat([data, new Uint8Array(-lengthBytes & 3)])
      expect(bytes.readUInt32LE(48)).toBe(crc32c(new Uint8Array(48).fill(3)))
      expect(bytes.readUInt32LE(bytes.byteLength - 4)).toBe(crc32c(padded))
      expect(bytes.subarray(52, -4)).toEqual(padded)
    }
  })

  it('keeps the order over many slabs, and gives all of them back', () => {
    const pool = new BufferPool()
    const queue = new OutputQueue(pool)
    const expected: Uint8Array[] = []
    for (let i = 0; i < 100; i++) {
      const data = new Uint8Array((i * 997) % 20_000).fill(i)
      queue.end(header(queue, i), data)
      expected.push(new Uint8Array(48).fill(i), data, new Uint8Array(-data.byteLength & 3))
    }
    expect(bytesOf(queue)).toEqual(Buffer.concat(expected))
    queue.endCopied(header(queue, 1), new Uint8Array(50_000))
    queue.clear()
    expect(pool.lentBytes).toBe(0)
  })
})
