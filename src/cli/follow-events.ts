/**
 * The cluster's events as they happen. A stream that breaks is opened again from the event after the last one seen, so
 * that none is missed and none comes twice; waits grow while the master stays away. Refusals (no token, no such volume)
 * end it, for they do not pass by themselves.
 */
import { BlockError, isBlockError } from '../base/errors.ts'
import { type ApiClient, expectShape, parseJson, problemError } from '../client/http/api-client.ts'
import { EventStreamParser } from '../client/http/event-stream.ts'
import { ClusterEvent, type EventFilter, eventStreamPath } from '../client/wire/cluster.ts'
import type { Terminal } from './terminal.ts'

const RECONNECT_MS = { first: 250, max: 5000 } as const
/** Of an answer that is an error and no stream. */
const PROBLEM_CHARS_MAX = 64 * 1024

export interface FollowOptions {
  readonly filter: EventFilter & { readonly after: number }
  readonly terminal: Terminal
  readonly signal: AbortSignal
  show(event: ClusterEvent): void
  /** The stream broke, with why; it is being opened again. */
  broke(reason: string): void
}

/** Shows events until `signal` aborts. ACCESS_DENIED, NOT_FOUND, INVALID_ARGUMENT, PROTOCOL end it. */
export async function followEvents(api: ApiClient, options: FollowOptions): Promise<void> {
  const { filter, terminal, signal, show, broke } = options
  let after: number = filter.after
  let waitMs: number = RECONNECT_MS.first
  let isKnownBroken = false
  while (!signal.aborted) {
    try {
      await readStream(api, { ...filter, after }, signal, (event) => {
        waitMs = RECONNECT_MS.first
        isKnownBroken = false
        // A repeated event keeps its number: what is shown again has another count.
        after = Math.max(after, event.number)
        show(event)
      })
    } catch (error) {
      if (signal.aborted) return
      if (!isBlockError(error) || !PASSING.has(error.code)) throw error
      if (!isKnownBroken) broke(error.message)
      isKnownBroken = true
    }
    await terminal.pause(waitMs, signal)
    waitMs = Math.min(RECONNECT_MS.max, waitMs * 2)
  }
}

const PASSING: ReadonlySet<string> = new Set(['DISCONNECTED', 'TIMED_OUT', 'BUSY', 'CLOSED'])

async function readStream(
  api: ApiClient,
  filter: EventFilter,
  signal: AbortSignal,
  show: (event: ClusterEvent) => void,
): Promise<void> {
  const { connection } = api
  const { status, pieces } = await connection.stream(eventStreamPath(filter), signal)
  if (status !== 200) throw problemError({ status, text: await readSome(pieces) }, connection)
  const parser = new EventStreamParser()
  try {
    for await (const piece of pieces) {
      for (const { event, data } of parser.push(piece)) {
        if (event !== 'message' && event !== 'event') continue
        show(expectShape(ClusterEvent, parseJson(data), connection.origin))
      }
    }
  } catch (error) {
    if (error instanceof RangeError) {
      throw new BlockError('PROTOCOL', `${connection.origin}: ${error.message}`, { cause: error })
    }
    if (isBlockError(error)) throw error
    throw new BlockError('DISCONNECTED', `the stream of events from ${connection.origin} broke`, {
      cause: error,
    })
  }
}

async function readSome(pieces: AsyncIterable<string>): Promise<string> {
  let text = ''
  for await (const piece of pieces) {
    text += piece
    if (text.length > PROBLEM_CHARS_MAX) break
  }
  return text
}
