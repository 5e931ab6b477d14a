import { describe, expect, it } from 'vitest'
import { BufferPool } from '../../base/buffer-pool.ts'
import { crc32c } from '../../base/crc32c.ts'
import { beginCapsuleCmd } from './capsule.ts'
import { encodeTermReq } from './term-req.ts'
import { encodeC2hData } from './transfer.ts'
import { PduType } from './types.ts'
import { PduWriter } from './writer.ts'

function writeData(writer: PduWriter, data: Uint8Array, owner?: Uint8Array | (() => void)): void {
  const at = writer.begin(PduType.c2hData)
  encodeC2hData(writer.view, at, { last: true, success: true, cccid: 1, datao: 0, datal: data.byteLength })
  writer.end(data, owner)
}

describe('PduWriter', () => {
  it('writes digests, alignment and lengths', () => {
    const writer = new PduWriter(new BufferPool())
    writer.initialized({ headerDigest: true, dataDigest: true, dataAlignment: 15 })
    writeData(writer, Uint8Array.of(1, 2, 3))
    const bytes = Buffer.concat(writer.take().buffers)
    expect(bytes.subarray(0, 8).toString('hex')).toBe('070f184047000000')
    expect(bytes.readUInt32LE(24)).toBe(crc32c(bytes.subarray(0, 24)))
    expect(bytes.subarray(28, 64)).toEqual(Buffer.alloc(36))
    expect(bytes.subarray(64, 67).toString('hex')).toBe('010203')
    expect(bytes.readUInt32LE(67)).toBe(crc32c(Uint8Array.of(1, 2, 3)))
    expect(bytes.byteLength).toBe(71)
  })

  it('leaves the data digest out where there is no data', () => {
    const writer = new PduWriter(new BufferPool())
    writer.initialized({ headerDigest: false, dataDigest: true, dataAlignment: 31 })
    const at = writer.begin(PduType.capsuleCmd)
    beginCapsuleCmd(writer.view, at)
    writer.end()
    const bytes = Buffer.concat(writer.take().buffers)
    expect(bytes.subarray(0, 8).toString('hex')).toBe('0400480048000000')
    expect(bytes.byteLength).toBe(72)
  })

  it('writes a TermReq without digests and padding', () => {
    const writer = new PduWriter(new BufferPool())
    writer.initialized({ headerDigest: true, dataDigest: true, dataAlignment: 31 })
    const at = writer.begin(PduType.c2hTermReq)
    encodeTermReq(writer.view, at, PduType.c2hTermReq, { fes: 1, fei: 2 })
    writer.end(Uint8Array.of(7, 8))
    const bytes = Buffer.concat(writer.take().buffers)
    expect(bytes.toString('hex')).toBe(`030018001a00000001000200000${'0'.repeat(21)}0708`)
  })

  it('refers to large data where it lies and copies small data', () => {
    const writer = new PduWriter(new BufferPool())
    const large = new Uint8Array(4096)
    writeData(writer, large)
    writeData(writer, new Uint8Array(512))
    writeData(writer, new Uint8Array(8))
    const { buffers } = writer.take()
    expect(buffers[1]).toBe(large)
    expect(buffers.map((buffer) => buffer.byteLength)).toEqual([24, 4096, 24 + 512 + 24 + 8])
  })

  it('gives back slabs and owners when the batch was written', () => {
    const pool = new BufferPool()
    const writer = new PduWriter(pool)
    let released = 0
    for (let i = 0; i < 100; i++) {
      const owner = pool.acquire(4096)
      const giveBack = (): void => {
        pool.release(owner)
        released++
      }
      writeData(writer, owner, i % 2 === 0 ? owner : giveBack)
    }
    const batch = writer.take()
    expect(pool.lentBytes).toBeGreaterThan(100 * 4096)
    batch.written()
    expect(pool.lentBytes).toBe(0)
    expect(released).toBe(50)
    writeData(writer, Uint8Array.of(1))
    writer.discard()
    expect(pool.lentBytes).toBe(0)
  })

  it('counts what is pending', () => {
    const writer = new PduWriter(new BufferPool())
    writeData(writer, new Uint8Array(4096))
    writeData(writer, new Uint8Array(3))
    expect(writer.pendingBytes).toBe(2 * 24 + 4099)
    writer.take().written()
    expect(writer.pendingBytes).toBe(0)
  })
})
