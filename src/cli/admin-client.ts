/**
 * A client of the admin HTTP API. Every failure becomes a `BlockError`: the API's own errors keep their code, a
 * server that cannot be reached is DISCONNECTED. Answers and waits are bounded.
 */
import { readFile } from 'node:fs/promises'
import type { Static, TSchema } from 'typebox'
import { BLOCK_ERROR_CODES, BlockError, type BlockErrorCode } from '../base/errors.ts'
import { expectShape } from './resources.ts'

const ANSWER_BYTES_MAX = 16 * 1024 * 1024

export interface AdminClientOptions {
  /** `http://HOST:PORT` or `HOST:PORT`. */
  readonly address: string
  readonly tokenFile?: string | undefined
  readonly timeoutMs?: number
}

export class AdminClient {
  readonly #base: URL
  readonly #token: string | undefined
  readonly #timeoutMs: number

  private constructor(base: URL, token: string | undefined, timeoutMs: number) {
    this.#base = base
    this.#token = token
    this.#timeoutMs = timeoutMs
  }

  /** INVALID_ARGUMENT for an address that is none, NOT_FOUND for a token file that is not there. */
  static async open(options: AdminClientOptions): Promise<AdminClient> {
    const { address, tokenFile } = options
    const text = /^https?:\/\//.test(address) ? address : `http://${address}`
    if (!URL.canParse(text)) {
      throw new BlockError(
        'INVALID_ARGUMENT',
        `--admin: '${address}' is not an address; write http://127.0.0.1:7462`,
      )
    }
    const token = tokenFile === undefined ? undefined : await readToken(tokenFile)
    return new AdminClient(new URL(text), token, options.timeoutMs ?? 60_000)
  }

  get<S extends TSchema>(path: string, schema: S): Promise<Static<S>> {
    return this.#request('GET', path, schema)
  }

  post<S extends TSchema>(path: string, schema: S): Promise<Static<S>> {
    return this.#request('POST', path, schema)
  }

  async #request<S extends TSchema>(method: string, path: string, schema: S): Promise<Static<S>> {
    const url = new URL(path, this.#base)
    const { status, text } = await this.#fetch(method, url)
    const answer = parseJson(text)
    if (status >= 200 && status < 300) return expectShape(schema, answer, url.origin)
    throw problemError(answer, status, url)
  }

  async #fetch(method: string, url: URL): Promise<{ status: number; text: string }> {
    const headers: Record<string, string> = { accept: 'application/json' }
    if (this.#token !== undefined) headers.authorization = `Bearer ${this.#token}`
    try {
      const signal = AbortSignal.timeout(this.#timeoutMs)
      const response = await fetch(url, { method, headers, signal, redirect: 'error' })
      return { status: response.status, text: await readBounded(response) }
    } catch (cause) {
      if (cause instanceof BlockError) throw cause
      const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
      throw new BlockError(
        'DISCONNECTED',
        `no answer from ${url.origin}; is basalt running there? Give its address with --admin`,
        { cause: reason },
      )
    }
  }
}

async function readToken(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (cause) {
    throw new BlockError('NOT_FOUND', `--admin-token-file: cannot read ${path}`, { cause })
  }
}

async function readBounded(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > ANSWER_BYTES_MAX) {
      throw new BlockError('PROTOCOL', `${response.url} answered more than ${ANSWER_BYTES_MAX} bytes`)
    }
  }
  return text + decoder.decode()
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** RFC 9457: the problem's `code` is the server's error code; without one the status has to do. */
function problemError(answer: unknown, status: number, url: URL): BlockError {
  const problem = (answer ?? {}) as { code?: unknown; detail?: unknown; title?: unknown }
  const known = BLOCK_ERROR_CODES.find((code) => code === problem.code)
  const detail = [problem.detail, problem.title].find((text): text is string => typeof text === 'string')
  return new BlockError(known ?? codeOfStatus(status), detail ?? `${url.href} answered HTTP ${status}`, {
    facts: { status },
  })
}

function codeOfStatus(status: number): BlockErrorCode {
  if (status === 401 || status === 403) return 'ACCESS_DENIED'
  if (status === 404) return 'NOT_FOUND'
  if (status === 409) return 'CONFLICT'
  if (status === 429 || status >= 500) return 'BUSY'
  return 'PROTOCOL'
}
