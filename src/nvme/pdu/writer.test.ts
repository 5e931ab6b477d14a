import { describe, expect, it } from 'vitest'
import { BufferPool } from '../../base/buffer-pool.ts'
import { crc32c } from '../../base/crc32c.ts'
import { KIB } from '../../base/units.ts'
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

  it('refers to large data where it lies and copies what is small', () => {
    const writer = new PduWriter(new BufferPool())
    const large = new Uint8Array(16 * KIB + 1)
    writeData(writer, large)
    writeData(writer, new Uint8Array(4096))
    writeData(writer, new Uint8Array(8))
    const { buffers } = writer.take()
    expect(buffers[1]).toBe(large)
    expect(buffers.map((buffer) => buffer.byteLength)).toEqual([24, large.byteLength, 24 + 4096 + 24 + 8])
  })

  it('carries data and its digest over from slab to slab', () => {
    const writer = new PduWriter(new BufferPool())
    writer.initialized({ headerDigest: true, dataDigest: true, dataAlignment: 0 })
    const payloads = Array.from({ length: 40 }, (_, i) => new Uint8Array(1000 + 397 * i).fill(i + 1))
    for (const payload of payloads) writeData(writer, payload)
    const pendingBytes = writer.pendingBytes
    const bytes = Buffer.concat(writer.take().buffers)
    expect(bytes.byteLength).toBe(pendingBytes)
    let at = 0
    for (const payload of payloads) {
      expect(bytes.readUInt32LE(at + 4)).toBe(28 + payload.byteLength + 4)
      expect(bytes.subarray(at + 28, at + 28 + payload.byteLength).equals(payload)).toBe(true)
      expect(bytes.readUInt32LE(at + 28 + payload.byteLength)).toBe(crc32c(payload))
      at += 28 + payload.byteLength + 4
    }
    expect(at).toBe(pendingBytes)
  })

  it('gives back the owners of copied data at once, others and slabs when the batch was written', () => {
    const pool = new BufferPool()
    const writer = new PduWriter(pool)
    let released = 0
    let toldWritten = 0
    const write = (lengthBytes: number, isCall: boolean): void => {
      const owner = pool.acquire(lengthBytes)
      const giveBack = (): void => {
        pool.release(owner)
        released++
      }
      writeData(writer, owner, isCall ? giveBack : owner)
      writer.whenWritten(() => toldWritten++)
    }
    for (let i = 0; i < 10; i++) write(4096, i % 2 === 0)
    expect(released).toBe(5)
    // one slab
    expect(pool.lentBytes).toBe(64 * KIB)
    for (let i = 0; i < 100; i++) write(32 * KIB, i % 2 === 0)
    const batch = writer.take()
    expect(pool.lentBytes).toBeGreaterThan(100 * 32 * KIB)
    expect({ released, toldWritten }).toEqual({ released: 5, toldWritten: 0 })
    batch.written()
    expect(pool.lentBytes).toBe(0)
    expect({ released, toldWritten }).toEqual({ released: 55, toldWritten: 110 })
    writeData(writer, Uint8Array.of(1))
    writer.discard()
    expect(pool.lentBytes).toBe(0)
  })

  it.each([
    { headerDigest: false, dataDigest: false, dataAlignment: 0 },
    { headerDigest: true, dataDigest: true, dataAlignment: 31 },
  ])('takes data that was made in its place, and data that was not: %o', (agreed) => {
    const payloads = Array.from({ length: 60 }, (_, i) =>
      new Uint8Array(1 + ((i * 7919) % (16 * KIB))).fill(i + 1),
    )
    const written = (usesPlaces: boolean): Buffer => {
      const writer = new PduWriter(new BufferPool())
      writer.initialized(agreed)
      for (const [i, payload] of payloads.entries()) {
        const place = writer.place(PduType.c2hData, payload.byteLength)
        place?.fill(0xee)
        // every third place is left unused
        if (usesPlaces && i % 3 !== 2) place?.set(payload)
        writeData(writer, usesPlaces && i % 3 !== 2 ? place! : payload)
      }
      return Buffer.concat(writer.take().buffers)
    }
    expect(written(true).equals(written(false))).toBe(true)
  })

  it('has no place for what is not copied', () => {
    const writer = new PduWriter(new BufferPool())
    expect(writer.place(PduType.c2hData, 16 * KIB)?.byteLength).toBe(16 * KIB)
    expect(writer.place(PduType.c2hData, 16 * KIB + 1)).toBeUndefined()
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
