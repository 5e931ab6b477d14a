/**
 * One HTTP service as a client reaches it: address, token, and the authority that signed its certificate. Over
 * `node:http` and not `fetch`, for only that takes a CA of our own. Answers and waits are bounded, redirects are not
 * followed (a token must not travel), and whatever fails before an answer is there becomes a `BlockError`.
 */
import { readFile } from 'node:fs/promises'
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { BlockError } from '../../base/errors.ts'

const ANSWER_BYTES_MAX = 16 * 1024 * 1024
const REQUEST_MS_MAX = 60_000

/** What the service is called in errors, and by which flags it is found and entered. */
export interface ServiceNames {
  /** "the master". */
  readonly service: string
  /** What it means when the path is unknown there: which other service that may be, and what to do then. */
  readonly otherService?: string
  readonly addressFlag: string
  readonly tokenFlag: string
}

export interface ConnectionOptions {
  /** `http://HOST:PORT`, `https://HOST:PORT` or `HOST:PORT`. */
  readonly address: string
  readonly names: ServiceNames
  /** The token itself; a file wins over it. */
  readonly token?: string | undefined
  readonly tokenFile?: string | undefined
  readonly caFile?: string | undefined
  readonly timeoutMs?: number | undefined
}

export interface HttpAnswer {
  readonly status: number
  readonly text: string
}

export class Connection {
  readonly names: ServiceNames
  readonly #base: URL
  readonly #token: string | undefined
  readonly #ca: string | undefined
  readonly #timeoutMs: number

  private constructor(
    base: URL,
    access: { token: string | undefined; ca: string | undefined },
    { names, timeoutMs }: ConnectionOptions,
  ) {
    this.names = names
    this.#base = base
    this.#token = access.token
    this.#ca = access.ca
    this.#timeoutMs = timeoutMs ?? REQUEST_MS_MAX
  }

  /** INVALID_ARGUMENT for an address or a token that is none, NOT_FOUND for a file that cannot be read. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { names, tokenFile, caFile } = options
    const base = parseAddress(options.address, names.addressFlag)
    const token =
      tokenFile === undefined ? options.token : await readText(tokenFile, `${names.tokenFlag}-file`)
    if (token !== undefined && !/^[\x21-\x7e]{1,4096}$/.test(token)) {
      throw new BlockError(
        'INVALID_ARGUMENT',
        `${names.tokenFlag}: what was given is not a token; it is one word on one line`,
      )
    }
    const ca = caFile === undefined ? undefined : await readText(caFile, '--ca')
    return new Connection(base, { token, ca }, options)
  }

  get origin(): string {
    return this.#base.origin
  }

  /**
   * One request and its whole answer, whatever its status. `body` is sent as JSON. ABORTED when `given` aborts before the answer:
   * whether it was done is unknown then.
   */
  async exchange(method: string, path: string, body?: unknown, given?: AbortSignal): Promise<HttpAnswer> {
    const timeout = AbortSignal.timeout(this.#timeoutMs)
    const signal = given === undefined ? timeout : AbortSignal.any([timeout, given])
    const content = body === undefined ? undefined : JSON.stringify(body)
    const headers =
      content === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(content)) }
    try {
      const response = await this.#send(method, path, { headers, signal, content })
      return { status: response.statusCode ?? 0, text: await readBounded(response, this.origin) }
    } catch (error) {
      if (given?.aborted === true) {
        throw new BlockError('ABORTED', `given up before ${this.names.service} had answered`, {
          cause: error,
        })
      }
      throw this.#failure(error)
    }
  }

  /** A request whose answer goes on; the pieces of its text as they come. Ends with the connection or with `signal`. */
  async stream(
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly pieces: AsyncIterable<string> }> {
    const headers = { accept: 'text/event-stream' }
    try {
      const response = await this.#send('GET', path, { headers, signal, content: undefined })
      response.setEncoding('utf8')
      return { status: response.statusCode ?? 0, pieces: response }
    } catch (error) {
      throw this.#failure(error)
    }
  }

  #send(
    method: string,
    path: string,
    options: {
      readonly headers: Readonly<Record<string, string>>
      readonly signal: AbortSignal
      readonly content: string | undefined
    },
  ): Promise<IncomingMessage> {
    const url = new URL(path, this.#base)
    const headers: Record<string, string> = { accept: 'application/json', ...options.headers }
    if (this.#token !== undefined) headers.authorization = `Bearer ${this.#token}`
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const more = { method, headers, signal: options.signal, agent: false as const }
    const request: ClientRequest =
      url.protocol === 'https:'
        ? requestHttps(url, this.#ca === undefined ? more : { ...more, ca: this.#ca })
        : requestHttp(url, more)
    request.on('response', resolve)
    request.on('error', reject)
    request.end(options.content)
    return promise
  }

  /** Why there was no answer, and what to do. */
  #failure(error: unknown): BlockError {
    if (error instanceof BlockError) return error
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const code = String((cause as { code?: unknown } | null)?.code ?? '')
    const { service, addressFlag } = this.names
    if (/CERT|ALTNAME|SIGNATURE|ISSUER/.test(code)) {
      return new BlockError(
        'ACCESS_DENIED',
        `the certificate of ${this.origin} is not trusted; give the cluster's CA with --ca`,
        { cause },
      )
    }
    if (/SSL|EPROTO/.test(code)) {
      return new BlockError(
        'PROTOCOL',
        `${this.origin} does not speak TLS; write http:// with ${addressFlag}`,
        {
          cause,
        },
      )
    }
    if (cause instanceof Error && cause.name === 'TimeoutError') {
      return new BlockError(
        'TIMED_OUT',
        `${service} at ${this.origin} did not answer within ${this.#timeoutMs / 1000} s; whether it did it is unknown`,
      )
    }
    return new BlockError(
      'DISCONNECTED',
      `no answer from ${this.origin}; is ${service} running there? Give its address with ${addressFlag}`,
      { cause },
    )
  }
}

function parseAddress(text: string, flag: string): URL {
  const whole = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`
  if (URL.canParse(whole)) {
    const url = new URL(whole)
    const isPlain = url.username === '' && url.search === '' && url.hash === ''
    if (/^https?:$/.test(url.protocol) && isPlain && (url.pathname === '/' || url.pathname === '')) return url
  }
  throw new BlockError(
    'INVALID_ARGUMENT',
    `${flag}: '${text.slice(0, 80)}' is not an address; write for example http://127.0.0.1:7470`,
  )
}

async function readText(path: string, flag: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (cause) {
    throw new BlockError('NOT_FOUND', `${flag}: cannot read ${path}`, { cause })
  }
}

async function readBounded(response: IncomingMessage, origin: string): Promise<string> {
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response as AsyncIterable<string>) {
    text += chunk
    if (text.length > ANSWER_BYTES_MAX) {
      throw new BlockError('PROTOCOL', `${origin} answered more than ${ANSWER_BYTES_MAX} bytes`)
    }
  }
  return text
}
