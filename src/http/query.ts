/**
 * A query string is text, and its schema may say `integer` or `boolean`: what spells one is made one before the schema
 * is checked. Everything else stays the text that it is, and the schema refuses it.
 */
import type { FastifyRequest } from 'fastify'

interface QuerySchema {
  readonly properties?: Readonly<Record<string, { readonly type?: unknown } | undefined>>
}

/** A hook for `preValidation`. */
export async function convertQuery(request: FastifyRequest): Promise<void> {
  const schema = request.routeOptions.schema?.querystring as QuerySchema | undefined
  if (schema?.properties === undefined) return
  const query: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(request.query as Record<string, unknown>)) {
    query[name] = convert(value, schema.properties[name]?.type)
  }
  request.query = query
}

function convert(value: unknown, type: unknown): unknown {
  if (typeof value !== 'string') return value
  if (type === 'integer' && /^\d{1,15}$/.test(value)) return Number(value)
  if (type === 'boolean' && (value === 'true' || value === 'false')) return value === 'true'
  return value
}
