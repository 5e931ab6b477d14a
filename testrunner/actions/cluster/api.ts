/** Requests to the master's HTTP API that no other action makes, and the product's own command line. */
import { Type } from 'typebox'
import { isBlockError } from '../../../src/base/errors.ts'
import { parseJson } from '../../../src/client/http/api-client.ts'
import { StepFailure } from '../../model/failure.ts'
import {
  anything,
  integer,
  listOf,
  machineName,
  oneOf,
  optional,
  text,
  withDefault,
} from '../../model/parameters.ts'
import type { Value, ValueMap } from '../../model/value.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { machineOf } from '../core/exec.ts'
import { asValue, badArgument, notAsStated } from '../shared/failures.ts'
import { fieldOf } from '../shared/fields.ts'

const METHODS = ['GET', 'POST', 'PUT', 'DELETE'] as const
type Method = (typeof METHODS)[number]

const PATH = text('the path, e.g. /block/status')

/** The answer whatever its status: `{status, body}`; of errors `{status, code, reason, message}`. */
export async function request(
  { world, signal }: ActionContext,
  method: Method,
  path: string,
  body?: Value,
): Promise<ValueMap> {
  if (!path.startsWith('/')) throw badArgument(`path: '${path}' does not begin with /`)
  try {
    const answer = await world.cluster.api.call(method, path, Type.Unknown(), body, signal)
    return { status: 200, body: asValue(answer) }
  } catch (error) {
    if (!isBlockError(error) || typeof error.facts.status !== 'number') throw error
    const { status, reason } = error.facts
    return { status, code: error.code, reason: asValue(reason), message: error.message }
  }
}

export const API_GET = defineAction({
  name: 'api_get',
  group: 'cluster',
  summary: "Ask the master's API, and keep the answer",
  parameters: { path: PATH, field: optional(text('only this part of it, e.g. volumes.0.name')) },
  result: 'the answer, or its field',
  run: async (context, { path, field }) => {
    const answer = await request(context, 'GET', path)
    if (answer.status !== 200) throw notAsStated(`GET ${path} was refused: ${answer.message}`, 200, answer)
    const { body = null } = answer
    if (field === undefined) return body
    const found = fieldOf(body, field)
    if (found === undefined) throw notAsStated(`the answer has no ${field}`, field, body)
    return found
  },
})

export const API_REQUEST = defineAction({
  name: 'api_request',
  group: 'cluster',
  summary: "Send a request to the master's API, and state what it answers",
  parameters: {
    method: oneOf(METHODS, 'the method'),
    path: PATH,
    body: optional(anything('what is sent, as JSON')),
    status: optional(integer('status of the refusal that it must answer; left out: it must do it', 300, 599)),
    reason: optional(text('reason of the refusal, e.g. published_elsewhere')),
  },
  result: '{status, body}, or of a refusal {status, code, reason, message}',
  run: async (context, { method, path, body, status = 200, reason }) => {
    const sent = body ?? (method === 'POST' || method === 'PUT' ? {} : undefined)
    const answer = await request(context, method, path, sent)
    const isRight = answer.status === status && (reason === undefined || answer.reason === reason)
    if (!isRight) {
      const expected = reason === undefined ? { status } : { status, reason }
      throw notAsStated(`${method} ${path} answered ${answer.status}`, expected, answer)
    }
    return answer
  },
})

export const CLI = defineAction({
  name: 'cli',
  group: 'cluster',
  summary: "Run one of the product's own commands on the first master's machine",
  parameters: {
    command: listOf(text('its words, e.g. [volume, list, --json]; one text alone is split at blanks')),
    code: withDefault(integer('exit code that it must have', 0, 255), 0),
    contains: optional(text('must be in what it prints')),
    machine: withDefault(machineName('machine that runs it'), 'm1'),
  },
  result: '{code, stdout, stderr}, and json when its output is JSON',
  run: async ({ world, signal }, { command, code, contains, machine }) => {
    const runsOn = machineOf(world, machine)
    const words = command.length === 1 ? (command[0] ?? '').split(/\s+/).filter(Boolean) : command
    const ran = await runsOn.run([...runsOn.basalt, ...words], {
      signal,
      environment: world.cluster.environment,
    })
    const seen = { code: ran.code, stdout: ran.stdout.slice(-4000), stderr: ran.stderr.slice(-4000) }
    const line = `basalt ${words.join(' ')}`
    if (signal.aborted) throw new StepFailure('TIMEOUT', `'${line}' did not end`, seen)
    if (ran.code !== code) throw notAsStated(`'${line}' ended with ${ran.code ?? 'a signal'}`, { code }, seen)
    if (contains !== undefined && !`${ran.stdout}${ran.stderr}`.includes(contains))
      throw notAsStated(`'${line}' does not print the text`, { contains }, seen)
    const json = parseJson(ran.stdout) as Value | undefined
    return json === undefined ? seen : { ...seen, json }
  },
})
