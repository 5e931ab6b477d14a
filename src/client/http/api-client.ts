/**
 * A client of a JSON API. Every failure becomes a `BlockError`: the API's own errors (RFC 9457) keep their code, and
 * what is missing of "what to do" is added here, for only the client knows its flags. An answer that is not as expected is
 * PROTOCOL: another program on that port, or another version of this one.
 */
import type { Static, TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { BLOCK_ERROR_CODES, BlockError, type BlockErrorCode } from '../../base/errors.ts'
import { printable } from '../../base/names.ts'
import { Connection, type ConnectionOptions, type HttpAnswer, type ServiceNames } from './connection.ts'

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

export class ApiClient {
  readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
  }

  static async open(options: ConnectionOptions): Promise<ApiClient> {
    return new ApiClient(await Connection.open(options))
  }

  get<S extends TSchema>(path: string, schema: S): Promise<Static<S>> {
    return this.call('GET', path, schema)
  }

  post<S extends TSchema>(path: string, schema: S, body: unknown = {}): Promise<Static<S>> {
    return this.call('POST', path, schema, body)
  }

  /** The answer to a request, checked against `schema`. ABORTED when `signal` aborts before it is there. */
  async call<S extends TSchema>(
    method: Method,
    path: string,
    schema: S,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<Static<S>> {
    const answer = await this.connection.exchange(method, path, body, signal)
    if (answer.status < 200 || answer.status >= 300) throw problemError(answer, this.connection)
    return expectShape(schema, parseJson(answer.text), this.connection.origin)
  }
}

/** `answer` as `schema` describes it; PROTOCOL when it is something else. */
export function expectShape<S extends TSchema>(schema: S, answer: unknown, origin: string): Static<S> {
  if (Value.Check(schema, answer)) return answer
  const error = Value.Errors(schema, answer)[0]
  const where = error === undefined ? '' : ` (${error.instancePath || '/'} ${error.message})`
  throw new BlockError(
    'PROTOCOL',
    `${origin} answered what this version of basalt does not understand${where}; is it a basalt API of the same version?`,
  )
}

/** The value of `text`, or undefined when it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** The error that an answer of status 300 and above stands for. */
export function problemError(
  { status, text }: HttpAnswer,
  source: { readonly origin: string; readonly names: ServiceNames },
): BlockError {
  const answer = parseJson(text)
  const problem: Readonly<Record<string, unknown>> =
    typeof answer === 'object' && answer !== null ? { ...answer } : {}
  const known = BLOCK_ERROR_CODES.find((code) => code === problem.code)
  const detail = [problem.detail, problem.title].find((said): said is string => typeof said === 'string')
  const reason = typeof problem.reason === 'string' ? problem.reason : undefined
  const node = typeof problem.node === 'string' ? { node: problem.node } : {}
  return new BlockError(
    known ?? codeOfStatus(status),
    adviseOn(
      status,
      reason,
      printableLine(detail ?? `${source.origin} answered HTTP ${status}`),
      source.names,
    ),
    { facts: { status, reason, unsafe: problem.unsafe === true, ...node } },
  )
}

/** With what to do about it, where the service cannot know. */
function adviseOn(
  status: number,
  reason: string | undefined,
  sentence: string,
  { tokenFlag, otherService }: ServiceNames,
): string {
  if (reason === 'no_such_path' && otherService !== undefined) return otherService
  // refused there, and not by whom was asked: no token changes that
  if (status === 403 && reason === 'repository') {
    return `${sentence}; 'basalt repository set' gives the cluster other keys`
  }
  if (reason === 'no_viable_primary') return `${sentence}; 'basalt volume plan' says why of each server`
  if (status === 401) return `${sentence}; give a valid token with ${tokenFlag}-file`
  if (status === 403) return `${sentence}; a token of a role that may is given with ${tokenFlag}-file`
  if (status === 429) return `${sentence}; try again in some seconds`
  if (status >= 300 && status < 400) return `${sentence}: another address; redirects are not followed`
  return sentence
}

function codeOfStatus(status: number): BlockErrorCode {
  if (status === 401 || status === 403) return 'ACCESS_DENIED'
  if (status === 404) return 'NOT_FOUND'
  if (status === 409) return 'CONFLICT'
  if (status === 400 || status === 422) return 'INVALID_ARGUMENT'
  if (status === 507) return 'NO_SPACE'
  if (status === 429 || status >= 500) return 'BUSY'
  return 'PROTOCOL'
}

const DETAIL_CHARS_MAX = 2000

/** A sentence from outside, without what a terminal would act on. */
const printableLine = (text: string): string =>
  text.length > DETAIL_CHARS_MAX ? printable(text) : text.replace(/\p{Cc}+/gu, ' ')
