import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventStreamParser, type StreamMessage } from './event-stream.ts'

const parse = (pieces: readonly string[]): StreamMessage[] => {
  const parser = new EventStreamParser()
  return pieces.flatMap((piece) => parser.push(piece))
}

// The rules of WHATWG HTML §9.2.6, one after another.
const STREAM =
  ': a comment\n\ndata: one\nid: 1\n\ndata:two\r\ndata: lines\r\n\r\nevent: other\rdata: {"a":1}\r\rretry: 5\nid\ndata\n\n' +
  'data: without an end'
const MESSAGES: StreamMessage[] = [
  { id: '1', event: 'message', data: 'one' },
  { id: '1', event: 'message', data: 'two\nlines' },
  { id: '1', event: 'other', data: '{"a":1}' },
  { id: '', event: 'message', data: '' },
]

describe('an event stream', () => {
  it('is read by the rules', () => expect(parse([STREAM])).toEqual(MESSAGES))

  it('is read alike in whatever pieces it comes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: STREAM.length })), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), STREAM.length]
        expect(parse(at.slice(1).map((end, i) => STREAM.slice(at[i], end)))).toEqual(MESSAGES)
      }),
    )
  })

  it('is not kept without bounds', () => {
    expect(() => parse(['data: ', 'x'.repeat(1024 * 1024)])).toThrow(RangeError)
  })
})
