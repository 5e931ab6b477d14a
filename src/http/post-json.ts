/** A JSON document posted over HTTP, and the one that comes back: bounded in time and size, every failure typed. */
import { BlockError } from '../base/errors.ts'

export interface PostOptions {
  readonly timeoutMs: number
  readonly answerBytesMax: number
  /** Ends it early. */
  readonly signal: AbortSignal
}

/** `text` is JSON already; an empty answer is undefined. DISCONNECTED, TIMED_OUT, or PROTOCOL for an answer that is no success or no JSON. */
export async function postJson(url: string, text: string, options: PostOptions): Promise<unknown> {
  const { timeoutMs, answerBytesMax, signal } = options
  const timeout = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: text,
      redirect: 'error',
      signal: AbortSignal.any([timeout, signal]),
    })
    const answer = await readBounded(response, answerBytesMax)
    if (!response.ok) throw new BlockError('PROTOCOL', `${url} answered with status ${response.status}`)
    return answer === '' ? undefined : (JSON.parse(answer) as unknown)
  } catch (cause) {
    if (cause instanceof BlockError) throw cause
    if (timeout.aborted) {
      throw new BlockError('TIMED_OUT', `${url} did not answer within ${timeoutMs} ms`, { cause })
    }
    if (cause instanceof SyntaxError)
      throw new BlockError('PROTOCOL', `${url} answered without JSON`, { cause })
    throw new BlockError('DISCONNECTED', `${url} cannot be reached`, { cause })
  }
}

async function readBounded(response: Response, bytesMax: number): Promise<string> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of response.body ?? []) {
    bytes += piece.byteLength
    if (bytes > bytesMax) throw new BlockError('PROTOCOL', `an answer of more than ${bytesMax} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}
