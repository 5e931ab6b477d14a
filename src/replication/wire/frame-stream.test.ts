import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CONTENT_BYTES_MAX,
  encodeFrameHeader,
  FRAME,
  FRAME_HEADER_BYTES,
  type FrameFault,
  type FrameKind,
  payloadBytesMax,
} from './frame.ts'
import { type FrameReceiver, FrameStream } from './frame-stream.ts'

/** Keeps what it is told, as text. */
class Recorder implements FrameReceiver {
  isPeerKnown = true
  readonly seen: string[] = []
  largestBytes = 0

  buffer(_kind: FrameKind, lengthBytes: number): Uint8Array {
    this.largestBytes = Math.max(this.largestBytes, lengthBytes)
    return new Uint8Array(lengthBytes)
  }

  frame(kind: FrameKind, payload: Uint8Array): void {
    this.seen.push(`${kind} ${Buffer.from(payload).toString('hex')}`)
  }

  fault(fault: FrameFault): void {
    this.seen.push(fault)
  }
}

function frames(list: readonly (readonly [FrameKind, Uint8Array])[]): Buffer {
  return Buffer.concat(
    list.flatMap(([kind, payload], sequence) => [encodeFrameHeader(kind, sequence, [payload]), payload]),
  )
}

const kinds = fc.constantFrom(...Object.values(FRAME))
const lists = fc.array(fc.tuple(kinds, fc.uint8Array({ maxLength: 300 })), { maxLength: 8 })

describe('a stream of frames', () => {
  it('gives the same frames however the bytes are cut', () => {
    fc.assert(
      fc.property(lists, fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (list, cuts) => {
        const bytes = frames(list)
        const recorder = new Recorder()
        const stream = new FrameStream(recorder)
        for (let at = 0, i = 0; at < bytes.byteLength; i++) {
          const cut = cuts[i % cuts.length]!
          stream.push(bytes.subarray(at, at + cut))
          at += cut
        }
        expect(recorder.seen).toEqual(
          list.map(([kind, payload]) => `${kind} ${Buffer.from(payload).toString('hex')}`),
        )
      }),
    )
  })

  it('ends with one fault at the first byte that is not as it was sent, and passes nothing on after it', () => {
    fc.assert(
      fc.property(
        lists.filter((list) => list.length > 0),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (list, place, flip) => {
          const bytes = frames(list)
          bytes[place % bytes.byteLength]! ^= flip
          const recorder = new Recorder()
          new FrameStream(recorder).push(bytes)
          const whole = list.map(([kind, payload]) => `${kind} ${Buffer.from(payload).toString('hex')}`)
          const good = recorder.seen.findIndex((one, i) => one !== whole[i])
          expect(good).toBeGreaterThanOrEqual(0)
          expect(recorder.seen).toHaveLength(good + 1)
          expect(recorder.seen[good]).toMatch(/not a frame|checksum/)
        },
      ),
    )
  })

  it('refuses a frame that was left out, doubled or put in', () => {
    const [a, b] = [0, 1].map((sequence) => encodeFrameHeader(FRAME.release, sequence, [])) as [
      Uint8Array,
      Uint8Array,
    ]
    for (const order of [[b], [a, a], [a, b, b]]) {
      const recorder = new Recorder()
      const stream = new FrameStream(recorder)
      for (const one of order) stream.push(one)
      expect(recorder.seen.at(-1)).toBe('out of sequence')
    }
  })

  it('takes a payload of the greatest length and refuses one byte more before it asks for a buffer', () => {
    for (const kind of Object.values(FRAME)) {
      for (const isPeerKnown of [false, true]) {
        const most = payloadBytesMax(kind, isPeerKnown)
        for (const lengthBytes of [most, most + 1]) {
          const recorder = new Recorder()
          recorder.isPeerKnown = isPeerKnown
          const header = encodeFrameHeader(kind, 0, [new Uint8Array(lengthBytes)])
          new FrameStream(recorder).push(header)
          if (lengthBytes > most) {
            expect(recorder.seen).toEqual(['too long'])
            expect(recorder.largestBytes).toBe(0)
          } else expect(recorder.largestBytes).toBe(most)
        }
      }
    }
    expect(payloadBytesMax(FRAME.append, false)).toBe(0)
    expect(payloadBytesMax(FRAME.blocks, true)).toBe(CONTENT_BYTES_MAX)
  })

  it('refuses a kind that it does not know, whole as the frame is', () => {
    const header = encodeFrameHeader(FRAME.ack, 0, [])
    const known = new Recorder()
    new FrameStream(known).push(header)
    expect(known.seen).toEqual([`${FRAME.ack} `])
    const other = encodeFrameHeader(250 as FrameKind, 0, [])
    const recorder = new Recorder()
    new FrameStream(recorder).push(other)
    expect(recorder.seen).toEqual(['unknown kind'])
  })

  it('passes nothing on after its end', () => {
    const recorder = new Recorder()
    const stream = new FrameStream(recorder)
    const payload = new Uint8Array(100)
    stream.push(encodeFrameHeader(FRAME.append, 0, [payload]))
    stream.push(payload.subarray(0, 50))
    stream.end()
    stream.push(payload.subarray(50))
    expect(recorder.seen).toEqual([])
  })

  it('has the bytes that docs/formats/replication.md shows', () => {
    const payload = Uint8Array.of(1, 2, 3)
    const header = encodeFrameHeader(FRAME.ack, 5, [payload.subarray(0, 1), payload.subarray(1)])
    expect(header.byteLength).toBe(FRAME_HEADER_BYTES)
    // computed apart from this code, with the polynomial of RFC 3720 B.4
    expect(Buffer.from(header).toString('hex')).toBe('425246312300000005000000030000001ef230f1aa0636bb')
  })
})
