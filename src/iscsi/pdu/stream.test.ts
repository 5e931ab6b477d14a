import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { viewOf } from '../../base/binary.ts'
import { crc32c } from '../../base/crc32c.ts'
import { dataSegmentLength, initiatorTaskTag } from './bhs.ts'
import { type DataSink, type PduHandler, PduStream, type StreamFault } from './stream.ts'

const LIMITS = { dataSegmentBytesMax: 4096, ahsBytesMax: 256 }

interface Sent {
  readonly tag: number
  readonly ahsBytes: number
  readonly data: Uint8Array
}

/** A PDU as a peer sends it: any opcode, a tag to tell it by, lengths, padding and digests. */
function wire(sent: Sent, digests = { header: false, data: false }): Uint8Array {
  const headerBytes = 48 + sent.ahsBytes
  const paddedBytes = (sent.data.byteLength + 3) & ~3
  const digestedData = digests.data && paddedBytes > 0
  const out = new Uint8Array(
    headerBytes + (digests.header ? 4 : 0) + paddedBytes + (digestedData ? 4 : 0),
  ).fill(0)
  const view = viewOf(out)
  view.setUint8(0, 0x05)
  view.setUint32(4, ((sent.ahsBytes / 4) << 24) | sent.data.byteLength)
  view.setUint32(16, sent.tag)
  out.fill(0xab, 48, headerBytes)
  let at = headerBytes
  if (digests.header) {
    view.setUint32(at, crc32c(out.subarray(0, at)), true)
    at += 4
  }
  out.set(sent.data, at)
  if (digestedData) view.setUint32(at + paddedBytes, crc32c(out.subarray(at, at + paddedBytes)), true)
  return out
}

const join = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

/** Records what it is told. Asks for each data segment in another way, by the tag. */
class Recorder implements PduHandler {
  readonly seen: string[] = []
  #tag = 0

  header(view: DataView, offset: number): DataSink {
    this.#tag = initiatorTaskTag(view, offset)
    const length = dataSegmentLength(view, offset)
    if (this.#tag % 3 === 0) return 'lend'
    return this.#tag % 3 === 1 ? new Uint8Array(length) : 'discard'
  }

  end(data: Uint8Array): void {
    this.seen.push(`${this.#tag}:${Buffer.from(data).toString('hex')}`)
  }

  fault(fault: StreamFault, view: DataView, offset: number): void {
    this.seen.push(`${initiatorTaskTag(view, offset)}!${fault}`)
  }
}

function parse(chunks: readonly Uint8Array[], digests = { header: false, data: false }): string[] {
  const recorder = new Recorder()
  const stream = new PduStream(recorder, LIMITS)
  stream.setDigests(digests)
  for (const chunk of chunks) {
    const lent = Uint8Array.from(chunk)
    stream.push(lent)
    lent.fill(0xee)
  }
  return recorder.seen
}

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...new Set(places.map((place) => place % bytes.byteLength)), bytes.byteLength]
  ends.sort((a, b) => a - b)
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
}

const arbitrarySent: fc.Arbitrary<Sent> = fc.record({
  tag: fc.nat(1000),
  ahsBytes: fc.constantFrom(0, 0, 0, 8, 256),
  data: fc.oneof(fc.constant(new Uint8Array(0)), fc.uint8Array({ maxLength: 300 })),
})
const arbitraryDigests = fc.record({ header: fc.boolean(), data: fc.boolean() })

