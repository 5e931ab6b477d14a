import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BufferPool } from '../../base/buffer-pool.ts'
import { dataSegmentLength } from './bhs.ts'
import { encodeNopIn } from './nop.ts'
import { PduStream } from './stream.ts'
import { PduWriter } from './writer.ts'

function writeNopIn(writer: PduWriter, data: Uint8Array, owner?: Uint8Array): void {
  const at = writer.begin()
  encodeNopIn(writer.view, at, {
    dataSegmentLength: data.byteLength,
    lun: 0n,
    initiatorTaskTag: 1,
    targetTransferTag: 2,
    statSn: 3,
    expCmdSn: 4,
    maxCmdSn: 5,
  })
  writer.end(data, owner)
}

function parse(chunks: readonly Uint8Array[], digests: { header: boolean; data: boolean }): Buffer[] {
  const segments: Buffer[] = []
  const stream = new PduStream(
    {
      header: (view, offset) => new Uint8Array(dataSegmentLength(view, offset)),
      end: (data) => segments.push(Buffer.from(data)),
      fault: (fault) => expect.fail(fault),
    },
    { dataSegmentBytesMax: 1 << 20, ahsBytesMax: 0 },
  )
  stream.setDigests(digests)
  for (const chunk of chunks) stream.push(chunk)
  return segments
}

describe('PduWriter', () => {
  it('writes what the parser reads, with any digests, over any number of slabs', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(2000), { minLength: 1, maxLength: 40 }),
        fc.record({ header: fc.boolean(), data: fc.boolean() }),
        (lengths, digests) => {
          const pool = new BufferPool()
          const writer = new PduWriter(pool)
          writer.setDigests(digests)
          const sent = lengths.map((length, i) => Buffer.alloc(length, i + 1))
          for (const data of sent) writeNopIn(writer, data)
          const { pendingBytes } = writer
          const batch = writer.take()
          expect(batch.buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0)).toBe(pendingBytes)
          expect(parse(batch.buffers, digests)).toEqual(sent)
          batch.written()
          expect(pool.lentBytes).toBe(0)
        },
      ),
    )
  })

  it('puts PDUs without a large segment into one buffer', () => {
    const writer = new PduWriter(new BufferPool())
    for (let i = 0; i < 100; i++) writeNopIn(writer, new Uint8Array(0))
    expect(writer.take().buffers).toHaveLength(1)
  })

  it('refers to a large segment where it lies', () => {
    const writer = new PduWriter(new BufferPool())
    const data = new Uint8Array(4096)
    writeNopIn(writer, data)
    expect(writer.take().buffers[1]).toBe(data)
  })

  it('releases the owner of a segment when the batch was written, not before', () => {
    const pool = new BufferPool()
    const writer = new PduWriter(pool)
    const owner = pool.acquire(8192)
    writeNopIn(writer, owner.subarray(0, 4096))
    writeNopIn(writer, owner.subarray(4096), owner)
    const batch = writer.take()
    expect(pool.lentBytes).toBeGreaterThanOrEqual(8192)
    batch.written()
    expect(pool.lentBytes).toBe(0)
  })

  it('gives everything back when it is discarded', () => {
    const pool = new BufferPool()
    const writer = new PduWriter(pool)
    writeNopIn(writer, new Uint8Array(9))
    writer.discard()
    expect(pool.lentBytes).toBe(0)
    expect(writer.take().buffers).toHaveLength(0)
  })
})
