/**
 * Server-sent events (WHATWG HTML §9.2.6, interpreting an event stream): text in pieces of any size in, messages out.
 * Comments and unknown fields are passed over; a message without data is none.
 */
export interface StreamMessage {
  /** Of this message, or the last one that had an id; empty at first. */
  readonly id: string
  readonly event: string
  readonly data: string
}

/** More than any event: a line without end is no event stream. */
const LINE_CHARS_MAX = 1024 * 1024

export class EventStreamParser {
  #rest = ''
  #id = ''
  #event = ''
  #data: string[] = []

  /** The messages that `piece` completes. Throws RangeError when a line is longer than any event. */
  push(piece: string): StreamMessage[] {
    const lines = (this.#rest + piece).split(/\r\n|\n|\r(?!$)/)
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > LINE_CHARS_MAX) throw new RangeError('a line of the event stream does not end')
    return lines.flatMap((line) => this.#line(line) ?? [])
  }

  #line(line: string): StreamMessage | undefined {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') this.#data.push(value)
    if (field === 'event') this.#event = value
    if (field === 'id' && !value.includes('\0')) this.#id = value
    return undefined
  }

  #dispatch(): StreamMessage | undefined {
    const data = this.#data
    const event = this.#event || 'message'
    this.#data = []
    this.#event = ''
    return data.length === 0 ? undefined : { id: this.#id, event, data: data.join('\n') }
  }
}