describe('PduStream', () => {
  it('parses any split of a stream alike', () => {
    fc.assert(
      fc.property(
        fc.array(arbitrarySent, { minLength: 1, maxLength: 6 }),
        arbitraryDigests,
        fc.array(fc.nat(3000), { maxLength: 12 }),
        (pdus, digests, places) => {
          const bytes = join(pdus.map((pdu) => wire(pdu, digests)))
          const expected = pdus.map(
            ({ tag, data }) => `${tag}:${tag % 3 === 2 ? '' : Buffer.from(data).toString('hex')}`,
          )
          expect(parse(cut(bytes, places), digests)).toEqual(expected)
        },
      ),
      { numRuns: 400 },
    )
  })

  it('parses byte by byte', () => {
    const pdus = [
      { tag: 3, ahsBytes: 8, data: Uint8Array.of(1, 2, 3) },
      { tag: 4, ahsBytes: 0, data: new Uint8Array(0) },
      { tag: 5, ahsBytes: 0, data: Uint8Array.of(9, 9) },
    ]
    const bytes = join(pdus.map((pdu) => wire(pdu, { header: true, data: true })))
    const chunks = [...bytes].map((byte) => Uint8Array.of(byte))
    expect(parse(chunks, { header: true, data: true })).toEqual(['3:010203', '4:', '5:'])
  })

  it('never throws on damaged streams', () => {
    fc.assert(
      fc.property(
        fc.array(arbitrarySent, { minLength: 1, maxLength: 4 }),
        arbitraryDigests,
        fc.array(fc.tuple(fc.nat(1000), fc.nat(255)), { maxLength: 8 }),
        fc.array(fc.nat(3000), { maxLength: 5 }),
        (pdus, digests, damages, places) => {
          const bytes = join(pdus.map((pdu) => wire(pdu, digests)))
          for (const [at, value] of damages) bytes[at % bytes.byteLength] = value
          expect(parse(cut(bytes, places), digests)).toEqual(parse([bytes], digests))
        },
      ),
      { numRuns: 400 },
    )
  })

  it('ends the stream when the header digest is wrong', () => {
    const bytes = wire({ tag: 3, ahsBytes: 0, data: new Uint8Array(0) }, { header: true, data: false })
    bytes[30]! ^= 1
    const next = wire({ tag: 6, ahsBytes: 0, data: new Uint8Array(0) }, { header: true, data: false })
    expect(parse([bytes, next], { header: true, data: false })).toEqual(['3!header digest error'])
  })

  it.each([
    ['in one chunk', [0]],
    ['cut in the data', [60]],
    ['cut in the digest', [54]],
  ])('reports a wrong data digest and goes on, %s', (_, places) => {
    const digests = { header: false, data: true }
    const bytes = wire({ tag: 4, ahsBytes: 0, data: Uint8Array.of(1, 2, 3) }, digests)
    bytes[49]! ^= 1
    const next = wire({ tag: 6, ahsBytes: 0, data: Uint8Array.of(7) }, digests)
    expect(parse(cut(join([bytes, next]), places), digests)).toEqual(['4!data digest error', '6:07'])
  })

  it('covers the padding by the data digest', () => {
    const digests = { header: false, data: true }
    const bytes = wire({ tag: 4, ahsBytes: 0, data: Uint8Array.of(1, 2, 3) }, digests)
    bytes[51]! ^= 1
    expect(parse([bytes], digests)).toEqual(['4!data digest error'])
    expect(parse(cut(bytes, [50]), digests)).toEqual(['4!data digest error'])
  })

  it('takes a data segment as long as the limit and refuses one byte more', () => {
    const longest = wire({ tag: 3, ahsBytes: 0, data: new Uint8Array(4096) })
    expect(parse([longest])[0]).toMatch(/^3:/)
    expect(parse([wire({ tag: 3, ahsBytes: 0, data: new Uint8Array(4097) })])).toEqual(['3!segment too long'])
  })

  it('takes additional headers as long as the limit and refuses one word more', () => {
    expect(parse([wire({ tag: 3, ahsBytes: 256, data: new Uint8Array(0) })])).toEqual(['3:'])
    expect(parse([wire({ tag: 3, ahsBytes: 260, data: new Uint8Array(0) })])).toEqual(['3!bad AHS'])
  })

  it('agrees with another implementation on digests and padding', () => {
    // A NOP-In of tgt 1.0.85 with both digests on, captured: the echo of "hello".
    const captured =
      '2080000000000005000000000000000000000011ffffffff000000010000000100000081000000000000000000000000' +
      '7c6b3618' +
      '68656c6c6f000000' +
      'b3ed0390'
    const chunk = Buffer.from(captured, 'hex')
    const expected = ['17:'] // the recorder discards the segment of tag 17
    expect(parse([chunk], { header: true, data: true })).toEqual(expected)
    expect(parse(cut(chunk, [20, 50, 55, 61]), { header: true, data: true })).toEqual(expected)
    const ours = wire({ tag: 17, ahsBytes: 0, data: Buffer.from('hello') }, { header: false, data: true })
    expect(Buffer.from(ours.subarray(48))).toEqual(chunk.subarray(52))
  })

  it('switches digests between two PDUs of one chunk', () => {
    const seen: number[] = []
    const stream: PduStream = new PduStream(
      {
        header: (view, offset) => {
          seen.push(initiatorTaskTag(view, offset))
          return 'lend'
        },
        end: () => stream.setDigests({ header: true, data: true }),
        fault: (fault) => expect.fail(fault),
      },
      LIMITS,
    )
    const first = wire({ tag: 1, ahsBytes: 0, data: Uint8Array.of(1) })
    const second = wire({ tag: 2, ahsBytes: 0, data: Uint8Array.of(2) }, { header: true, data: true })
    stream.push(join([first, second]))
    expect(seen).toEqual([1, 2])
  })

  it('lends the very bytes of the chunk when the segment lies whole in it', () => {
    const chunk = wire({ tag: 1, ahsBytes: 0, data: Uint8Array.of(1, 2, 3, 4) })
    const stream = new PduStream(
      {
        header: () => 'lend',
        end: (data) => {
          expect(data.buffer).toBe(chunk.buffer)
          expect(data.byteOffset).toBe(48)
        },
        fault: (fault) => expect.fail(fault),
      },
      LIMITS,
    )
    stream.push(chunk)
    expect.assertions(2)
  })

  it('takes nothing more once stopped by the handler', () => {
    let headers = 0
    const stream: PduStream = new PduStream(
      {
        header: () => {
          headers++
          stream.stop()
          return 'discard'
        },
        end: () => expect.fail('the PDU was not wanted'),
        fault: (fault) => expect.fail(fault),
      },
      LIMITS,
    )
    const bytes = wire({ tag: 1, ahsBytes: 0, data: Uint8Array.of(1) })
    stream.push(join([bytes, bytes]))
    stream.push(bytes)
    expect(headers).toBe(1)
  })
})
