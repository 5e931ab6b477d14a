/** What a schema refuses, as a sentence that names the field and says what it may be. */
import type { FastifySchemaValidationError } from 'fastify'
import { printable } from '../base/names.ts'
import { PATTERN_SENTENCES } from './patterns.ts'
import { RequestRefusal } from './problem.ts'

/** The first of `errors`, as the framework's `schemaErrorFormatter`. `part` is `body`, `params`, `querystring`. */
export function schemaError(errors: FastifySchemaValidationError[], part: string): RequestRefusal {
  const error = errors.find(({ keyword }) => keyword !== 'anyOf') ?? errors[0]
  const text = error === undefined ? `the ${part} is not what it should be` : sentenceOf(error, part)
  return new RequestRefusal(400, text, { reason: 'invalid_request' })
}

function sentenceOf(error: FastifySchemaValidationError, part: string): string {
  const { keyword, params, instancePath, message } = error
  const path = printable(instancePath.slice(1).replaceAll('/', '.'))
  const field = path === '' ? `the ${part}` : `'${path}'`
  switch (keyword) {
    case 'required':
      return `'${inside(path, params.missingProperty)}' is missing`
    case 'additionalProperties':
      return `there is no field '${inside(path, params.additionalProperty)}'; /openapi.json lists those that there are`
    case 'enum':
      return `${field} is one of ${[params.allowedValues].flat().map(String).join(', ')}`
    case 'type':
      return `${field} is to be of type ${[params.type].flat().map(String).join(' or ')}`
    case 'pattern':
      return PATTERN_SENTENCES[String(params.pattern)] ?? `${field} ${message ?? 'is not what it should be'}`
    default:
      return `${field} ${message ?? 'is not what it should be'}`
  }
}

const inside = (path: string, name: unknown): string =>
  printable(path === '' ? String(name) : `${path}.${String(name)}`)
